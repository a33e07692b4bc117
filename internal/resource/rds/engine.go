package rds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"strongroom/internal/api"
	"strongroom/internal/dbengine"
)

// engines are the engines of this house by the names that RDS gives them. MySQL is served by MariaDB, which speaks its protocol.
var engines = map[string]string{
	"postgres": "postgres", "aurora-postgresql": "postgres",
	"mariadb": "mariadb", "mysql": "mariadb", "aurora-mysql": "mariadb",
	"docdb": "ferretdb", "neptune": "virtuoso",
}

// accounts are those of the host that the engines' packages make.
var accounts = map[string]string{"postgres": "postgres", "ferretdb": "postgres", "mariadb": "mysql"}

// user is whom the engine of a database runs as: the one configured, or its package's; nil where this process is not root.
func (f *Fleet) user(engine string) *dbengine.User {
	if f.User != nil {
		return f.User
	}
	return dbengine.DefaultUser("strongroom", accounts[engines[engine]])
}

// engine finds what runs databases of an RDS engine.
func (f *Fleet) engine(name string) (dbengine.Engine, error) {
	i := slices.IndexFunc(f.Engines, func(e dbengine.Engine) bool { return e.Name() == engines[name] })
	if i < 0 {
		return nil, api.NotImplemented("The engine " + name)
	}
	return f.Engines[i], nil
}

// Version is the version of the server that this host has for an RDS engine. Where it is not installed, the error is one for
// users, and names the package.
func (f *Fleet) Version(ctx context.Context, engine string) (string, error) {
	e, err := f.engine(engine)
	if err != nil {
		return "", err
	}
	version, err := e.Version(ctx)
	var missing *dbengine.NotInstalledError
	if errors.As(err, &missing) {
		return "", &api.Error{
			// The nearest that RDS has: it could not find room for an instance of this kind.
			Code: "InsufficientDBInstanceCapacity", Status: 400, Err: err,
			Message: fmt.Sprintf("This server cannot run %s: %s.", engine, missing),
		}
	}
	return version, err
}
