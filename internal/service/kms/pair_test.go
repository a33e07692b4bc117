package kms

import (
	"bytes"
	"testing"
)

// FuzzParsePrivate holds the law of imported private keys: what parses prints to something that parses to the same key.
func FuzzParsePrivate(f *testing.F) {
	for i, s := range specs {
		if !s.asymmetric() || s.kind == rsaKind && s.bits > 2048 {
			continue
		}
		der, err := s.newSecret()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), der)
	}
	f.Fuzz(func(t *testing.T, which uint8, der []byte) {
		s := specs[int(which)%len(specs)]
		private, err := s.parsePrivate(der)
		if err != nil {
			return
		}
		printed, err := marshalPrivate(private)
		if err != nil {
			t.Fatalf("a key of %s parses and does not print: %v", s.name, err)
		}
		again, err := s.parsePrivate(printed)
		if err != nil {
			t.Fatalf("a key of %s does not parse again: %v", s.name, err)
		}
		if once, err := marshalPrivate(again); err != nil || !bytes.Equal(once, printed) {
			t.Fatalf("a key of %s prints otherwise the second time, %v", s.name, err)
		}
		if _, err := marshalPublic(private); err != nil {
			t.Fatalf("a key of %s has no public half: %v", s.name, err)
		}
	})
}
