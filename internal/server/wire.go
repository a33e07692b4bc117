package server

import (
	"context"
	"path/filepath"

	"gocloud.dev/secrets"

	"strongroom/archive"
	"strongroom/internal/api"
	"strongroom/internal/archives"
	"strongroom/internal/page"
	"strongroom/internal/resource"
	ebskind "strongroom/internal/resource/ebs"
	rdskind "strongroom/internal/resource/rds"
	s3kind "strongroom/internal/resource/s3"
	"strongroom/internal/service/backup"
	"strongroom/internal/service/cloudtrail"
	"strongroom/internal/service/ebs"
	"strongroom/internal/service/ec2"
	"strongroom/internal/service/iam"
	"strongroom/internal/service/kms"
	"strongroom/internal/service/lambda"
	"strongroom/internal/service/logs"
	"strongroom/internal/service/organizations"
	"strongroom/internal/service/rds"
	"strongroom/internal/service/s3"
	"strongroom/internal/service/sts"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
	"strongroom/internal/work"
	"strongroom/rules"
)

// services are what the server consists of. Each part is made by one method, of what the methods before it made; what a part
// needs of a later one it asks for only once calls are served.
type services struct {
	*Server
	keeper *secrets.Keeper
	asOf   rules.AsOf
	queue  *work.Queue
	tokens *page.Sealer

	recorder      *cloudtrail.Recorder
	iam           *iam.Service
	sts           *sts.Service
	organizations *organizations.Service
	kms           *kms.Service
	messaging     messaging
	lines         *logs.Service
	functions     *lambda.Service
	objects       *s3.Service
	archives      *archives.Archives
	volumes       *ec2.Service
	blocks        *ebs.Service
	fleet         *rdskind.Fleet
	databases     *rds.Service
	kinds         []resource.Kind
	backup        *backup.Service
	trails        *cloudtrail.Service
}

