package server

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"path/filepath"
	"strconv"

	"gocloud.dev/secrets"

	"strongroom/internal/archives"
	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/ferretdb"
	"strongroom/internal/dbengine/mariadb"
	"strongroom/internal/dbengine/postgres"
	"strongroom/internal/dbengine/virtuoso"
	"strongroom/internal/page"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/service/rds"
)

// Databases says how the databases of RDS run on this host.
type Databases struct {
	// Enabled is true unless it is given: false keeps databases from running, and from being made.
	Enabled *bool `yaml:"enabled"`
	// Ports are those that databases get that ask for none, or for one that is taken; 15432-16431 by default.
	Ports string `yaml:"ports"`
	// User is the account of the host that they run as where the server is root; the one that the engine's package made by
	// default.
	User string `yaml:"user"`
	// Address is where they listen, and what endpoints tell; 127.0.0.1 by default.
	Address string `yaml:"address"`
}

const (
	defaultDatabasePorts   = "15432-16431"
	defaultDatabaseAddress = "127.0.0.1"
)

// complete fills in defaults and checks what was given.
func (d *Databases) complete() error {
	if d.Enabled == nil {
		on := true
		d.Enabled = &on
	}
	if d.Ports == "" {
		d.Ports = defaultDatabasePorts
	}
	if d.Address == "" {
		d.Address = defaultDatabaseAddress
	}
	if _, err := fleet.ParsePorts(d.Ports); err != nil {
		return fmt.Errorf("databases.ports: %w", err)
	}
	if net.ParseIP(d.Address) == nil {
		return fmt.Errorf("databases.address: %q is not an IP address", d.Address)
	}
	if _, err := d.account(); err != nil {
		return fmt.Errorf("databases.user: %w", err)
	}
	return nil
}

// account finds the account that was given; nil if none was.
func (d *Databases) account() (*dbengine.User, error) {
	if d.User == "" {
		return nil, nil
	}
	account, err := user.Lookup(d.User)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return nil, err
	}
	if uid == 0 {
		return nil, fmt.Errorf("databases do not run as %s", d.User)
	}
	return &dbengine.User{Name: d.User, UID: uid, GID: gid}, nil
}

// openDatabases makes the fleet of databases and the service over it. No database runs before the fleet is started.
func (s *Server) openDatabases(keeper *secrets.Keeper, pages *page.Sealer, all *archives.Archives) (*fleet.Fleet, *rds.Service, error) {
	c := s.config.Databases
	ports, err := fleet.ParsePorts(c.Ports)
	if err != nil {
		return nil, nil, err
	}
	account, err := c.account()
	if err != nil {
		return nil, nil, err
	}
	relations := postgres.New()
	documents := ferretdb.New(relations)
	f := fleet.New(fleet.Config{
		Enabled: *c.Enabled, DB: s.db, Wall: s.config.Wall, Door: s.door, Dir: filepath.Join(s.config.DataDir, "regions"), Archives: all, Keeper: keeper,
		Engines: []dbengine.Engine{documents, mariadb.New(), relations, virtuoso.New()}, Address: c.Address, Ports: ports, User: account, Log: s.log,
	})
	return f, rds.New(rds.Config{DB: s.db, Clock: s.clock, Fleet: f, Door: s.door, Pages: pages, Log: s.log}), nil
}

// startDatabases starts the databases that are wanted, without waiting for them.
func (s *Server) startDatabases(ctx context.Context, f *fleet.Fleet) error {
	if err := f.Start(ctx); err != nil {
		return err
	}
	s.onClose("databases", func(context.Context) error { return f.Close() })
	return nil
}
