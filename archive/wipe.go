package archive

import (
	"crypto/cipher"
	"errors"
	"reflect"
	"unsafe"
)

// ErrDomainClosed says that a domain was closed before it was read from.
var ErrDomainClosed = errors.New("the sealing domain is closed")

// Close ends the use of the domain and overwrites its keys in memory: the data key and all that was derived from it. What reads from it
// afterwards fails with [ErrDomainClosed], and what writes to it panics: writers and copies end before. It may be called more than once.
//
// What Go's runtime or the crypto packages have copied meanwhile, into a stack or a hash that is garbage, cannot be reached from
// here; see docs/security.md.
func (d *Domain) Close() { d.keys.wipe() }

// wipe overwrites the keys.
func (k *keys) wipe() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed.Swap(true) {
		return
	}
	clear(k.data)
	for _, secret := range k.secrets {
		clear(secret)
	}
	clear(k.gear[:])
	k.page = [2]uint64{}
	for _, pool := range []*hasherPool{&k.ids, &k.origins} {
		pool.wipe()
	}
	for _, s := range k.packs {
		wipeValue(s.aead)
	}
	k.packs = nil
}

// check panics after [Domain.Close]: sealing with keys of zeros would be worse than any crash.
func (k *keys) check() {
	if k.closed.Load() {
		panic("archive: a sealing domain is used after it was closed")
	}
}

// wipeValue overwrites what an AEAD or a block cipher points to: its expanded key. The types are the standard library's own and
// have no method for it. A type that holds pointers is left alone.
func wipeValue(v any) {
	if w, is := v.(interface{ unwrap() cipher.AEAD }); is {
		v = w.unwrap()
	}
	at := reflect.ValueOf(v)
	if at.Kind() != reflect.Pointer || at.IsNil() || pointers(at.Type().Elem()) {
		return
	}
	clear(unsafe.Slice((*byte)(at.UnsafePointer()), at.Type().Elem().Size()))
}

// pointers tells whether values of a type hold any.
func pointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return pointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if pointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16,
		reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return false
	default:
		return true
	}
}
