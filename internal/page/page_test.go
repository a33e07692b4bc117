package page

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"strongroom/internal/api"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	s := NewRandomSealer()
	token := s.Seal("backup:ListBackupVaults:111111111111", "vault-7")
	if strings.Contains(token, "vault-7") {
		t.Errorf("token %q shows its content", token)
	}
	var got string
	if err := s.Open("backup:ListBackupVaults:111111111111", token, &got); err != nil || got != "vault-7" {
		t.Errorf("opened %q, %v", got, err)
	}
	for name, open := range map[string]func() error{
		"another list":   func() error { return s.Open("backup:ListBackupVaults:222222222222", token, &got) },
		"another sealer": func() error { return NewRandomSealer().Open("backup:ListBackupVaults:111111111111", token, &got) },
		"no base64":      func() error { return s.Open("backup:ListBackupVaults:111111111111", "!", &got) },
		"empty":          func() error { return s.Open("backup:ListBackupVaults:111111111111", "", &got) },
		"another type":   func() error { return s.Open("backup:ListBackupVaults:111111111111", token, new(int)) },
	} {
		if err := open(); !errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for i := range token {
		changed := []byte(token)
		changed[i] ^= 1
		if err := s.Open("backup:ListBackupVaults:111111111111", string(changed), &got); err == nil {
			t.Fatalf("token with byte %d changed is accepted", i)
		}
	}
}

func TestBadTokenHasTheServicesCode(t *testing.T) {
	t.Parallel()
	bad := "x"
	_, err := NewRandomSealer().After("list", &bad, "InvalidNextTokenException")
	if api.Code(err) != "InvalidNextTokenException" || !errors.Is(err, ErrToken) {
		t.Errorf("got %v", err)
	}
}

// TestPagesMakeTheWhole walks a list page by page: each item comes once, in order.
func TestPagesMakeTheWhole(t *testing.T) {
	t.Parallel()
	all := []string{"a", "b", "c", "d", "e", "f", "g"}
	itself := func(s string) string { return s }
	s := NewRandomSealer()
	for size := 1; size <= len(all)+1; size++ {
		var seen []string
		var token *string
		for {
			after, err := s.After("list", token, "Bad")
			if err != nil {
				t.Fatal(err)
			}
			items, next := Slice(all, after, size, itself)
			if len(items) > size {
				t.Fatalf("page of %d holds %v", size, items)
			}
			seen = append(seen, items...)
			if token = s.Next("list", next); token == nil {
				break
			}
		}
		if !slices.Equal(seen, all) {
			t.Errorf("pages of %d: %v", size, seen)
		}
	}
}
