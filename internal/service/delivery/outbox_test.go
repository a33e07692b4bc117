package delivery_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"strongroom/clock"
	"strongroom/internal/service/delivery"
	"strongroom/internal/state"
)

// open makes an outbox whose messages to endpoints post sends, and that holds so many messages of accounts to endpoints.
func open(t *testing.T, post func(ctx context.Context, d state.Delivery) error, held map[state.DueTarget]int) {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), clock.Wall)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	o := delivery.New(delivery.Config{DB: db, Clock: clock.Wall, Seal: seal, Post: post, Log: slog.New(slog.DiscardHandler)})
	if err := db.Update(t.Context(), func(ctx context.Context, tx *state.Tx) error {
		for target, n := range held {
			for range n {
				if err := o.Put(ctx, tx, state.Delivery{AccountID: target.AccountID, TargetARN: target.TargetARN}); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = o.Stop(context.Background())
		_ = db.Close()
	})
}

func wait(t *testing.T, arrived <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-arrived:
	case <-time.After(2 * time.Minute):
		t.Fatal(what)
	}
}

// TestAccountsHaveAShare: endpoints of one account that never answer hold up no other account.
func TestAccountsHaveAShare(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	held := map[state.DueTarget]int{{AccountID: "222222222222", TargetARN: "https://z-good"}: 1}
	for i := range 20 {
		held[state.DueTarget{AccountID: "111111111111", TargetARN: fmt.Sprintf("https://silent/%d", i)}] = 2
	}
	open(t, func(ctx context.Context, d state.Delivery) error {
		if d.AccountID == "222222222222" {
			close(arrived)
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}, held)
	wait(t, arrived, "one account has all lanes")
}

// TestLanesAreHandedOn: a target with much to bring does not keep its lane from one that waits for it.
func TestLanesAreHandedOn(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	held := map[state.DueTarget]int{{AccountID: "111111111111", TargetARN: "https://z-last"}: 1}
	for i := range 16 {
		held[state.DueTarget{AccountID: "111111111111", TargetARN: fmt.Sprintf("https://busy/%d", i)}] = 25
	}
	var mu sync.Mutex
	sent := map[string]int{}
	open(t, func(ctx context.Context, d state.Delivery) error {
		if d.TargetARN == "https://z-last" {
			close(arrived)
			return nil
		}
		mu.Lock()
		sent[d.TargetARN]++
		n := sent[d.TargetARN]
		mu.Unlock()
		if n <= 20 {
			return nil
		}
		select { // the next turn is for those that had none
		case <-arrived:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, held)
	wait(t, arrived, "no lane was handed on")
}
