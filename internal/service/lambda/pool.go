package lambda

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/sandbox"
	"strongroom/internal/service/lambda/environment"
	"strongroom/internal/state"
)

// pool are the environments, and who may have one.
type pool struct {
	s *Service

	mu         sync.Mutex
	closed     bool
	busy       map[string]int       // invocations under way by function; guarded by mu
	unreserved map[string]int       // and of an account in a Region, of functions that have reserved none; guarded by mu
	idle       map[string][]*runner // by version and revision, the last used last; guarded by mu
	all        map[*runner]bool     // those that are, idle or not; guarded by mu
	live       int                  // those and those that are being started; guarded by mu
	free       []int                // users that no environment has; guarded by mu
}

// runner is an environment of a version.
type runner struct {
	*environment.Environment
	key         string
	functionARN string
	version     int64
	digest      string
	uid         int
	log         *logger
	expires     time.Time // its credentials are too old then, by the wall clock
	idleSince   time.Time // by the wall clock
	retired     bool      // its version is no more as it was; guarded by the pool's mu
}

// idleTime is how long an environment is kept for another invocation.
const idleTime = 5 * time.Minute

func newPool(s *Service) *pool {
	p := &pool{s: s, busy: map[string]int{}, unreserved: map[string]int{}, idle: map[string][]*runner{}, all: map[*runner]bool{}}
	for i := range s.Users {
		p.free = append(p.free, s.FirstUser+i)
	}
	return p
}

func keyOf(v state.FunctionVersion) string {
	return v.FunctionARN + ":" + versionName(v.Number) + "@" + v.RevisionID
}

// take counts an invocation, if the limits of the function and of the account allow it.
func (p *pool) take(f state.Function, reservedByAll int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	scope := f.AccountID + ":" + f.Region
	switch {
	case p.closed:
		return stopping()
	case f.Reserved >= 0 && p.busy[f.ARN] >= int(f.Reserved):
		return throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
	case f.Reserved < 0 && p.unreserved[scope] >= p.s.Concurrency-reservedByAll:
		return throttled("ConcurrentInvocationLimitExceeded")
	}
	p.busy[f.ARN]++
	if f.Reserved < 0 {
		p.unreserved[scope]++
	}
	return nil
}

// give ends what take began.
func (p *pool) give(f state.Function) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy[f.ARN]--; p.busy[f.ARN] == 0 {
		delete(p.busy, f.ARN)
	}
	if scope := f.AccountID + ":" + f.Region; f.Reserved < 0 {
		if p.unreserved[scope]--; p.unreserved[scope] == 0 {
			delete(p.unreserved, scope)
		}
	}
}

// runner is an environment for one invocation: one that is idle, or a new one.
func (p *pool) runner(ctx context.Context, f state.Function, v state.FunctionVersion) (*runner, error) {
	r, uid, stale, err := p.reserve(v)
	for _, one := range stale {
		p.end(one)
	}
	if r != nil || err != nil {
		return r, err
	}
	r, err = p.s.newRunner(ctx, f, v, uid)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.live--
		p.release(uid)
		return nil, err
	}
	p.all[r] = true
	if p.closed {
		r.retired = true
	}
	return r, nil
}

// reserve finds an idle environment, or makes room for one. It returns those that have to go first.
func (p *pool) reserve(v state.FunctionVersion) (r *runner, uid int, stale []*runner, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := clock.Wall.Now()
	key := keyOf(v)
	margin := time.Duration(v.Configuration.Timeout)*time.Second + time.Minute
	for n := len(p.idle[key]); n > 0; n = len(p.idle[key]) {
		r := p.idle[key][n-1]
		p.idle[key] = p.idle[key][:n-1]
		if !r.Ended() && now.Add(margin).Before(r.expires) {
			return r, 0, stale, nil
		}
		stale = append(stale, r)
	}
	if p.live-len(stale) >= p.s.Environments {
		oldest := p.oldest()
		if oldest == nil {
			return nil, 0, stale, throttled("ConcurrentInvocationLimitExceeded")
		}
		stale = append(stale, oldest)
	}
	if os.Geteuid() == 0 {
		if len(p.free) == 0 {
			return nil, 0, stale, throttled("ConcurrentInvocationLimitExceeded")
		}
		uid, p.free = p.free[0], p.free[1:]
	}
	p.live++
	return nil, uid, stale, nil
}

// oldest takes out the environment that has been idle longest. The caller holds mu.
func (p *pool) oldest() (oldest *runner) {
	for _, all := range p.idle {
		if len(all) > 0 && (oldest == nil || all[0].idleSince.Before(oldest.idleSince)) {
			oldest = all[0]
		}
	}
	if oldest != nil {
		p.idle[oldest.key] = p.idle[oldest.key][1:]
	}
	return oldest
}

// release gives a user back. The caller holds mu.
func (p *pool) release(uid int) {
	if uid != 0 {
		p.free = append(p.free, uid)
	}
}

// put takes an environment back after an invocation.
func (p *pool) put(r *runner) {
	p.mu.Lock()
	keep := !r.retired && !r.Ended() && !p.closed
	if keep {
		r.idleSince = clock.Wall.Now()
		p.idle[r.key] = append(p.idle[r.key], r)
	}
	p.mu.Unlock()
	if !keep {
		p.end(r)
	}
}

