package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"gocloud.dev/secrets"

	"strongroom/archive"
	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/catalogue"
	"strongroom/internal/page"
	"strongroom/internal/resource"
	ebskind "strongroom/internal/resource/ebs"
	rdskind "strongroom/internal/resource/rds"
	s3kind "strongroom/internal/resource/s3"
	"strongroom/internal/service/backup"
	"strongroom/internal/service/cloudtrail"
	"strongroom/internal/service/delivery"
	"strongroom/internal/service/ebs"
	"strongroom/internal/service/ec2"
	"strongroom/internal/service/iam"
	"strongroom/internal/service/kms"
	"strongroom/internal/service/lambda"
	"strongroom/internal/service/organizations"
	"strongroom/internal/service/s3"
	"strongroom/internal/service/sts"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
	"strongroom/internal/wire"
	"strongroom/internal/work"
	"strongroom/rules"
)

// Server is the running process.
type Server struct {
	config     Config
	log        *slog.Logger
	clock      *clock.Shifted
	db         *state.DB
	door       *api.Door
	identities *iam.Service
	engine     *ebskind.Engine
	runner     *work.Runner
	mirror     *catalogue.Mirror // keeps the catalogue beside the data
	outbox     *delivery.Outbox
	listener   net.Listener
	clockMoves sync.Mutex // held while the clock is moved

	// closers end what was begun, the last first.
	closers []closer
}

type closer struct {
	what  string
	close func(context.Context) error
}

// Start opens everything below the data directory and serves. If it fails, what was opened is closed.
func Start(ctx context.Context, config Config, log *slog.Logger) (s *Server, err error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	s = &Server{config: config, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
			s = nil
		}
	}()
	keeper, err := s.openData(ctx)
	if err != nil {
		return s, err
	}
	services, err := s.wire(ctx, keeper)
	if err != nil {
		return s, err
	}
	profiles, err := s.makeAccounts(ctx, services)
	if err != nil {
		return s, err
	}
	if err := s.runner.Start(ctx); err != nil {
		return s, err
	}
	s.onClose("jobs", s.runner.Stop)
	if err := s.serve(ctx, services); err != nil {
		return s, err
	}
	if err := s.startMessaging(ctx, services.messaging); err != nil {
		return s, err
	}
	if err := writeProfiles(config.DataDir, s.Endpoint(), profiles); err != nil {
		return s, err
	}
	// Last, because its socket is the sign that the server is ready.
	stop, err := s.serveAdmin(ctx)
	if err != nil {
		return s, err
	}
	s.onClose("administration", stop)
	return s, nil
}

func (s *Server) onClose(what string, close func(context.Context) error) {
	s.closers = append(s.closers, closer{what, close})
}

// Close ends the process's work in the opposite order of its beginning. It may be called more than once.
func (s *Server) Close(ctx context.Context) error {
	var all []error
	for _, c := range slices.Backward(s.closers) {
		if err := c.close(ctx); err != nil {
			all = append(all, fmt.Errorf("closing %s: %w", c.what, err))
		}
	}
	s.closers = nil
	return errors.Join(all...)
}

// Endpoint is the URL that clients use.
func (s *Server) Endpoint() string { return "http://" + s.listener.Addr().String() }

// ProfilesDir holds config and credentials for AWS clients.
func (s *Server) ProfilesDir() string { return filepath.Join(s.config.DataDir, "aws") }

// RulesAsOf is the day whose rules hold, or "current".
func (s *Server) RulesAsOf() string {
	if s.config.RulesAsOf == "" {
		return "current"
	}
	return s.config.RulesAsOf
}

// openData locks the data directory and opens the root key, the clock and the state.
func (s *Server) openData(ctx context.Context) (*secrets.Keeper, error) {
	dir := s.config.DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	lock, err := lockData(dir)
	if err != nil {
		return nil, err
	}
	s.onClose("the lock", func(context.Context) error { return lock.Close() })
	keeper, err := openRootKey(dir)
	if err != nil {
		return nil, err
	}
	s.onClose("the root key", func(context.Context) error { return keeper.Close() })
	c, restore := openClock()
	s.clock = c
	if s.db, err = state.Open(ctx, filepath.Join(dir, "state.db"), c); err != nil {
		return nil, err
	}
	s.onClose("the state", func(context.Context) error { return s.db.Close() })
	return keeper, restore(ctx, s.db)
}

// services are those that Start itself speaks to.
type services struct {
	iam           *iam.Service
	sts           *sts.Service
	organizations *organizations.Service
	messaging     messaging
	objects       *s3.Service
	functions     *lambda.Service
}

