package dbenginetest

import (
	"errors"
	"maps"
	"os"
	"slices"
	"testing"

	"strongroom/internal/dbengine"
)

// Run holds an engine against what it promises.
func Run(t *testing.T, s *Subject) {
	if _, err := s.Engine.Version(t.Context()); err != nil {
		t.Fatal(err) // which names the package that is missing
	}
	for name, why := range s.Spared {
		t.Logf("%s is not held against %s: %s", s.Engine.Name(), name, why)
	}
	for name, test := range s.tests() {
		t.Run(name, func(t *testing.T) {
			if name != "TooLarge" { // it limits the whole process
				t.Parallel()
			}
			test(t, s)
		})
	}
}

// tests are those for which the engine has what they need, as the user that this process is.
func (s *Subject) tests() map[string]func(*testing.T, *Subject) {
	all := map[string]func(*testing.T, *Subject){
		"Life": life, "Backup": backupUnderLoad, "Killed": killed, "ServerKilled": serverKilled, "PortInUse": portInUse,
		"Canceled": canceled, "SinkFails": sinkFails, "TooLarge": tooLarge, "FullDisk": fullDisk, "AsOrdinaryUser": asOrdinaryUser,
	}
	if s.BadParameters != nil {
		all["BadParameters"] = badParameters
	}
	if s.Damage != nil {
		all["Damaged"] = damaged
	}
	if s.Unreadable != "" {
		all["Unreadable"] = unreadable
	}
	maps.DeleteFunc(all, func(name string, _ func(*testing.T, *Subject)) bool { return s.Spared[name] != "" })
	switch {
	case os.Getenv(ordinary) != "":
		maps.DeleteFunc(all, func(name string, _ func(*testing.T, *Subject)) bool { return !slices.Contains(ordinaries, name) })
	case os.Geteuid() == 0:
		delete(all, "TooLarge") // its limit binds sandboxes and all; there is a small disk instead
	default:
		delete(all, "FullDisk") // only root can mount one
		delete(all, "AsOrdinaryUser")
	}
	return all
}

// life goes through what happens to a database that nothing happens to.
func life(t *testing.T, s *Subject) {
	ctx := t.Context()
	set := s.initialized(t)
	srv := s.started(t, set)
	if err := srv.Ping(ctx); err != nil {
		t.Fatalf("asking it as the master user: %v", err)
	}
	ledger := s.open(t, set)
	if err := ledger.Create(ctx); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		if err := ledger.Transfer(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Engine.Check(ctx, set); err != nil {
		t.Errorf("checking a running database: %v", explained(err))
	}
	if size, err := srv.Size(ctx); err != nil || size < 1<<20 {
		t.Errorf("its size is %d, %v", size, err)
	}

	if !s.NoMasterUser {
		set = anotherPassword(t, s, srv, set)
	}

	if err := srv.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case <-srv.Done():
	default:
		t.Error("it is stopped and not done")
	}
	if err := srv.Err(); err != nil {
		t.Errorf("it was stopped, and says %v", err)
	}
	if err := srv.Stop(ctx); err != nil {
		t.Errorf("stopping it again: %v", err)
	}
	if err := s.Engine.Check(ctx, set); err != nil {
		t.Errorf("checking a stopped database: %v", explained(err))
	}

	// Whoever does not know whether it was made makes it again, which must not cost what is in it.
	if err := s.Engine.Init(ctx, set); err != nil {
		t.Errorf("making it again: %v", explained(err))
	}
	srv = s.started(t, set)
	if err := srv.Ping(ctx); err != nil {
		t.Errorf("asking it after it was started again: %v", err)
	}
	contents, err := s.open(t, set).Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(contents.Notes)); len(got) != 10 || contents.Sum != 0 || contents.Moved != 10 {
		t.Errorf("it has the notes %v, a sum of %d, %d moved", got, contents.Sum, contents.Moved)
	}
}

// anotherPassword gives the master user another password, by which alone it enters from then on.
func anotherPassword(t *testing.T, s *Subject, srv dbengine.Server, set dbengine.Settings) dbengine.Settings {
	t.Helper()
	ctx := t.Context()
	if err := srv.SetMasterPassword(ctx, "another ' password"); err != nil {
		t.Fatal(err)
	}
	if err := srv.Ping(ctx); !errors.Is(err, dbengine.ErrWrongPassword) {
		t.Errorf("with the password that was, the answer is %v", err)
	}
	if l, err := s.Open(ctx, set); err == nil {
		_ = l.Close()
		t.Error("a client enters with the password that was")
	}
	set.MasterPassword = "another ' password"
	s.open(t, set)
	return set
}