// end ends an environment that nobody uses.
func (p *pool) end(r *runner) {
	r.Close()
	r.log.flush()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[r] {
		delete(p.all, r)
		p.live--
		p.release(r.uid)
	}
}

// retire lets the environments of a version, or with -1 of all of a function, serve no further invocation.
func (p *pool) retire(functionARN string, version int64) {
	p.mu.Lock()
	for r := range p.all {
		if r.functionARN == functionARN && (version < 0 || r.version == version) {
			r.retired = true
		}
	}
	gone := p.takeIdle(func(r *runner) bool { return r.retired })
	p.mu.Unlock()
	for _, r := range gone {
		p.end(r)
	}
}

// takeIdle takes out the idle ones that fn names. The caller holds mu.
func (p *pool) takeIdle(fn func(*runner) bool) (gone []*runner) {
	for key, all := range p.idle {
		var kept []*runner
		for _, r := range all {
			if fn(r) {
				gone = append(gone, r)
			} else {
				kept = append(kept, r)
			}
		}
		if p.idle[key] = kept; len(kept) == 0 {
			delete(p.idle, key)
		}
	}
	return gone
}

// keep ends environments that have been idle too long, and removes code that nobody has.
func (p *pool) keep(ctx context.Context) {
	for {
		reached, stop := clock.Wall.Until(clock.Wall.Now().Add(30 * time.Second))
		select {
		case <-ctx.Done():
			stop()
			return
		case <-reached:
			stop()
		}
		p.tidy(clock.Wall.Now())
		if err := p.s.forgetCode(ctx, clock.Wall.Now()); err != nil && ctx.Err() == nil {
			p.s.Log.ErrorContext(ctx, "removing functions' code", slog.String("error", err.Error()))
		}
	}
}

func (p *pool) tidy(now time.Time) {
	p.mu.Lock()
	gone := p.takeIdle(func(r *runner) bool { return r.Ended() || now.Sub(r.idleSince) > idleTime || now.After(r.expires) })
	p.mu.Unlock()
	for _, r := range gone {
		p.end(r)
	}
}

// close ends all environments, also those that are at work.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	var all []*runner
	for r := range p.all {
		r.retired = true
		all = append(all, r)
	}
	p.idle = map[string][]*runner{}
	p.mu.Unlock()
	var ending sync.WaitGroup
	for _, r := range all {
		ending.Go(func() { p.end(r) })
	}
	ending.Wait()
}

func (p *pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// uses reports whether an environment has the code.
func (p *pool) uses(digest string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.all {
		if r.digest == digest {
			return true
		}
	}
	return false
}

// newRunner starts an environment of a version, with a session of its role.
func (s *Service) newRunner(ctx context.Context, f state.Function, v state.FunctionVersion, uid int) (*runner, error) {
	role, err := s.assume(ctx, f, v.Configuration.Role)
	if api.Refused(err) != nil {
		e := failure(403, "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.")
		e.Err = err
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	variables, err := s.variables(ctx, role.caller.Through(Principal, f.Region), v)
	if err != nil {
		return nil, err
	}
	spec := s.spec(v)
	if spec.Code, err = s.code.unpacked(v.CodeSHA256); err != nil {
		return nil, err
	}
	r := &runner{key: keyOf(v), functionARN: f.ARN, version: v.Number, digest: v.CodeSHA256, uid: uid, log: s.newLogger(f, v), expires: role.expires}
	r.log.admit(ctx, role.caller)
	spec.Output = r.log.line
	spec.Env = s.environment(f, v, role, r.log, variables)
	if uid != 0 {
		spec.User = &sandbox.User{UID: uid, GID: uid, Name: "sbx_user"}
	}
	r.Environment, err = environment.Start(spec)
	return r, err
}

// environment are the variables that a function finds.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func (s *Service) environment(f state.Function, v state.FunctionVersion, role session, l *logger, variables map[string]string) []string {
	env := []string{
		"LANG=en_US.UTF-8", "TZ=:UTC", "PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin", "LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"AWS_ENDPOINT_URL=" + s.endpoint(),
	}
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	return append(env,
		"_HANDLER="+v.Configuration.Handler, "LAMBDA_TASK_ROOT="+environment.TaskRoot, "LAMBDA_RUNTIME_DIR=/var/runtime",
		"AWS_REGION="+f.Region, "AWS_DEFAULT_REGION="+f.Region, "AWS_LAMBDA_FUNCTION_NAME="+f.Name, "AWS_LAMBDA_FUNCTION_VERSION="+versionName(v.Number),
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", v.Configuration.MemorySize), "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME="+l.group, "AWS_LAMBDA_LOG_STREAM_NAME="+l.stream,
		"AWS_ACCESS_KEY_ID="+role.accessKeyID, "AWS_SECRET_ACCESS_KEY="+role.secret, "AWS_SESSION_TOKEN="+role.token,
	)
}

// forgetCode removes packages that no version has and no environment uses. Those that are young may be of a call that has not
// written its version yet.
func (s *Service) forgetCode(ctx context.Context, now time.Time) error {
	var known []string
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		known, err = tx.FunctionCodes(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return s.code.forget(known, now.Add(-10*time.Minute), s.pool.uses)
}