// wire constructs the services in the order in which they need each other, and registers them with the door.
func (s *Server) wire(ctx context.Context, keeper *secrets.Keeper) (services, error) {
	asOf, err := rules.ParseAsOf(s.config.RulesAsOf)
	if err != nil {
		return services{}, err
	}
	queue, err := work.OpenQueue(ctx, s.db, s.log)
	if err != nil {
		return services{}, err
	}
	pages, err := s.pages(ctx, keeper)
	if err != nil {
		return services{}, err
	}
	recorder := cloudtrail.NewRecorder(cloudtrail.RecorderConfig{DB: s.db, Clock: s.clock, Log: s.log})
	s.onClose("the record", func(context.Context) error { recorder.Close(); return nil })

	var plans *backup.Service // like organization it is made after IAM, and asked only once calls are served
	var organization *organizations.Service
	identities := iam.New(iam.Config{
		DB: s.db, Clock: s.clock, Keeper: keeper, Pages: pages, Log: s.log,
		ServiceRoleInUse: func(ctx context.Context, accountID, service string) (string, error) {
			reason, err := organization.ServiceRoleInUse(ctx, accountID, service)
			if reason != "" || err != nil {
				return reason, err
			}
			return plans.ServiceRoleInUse(ctx, accountID, service)
		},
		ServiceRoleGone: func(ctx context.Context, tx *state.Tx, accountID, service string) error {
			return plans.ServiceRoleGone(ctx, tx, accountID, service)
		},
	})
	s.identities = identities
	s.door = api.NewDoor(identities.Authorizer(), recorder)
	sessions := sts.New(sts.Config{DB: s.db, Clock: s.clock, Wall: s.config.Wall, Keeper: keeper, Door: s.door, Log: s.log, Decode: identities.DecodeAuthorizationMessage})
	organization = organizations.New(organizations.Config{
		DB: s.db, Door: s.door, Clock: s.clock, Pages: pages, Log: s.log, MaxAccounts: s.config.Quotas.Accounts,
		PutTrailEvent: recorder.PutOrganizationsEvent, PoliciesChanged: policiesChanged(queue),
	})
	keys := kms.New(kms.Config{
		DB: s.db, Clock: s.clock, Keeper: keeper, Door: s.door, Pages: pages,
		PrincipalExists: identities.PrincipalExists, PrincipalID: identities.PrincipalID, Log: s.log,
	})
	messages, err := s.openMessaging(ctx, keeper, pages, keys, sessions)
	if err != nil {
		return services{}, err
	}
	lines, err := s.openLogs(ctx, keeper, pages)
	if err != nil {
		return services{}, err
	}
	functions, err := s.openFunctions(ctx, keeper, pages, sessions, messages, lines)
	if err != nil {
		return services{}, err
	}
	objects, err := s3.New(ctx, s3.Config{
		DB: s.db, Clock: s.clock, Keeper: keeper, Door: s.door, Dir: s.config.DataDir, Log: s.log, EnsureManagedKey: keys.EnsureManagedKey,
		PrincipalExists: identities.PrincipalExists, PutEvent: messages.objectEvent, Deliver: messages.objectMessage, Send: messages.tryObjectMessage(s.door),
	})
	if err != nil {
		return services{}, err
	}
	s.onClose("objects", func(context.Context) error { return objects.Close() })

	regions := filepath.Join(s.config.DataDir, "regions")
	all := archives.New(archives.Config{
		Dir: regions, Stores: s.config.regionStores(), Door: s.door, Keeper: keeper, Cache: filepath.Join(s.config.DataDir, "cache"),
		Options: archive.Options{Workers: s.config.Processors, Gate: archive.NewGate(s.config.Processors)},
	})
	s.onClose("archives", func(context.Context) error { return all.Close() })
	if err := s.keepCatalogue(ctx, all, keeper); err != nil {
		return services{}, err
	}
	s.engine = ebskind.New(ebskind.Config{DB: s.db, Clock: s.clock, Door: s.door, Dir: regions, Archives: all, Log: s.log})
	volumes := ec2.New(ec2.Config{DB: s.db, Engine: s.engine, Door: s.door, Pages: pages, Log: s.log})
	blocks := ebs.New(ebs.Config{DB: s.db, Clock: s.clock, Engine: s.engine, Pages: pages})

	fleet, databases, err := s.openDatabases(keeper, pages, all)
	if err != nil {
		return services{}, err
	}

	kinds := []resource.Kind{s3kind.New(s3kind.Config{Door: s.door, S3: objects, AsOf: asOf, Log: s.log, Parallel: 2 * s.config.Processors}), ebskind.NewKind(s.engine)}
	kinds = append(kinds, rdskind.NewKinds(fleet, asOf)...)
	plans = backup.New(backup.Config{
		DB: s.db, Clock: s.clock, Door: s.door, Queue: queue, Pages: pages, AsOf: asOf, Kinds: kinds, MaxVaults: s.config.Quotas.BackupVaults,
		EnsureManagedKey: keys.EnsureManagedKey, HasServiceLinkedRole: identities.HasServiceLinkedRole,
		AssumeForService: sessions.AssumeForService, UnknownPrincipals: identities.UnknownPrincipals, OrganizationOf: organizationOf(s.db), Log: s.log,
		PutEvent: messages.buses.PutServiceEvent, Trail: recorder, TellLifecycle: func(ctx context.Context, tx *state.Tx, point state.RecoveryPoint) error {
			return s.runner.TellLifecycle(ctx, tx, point)
		},
	})
	trail := cloudtrail.New(cloudtrail.Config{DB: s.db, Clock: s.clock, Recorder: recorder, Pages: pages, Door: s.door, Keeper: keeper, Log: s.log})
	tags := tagging.New(tagging.Config{Pages: pages, Providers: []tagging.Provider{identities.TaggingProvider(s.door), objects, volumes, databases, keys, plans, messages.queues, messages.topics, messages.buses, lines, functions, trail}})
	for _, service := range []interface{ API() *api.Service }{identities, sessions, organization, keys, objects, volumes, blocks, databases, plans, messages.queues, messages.topics, messages.buses, lines, functions, tags, trail} {
		s.door.Register(service.API())
	}

	if err := s.engine.Start(ctx); err != nil {
		return services{}, err
	}
	s.onClose("volumes", func(context.Context) error { return s.engine.Close() })
	if err := s.startDatabases(ctx, fleet); err != nil {
		return services{}, err
	}
	if err := trail.Start(ctx); err != nil {
		return services{}, err
	}
	s.onClose("trails", func(context.Context) error { return trail.Close() })
	s.outbox = messages.outbox
	s.runner = work.New(work.Config{
		DB: s.db, Queue: queue, Clock: s.clock, Door: s.door, Archives: all, Kinds: kinds, AsOf: asOf, MaxCopies: s.config.Quotas.CopiesPerResource,
		PutEvent: messages.buses.PutServiceEvent, Notify: messages.vaultNotification,
		Identity: identity{identities, sessions}, Organization: membership(organizationOf(s.db)), Trail: recorder, Log: s.log,
		FollowPolicies: followPolicies(organization, plans), Scrub: s.config.Scrub.settings(), CheckCatalogue: s.checkCatalogue,
		Sweep: []func(context.Context) error{keys.Sweep, trail.Sweep, s.engine.Sweep, fleet.Sweep, messages.queues.Sweep, lines.Sweep, databases.Sweep},
		Due:   []func(context.Context) error{objects.RunLifecycles, messages.buses.RunDue, organization.RunDue},
	})
	if err := s.resumePolicies(ctx, queue.EnqueuePolicies); err != nil {
		return services{}, err
	}
	return services{identities, sessions, organization, messages, objects, functions}, nil
}

