package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"strings"
	"sync"
)

// Mem is a [Store] in memory, for tests and examples. Its zero value is empty and ready.
type Mem struct {
	mu      sync.RWMutex
	objects map[string][]byte
}

// Create implements [Store].
func (m *Mem) Create(ctx context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, taken := m.objects[name]; taken {
		return fmt.Errorf("creating %s: %w", name, ErrExist)
	}
	if m.objects == nil {
		m.objects = map[string][]byte{}
	}
	m.objects[name] = bytes.Clone(data)
	return nil
}

// ReadAt implements [Store].
func (m *Mem) ReadAt(ctx context.Context, name string, p []byte, off int64) (int, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	data, ok := m.objects[name]
	if !ok {
		return 0, fmt.Errorf("reading %s: %w", name, ErrNotExist)
	}
	n := copy(p, data[min(off, int64(len(data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// List implements [Store].
func (m *Mem) List(ctx context.Context, prefix string) iter.Seq2[ObjectInfo, error] {
	return func(yield func(ObjectInfo, error) bool) {
		m.mu.RLock()
		objects := maps.Clone(m.objects)
		m.mu.RUnlock()
		if err := ctx.Err(); err != nil {
			yield(ObjectInfo{}, err)
			return
		}
		for name, data := range objects {
			if strings.HasPrefix(name, prefix) && !yield(ObjectInfo{Name: name, Size: int64(len(data))}, nil) {
				return
			}
		}
	}
}

// Delete implements [Store].
func (m *Mem) Delete(ctx context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	delete(m.objects, name)
	return nil
}

var _ Store = (*Mem)(nil)