// wire makes the services in the order in which they need each other, registers them with the door, and starts what works
// on its own.
func (s *Server) wire(ctx context.Context, keeper *secrets.Keeper) (*services, error) {
	all := &services{Server: s, keeper: keeper}
	for _, step := range []func(context.Context) error{
		all.openBasics, all.openIdentities, all.openArchives, all.openNeighbours, all.openResources, all.openBackup, all.start, all.openRunner,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// openBasics makes what all services share.
func (all *services) openBasics(ctx context.Context) (err error) {
	if all.asOf, err = rules.ParseAsOf(all.config.RulesAsOf); err != nil {
		return err
	}
	if all.queue, err = work.OpenQueue(ctx, all.db, all.log); err != nil {
		return err
	}
	all.tokens, err = all.pages(ctx, all.keeper)
	return err
}

// openIdentities makes the services that say who somebody is and what he may, and the door that asks them.
func (all *services) openIdentities(context.Context) error {
	s := all.Server
	all.recorder = cloudtrail.NewRecorder(cloudtrail.RecorderConfig{DB: s.db, Clock: s.clock, Log: s.log})
	s.onClose("the record", func(context.Context) error { all.recorder.Close(); return nil })
	all.iam = iam.New(iam.Config{
		DB: s.db, Clock: s.clock, Keeper: all.keeper, Pages: all.tokens, Log: s.log,
		ServiceRoleInUse: all.serviceRoleInUse,
		ServiceRoleGone: func(ctx context.Context, tx *state.Tx, accountID, service string) error {
			return all.backup.ServiceRoleGone(ctx, tx, accountID, service)
		},
	})
	s.onClose("the record of uses", all.iam.Authorizer().Settle)
	s.identities = all.iam
	s.door = api.NewDoor(all.iam.Authorizer(), all.recorder)
	all.sts = sts.New(sts.Config{
		DB: s.db, Clock: s.clock, Wall: s.config.Wall, Keeper: all.keeper, Door: s.door, Log: s.log, Decode: all.iam.DecodeAuthorizationMessage,
	})
	all.organizations = organizations.New(organizations.Config{
		DB: s.db, Door: s.door, Clock: s.clock, Pages: all.tokens, Log: s.log, MaxAccounts: s.config.Quotas.Accounts,
		PutTrailEvent: all.recorder.PutOrganizationsEvent, PoliciesChanged: policiesChanged(all.queue),
	})
	all.kms = kms.New(kms.Config{
		DB: s.db, Clock: s.clock, Keeper: all.keeper, Door: s.door, Pages: all.tokens,
		PrincipalExists: all.iam.PrincipalExists, PrincipalID: all.iam.PrincipalID, Log: s.log,
	})
	return nil
}

// serviceRoleInUse tells why a service's linked role cannot be deleted, or nothing.
func (all *services) serviceRoleInUse(ctx context.Context, accountID, service string) (string, error) {
	reason, err := all.organizations.ServiceRoleInUse(ctx, accountID, service)
	if reason != "" || err != nil {
		return reason, err
	}
	return all.backup.ServiceRoleInUse(ctx, accountID, service)
}

// regions is the directory of what lies in Regions.
func (s *Server) regions() string { return filepath.Join(s.config.DataDir, "regions") }

// openArchives opens the stores of the Regions. It comes before all that removes what the state does not know: it fails where the state is
// another than the one that the data belongs to.
func (all *services) openArchives(ctx context.Context) error {
	s := all.Server
	all.archives = archives.New(archives.Config{
		Dir: s.regions(), Stores: s.config.regionStores(), Door: s.door, Keeper: all.keeper, Cache: filepath.Join(s.config.DataDir, "cache"),
		Options: archive.Options{Workers: s.config.Processors, Gate: archive.NewGate(s.config.Processors), Budget: s.memory},
	})
	s.onClose("archives", func(context.Context) error { return all.archives.Close() })
	return s.keepCatalogue(ctx, all.archives, all.keeper)
}

// openNeighbours makes the services that carry messages, run functions and keep objects.
func (all *services) openNeighbours(ctx context.Context) (err error) {
	s := all.Server
	if all.messaging, err = s.openMessaging(ctx, all.keeper, all.tokens, all.kms, all.sts); err != nil {
		return err
	}
	s.outbox = all.messaging.outbox
	if all.lines, err = s.openLogs(ctx, all.keeper, all.tokens); err != nil {
		return err
	}
	if all.functions, err = s.openFunctions(ctx, all.keeper, all.tokens, all.sts, all.messaging, all.lines); err != nil {
		return err
	}
	all.objects, err = s3.New(ctx, s3.Config{
		DB: s.db, Clock: s.clock, Keeper: all.keeper, Door: s.door, Dir: s.config.DataDir, Log: s.log, EnsureManagedKey: all.kms.EnsureManagedKey,
		PrincipalExists: all.iam.PrincipalExists, PutEvent: all.messaging.objectEvent, Deliver: all.messaging.objectMessage,
		Send: all.messaging.tryObjectMessage(s.door),
	})
	if err != nil {
		return err
	}
	s.onClose("objects", func(context.Context) error { return all.objects.Close() })
	return nil
}

// openResources makes the services of volumes and databases, and the kinds of resources that can be backed up.
func (all *services) openResources(context.Context) (err error) {
	s := all.Server
	s.engine = ebskind.New(ebskind.Config{DB: s.db, Clock: s.clock, Door: s.door, Dir: s.regions(), Archives: all.archives, Log: s.log})
	all.volumes = ec2.New(ec2.Config{DB: s.db, Engine: s.engine, Door: s.door, Pages: all.tokens, Log: s.log})
	all.blocks = ebs.New(ebs.Config{DB: s.db, Clock: s.clock, Engine: s.engine, Pages: all.tokens})
	if all.fleet, all.databases, err = s.openDatabases(all.keeper, all.tokens, all.archives); err != nil {
		return err
	}
	all.kinds = append([]resource.Kind{
		s3kind.New(s3kind.Config{Door: s.door, S3: all.objects, AsOf: all.asOf, Log: s.log, Parallel: 2 * s.config.Processors}),
		ebskind.NewKind(s.engine),
	}, rdskind.NewKinds(all.fleet, all.asOf)...)
	return nil
}

// openBackup makes the backup service and those that look at all others, and registers every one with the door.
func (all *services) openBackup(context.Context) error {
	s, m := all.Server, all.messaging
	all.backup = backup.New(backup.Config{
		DB: s.db, Clock: s.clock, Door: s.door, Queue: all.queue, Pages: all.tokens, AsOf: all.asOf, Kinds: all.kinds, MaxVaults: s.config.Quotas.BackupVaults,
		EnsureManagedKey: all.kms.EnsureManagedKey, HasServiceLinkedRole: all.iam.HasServiceLinkedRole,
		AssumeForService: all.sts.AssumeForService, UnknownPrincipals: all.iam.UnknownPrincipals, OrganizationOf: organizationOf(s.db), Log: s.log,
		PutEvent: m.buses.PutServiceEvent, Trail: all.recorder,
		TellLifecycle: func(ctx context.Context, tx *state.Tx, point state.RecoveryPoint) error {
			return s.runner.TellLifecycle(ctx, tx, point)
		},
	})
	all.trails = cloudtrail.New(cloudtrail.Config{
		DB: s.db, Clock: s.clock, Recorder: all.recorder, Pages: all.tokens, Door: s.door, Keeper: all.keeper, Log: s.log,
	})
	tags := tagging.New(tagging.Config{Pages: all.tokens, Providers: []tagging.Provider{
		all.iam.TaggingProvider(s.door), all.objects, all.volumes, all.databases, all.kms, all.backup, m.queues, m.topics, m.buses, all.lines, all.functions, all.trails,
	}})
	for _, service := range []interface{ API() *api.Service }{
		all.iam, all.sts, all.organizations, all.kms, all.objects, all.volumes, all.blocks, all.databases, all.backup, m.queues, m.topics, m.buses, all.lines,
		all.functions, tags, all.trails,
	} {
		s.door.Register(service.API())
	}
	return nil
}

// start starts what works on its own.
func (all *services) start(ctx context.Context) error {
	s := all.Server
	if err := s.engine.Start(ctx); err != nil {
		return err
	}
	s.onClose("volumes", func(context.Context) error { return s.engine.Close() })
	if err := s.startDatabases(ctx, all.fleet); err != nil {
		return err
	}
	if err := all.trails.Start(ctx); err != nil {
		return err
	}
	s.onClose("trails", func(context.Context) error { return all.trails.Close() })
	return nil
}

// openRunner makes the runner of jobs, and has it go on with changes of policies that a stop interrupted.
func (all *services) openRunner(ctx context.Context) error {
	s, m := all.Server, all.messaging
	s.runner = work.New(work.Config{
		DB: s.db, Concurrency: s.config.Jobs.AtOnce, Queue: all.queue, Clock: s.clock, Door: s.door, Archives: all.archives, Kinds: all.kinds, AsOf: all.asOf, MaxCopies: s.config.Quotas.CopiesPerResource,
		PutEvent: m.buses.PutServiceEvent, Notify: m.vaultNotification,
		Identity: identity{all.iam, all.sts}, Organization: membership(organizationOf(s.db)), Trail: all.recorder, Log: s.log,
		FollowPolicies: followPolicies(all.organizations, all.backup), Scrub: s.config.Scrub.settings(), CheckCatalogue: s.checkCatalogue,
		Sweep: []func(context.Context) error{
			all.kms.Sweep, all.trails.Sweep, s.engine.Sweep, all.fleet.Sweep, m.queues.Sweep, all.lines.Sweep, all.databases.Sweep,
		},
		Due: []func(context.Context) error{all.objects.RunLifecycles, m.buses.RunDue, all.organizations.RunDue},
	})
	return s.resumePolicies(ctx, all.queue.EnqueuePolicies)
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