// identity joins what jobs need of IAM and STS.
type identity struct {
	*iam.Service
	sessions *sts.Service
}

func (i identity) AssumeForService(ctx context.Context, service *api.Caller, roleARN, session string) (*api.Caller, error) {
	return i.sessions.AssumeForService(ctx, service, roleARN, session)
}

func (i identity) Session(ctx context.Context, roleARN, session string) (*api.Caller, error) {
	return i.sessions.Session(ctx, roleARN, session)
}

// pages opens the sealer of list tokens. Its key is kept, so that tokens outlive a restart.
func (s *Server) pages(ctx context.Context, keeper *secrets.Keeper) (*page.Sealer, error) {
	key, err := keptKey(ctx, s.db, keeper, "pages.key")
	if err != nil {
		return nil, fmt.Errorf("opening the key of list tokens: %w", err)
	}
	return page.NewSealer(key)
}

// makeAccounts makes the configured accounts, and with -dev their organization, and returns their profiles.
func (s *Server) makeAccounts(ctx context.Context, all services) ([]profile, error) {
	var profiles []profile
	var members []string
	for i, a := range s.config.Accounts {
		key, err := all.iam.EnsureAccount(ctx, a.ID, a.Name, iam.Credential{AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey})
		if err != nil {
			return nil, fmt.Errorf("making account %s: %w", a.ID, err)
		}
		profiles = append(profiles, profile{a.Name, a.Region, key.AccessKeyID, key.SecretAccessKey})
		if i > 0 {
			members = append(members, a.ID)
		}
	}
	if !s.config.Dev {
		return profiles, nil
	}
	if err := all.organizations.EnsureOrganization(ctx, DevOrganizationID, s.config.Accounts[0].ID, members...); err != nil {
		return nil, fmt.Errorf("making the organization: %w", err)
	}
	return profiles, nil
}

// serve listens on the configured address.
func (s *Server) serve(ctx context.Context, all services) error {
	var handler http.Handler = wire.NewHandler(wire.Config{Door: s.door, Credentials: all.sts, Clock: s.clock, Wall: s.config.Wall, Log: s.log, CrossOrigin: all.objects.CrossOrigin})
	handler = all.messaging.links(handler)
	server := wire.NewServer(s.config.Listen, handler)
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.config.Listen, err)
	}
	s.listener = listener
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	s.onClose("requests", func(ctx context.Context) error {
		err := server.Shutdown(ctx)
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return s.startFunctions(ctx, all.functions, handler)
}

// Operations lists the operations of AWS that the server answers, as "backup:CreateBackupVault", in order.
func (s *Server) Operations() []string {
	var all []string
	for name, service := range s.door.Services() {
		for _, op := range service.Operations {
			if strings.HasPrefix(op.In.PkgPath(), "github.com/aws/aws-sdk-go-v2/service/") { // others are the house's own
				all = append(all, name+":"+op.Name)
			}
		}
	}
	slices.Sort(all)
	return all
}
