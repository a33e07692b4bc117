package s3

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"gocloud.dev/secrets"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Principal is the service's name as KMS and CloudTrail see it.
const Principal = "s3.amazonaws.com"

// Config is what the service needs.
type Config struct {
	DB     *state.DB
	Clock  clock.Clock
	Keeper *secrets.Keeper // wraps the service's own key, under which SSE-S3 wraps data keys
	Door   *api.Door       // for calls to KMS and for access that is only known in the middle of an operation
	Dir    string          // data directory; contents of a Region's objects lie in regions/<region>/s3 below it
	Log    *slog.Logger    // nil for slog.Default()
	// EnsureManagedKey returns the ARN of an AWS managed key such as "aws/s3", and makes it where it is missing. Nil if there
	// are none: SSE-KMS then needs the name of a key.
	EnsureManagedKey func(ctx context.Context, accountID, region, alias string) (string, error)
	// PrincipalExists reports whether an account, a user or a role named by a bucket policy exists. Nil where that is not asked.
	PrincipalExists func(ctx context.Context, principal string) (bool, error)
	// PutEvent tells EventBridge of an event, Deliver a queue or a topic, both if the transaction commits; Send tells at once,
	// and its error is the target's. Nil where there is no such service: buckets then cannot be configured to tell it.
	PutEvent func(ctx context.Context, tx *state.Tx, e Event) error
	Deliver  func(ctx context.Context, tx *state.Tx, m Message) error
	Send     func(ctx context.Context, m Message) error
}

// Service is the S3 service. Its methods may be called at once.
type Service struct {
	db        *state.DB
	clock     clock.Clock
	door      *api.Door
	log       *slog.Logger
	ensureKey func(ctx context.Context, accountID, region, alias string) (string, error)
	keys      *keyring
	files     *files
	commits   *committer
	putEvent  func(ctx context.Context, tx *state.Tx, e Event) error
	deliver   func(ctx context.Context, tx *state.Tx, m Message) error
	send      func(ctx context.Context, m Message) error

	principalExists func(ctx context.Context, principal string) (bool, error)

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New opens the service and begins to sweep, in the background, the files that a crash left without an object.
// [Service.Close] ends it.
func New(ctx context.Context, cfg Config) (*Service, error) {
	keys, err := openKeyring(ctx, cfg.DB, cfg.Keeper)
	if err != nil {
		return nil, fmt.Errorf("opening the key of S3: %w", err)
	}
	files, err := openFiles(ctx, cfg.DB, cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the contents of S3: %w", err)
	}
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Service{
		db: cfg.DB, clock: cfg.Clock, door: cfg.Door, log: log, ensureKey: cfg.EnsureManagedKey,
		keys: keys, files: files, commits: newCommitter(cfg.DB), stop: stop,
		putEvent: cfg.PutEvent, deliver: cfg.Deliver, send: cfg.Send, principalExists: cfg.PrincipalExists,
	}
	s.running.Go(func() {
		if err := s.Sweep(background); err != nil && background.Err() == nil {
			log.ErrorContext(background, "sweeping S3 contents", slog.Any("error", err))
		}
	})
	return s, nil
}

// Close waits for what runs. Calls that come later fail.
func (s *Service) Close() error {
	s.stop()
	s.commits.close()
	s.running.Wait()
	return nil
}

// Sweep removes the files that earlier processes wrote and no object refers to: what a crash between the writing of a
// file and the commit of its row, or between the removal of a row and that of its file, leaves behind.
func (s *Service) Sweep(ctx context.Context) error {
	removed, err := s.files.sweep(ctx, s.db)
	if removed > 0 {
		s.log.InfoContext(ctx, "removed S3 contents without an object", slog.Int("files", removed))
	}
	return err
}
