package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A platter is what a file system that keeps no more than POSIX asks for has in memory and on disk: what was not synced may be lost
// or half there when the power fails, name by name and file by file, in any order.
type platter struct {
	files   []*inode
	folders map[string]map[string][]entryIs // by path and name: what the name was since its folder was synced last, oldest first
}

// A entryIs is what a name is: nothing, a folder, or a file.
type entryIs struct {
	folder bool
	file   int // number, from 1
}

type inode struct {
	data   []byte
	synced bool
}

func newPlatter() *platter { return &platter{folders: map[string]map[string][]entryIs{".": {}}} }

func (p *platter) clone() *platter {
	c := newPlatter()
	for _, f := range p.files {
		c.files = append(c.files, &inode{bytes.Clone(f.data), f.synced})
	}
	for dir, names := range p.folders {
		c.folders[dir] = map[string][]entryIs{}
		for name, history := range names {
			c.folders[dir][name] = slices.Clone(history)
		}
	}
	return c
}

// is tells what a name is now.
func (p *platter) is(path string) entryIs {
	history := p.folders[filepath.Dir(path)][filepath.Base(path)]
	if len(history) == 0 {
		return entryIs{}
	}
	return history[len(history)-1]
}

func (p *platter) set(path string, n entryIs) {
	names := p.folders[filepath.Dir(path)]
	history := names[filepath.Base(path)]
	if history == nil {
		history = []entryIs{{}}
	}
	names[filepath.Base(path)] = append(history, n)
}

func (p *platter) syncDir(dir string) {
	for name, history := range p.folders[dir] {
		p.folders[dir][name] = history[len(history)-1:]
	}
}

// A powered disk does everything on the system's disk, notes it on a platter, and stops at a system call.
type powered struct {
	root   string
	on     *platter
	calls  int
	stop   int               // the number of the call before which the process is killed; negative for none
	before func(call string) // is told of each, and may let another process go first
}

var errKilled = errors.New("the process was killed")

// call does a system call and notes it, unless the process was killed before.
func (d *powered) call(what, path string, do func() error, note func(rel string)) error {
	if d.stop >= 0 && d.calls >= d.stop {
		return errKilled
	}
	d.calls++
	if d.before != nil {
		d.before(what)
	}
	rel, err := filepath.Rel(d.root, path)
	if err == nil {
		err = do()
	}
	if err == nil && !strings.HasPrefix(rel, "..") {
		note(rel)
	}
	return err
}

func (d *powered) create(path string) (file diskFile, err error) {
	number := 0
	err = d.call("create", path, func() (err error) {
		file, err = system{}.create(path)
		return err
	}, func(rel string) {
		d.on.files = append(d.on.files, new(inode))
		number = len(d.on.files)
		d.on.set(rel, entryIs{file: number})
	})
	return poweredFile{d, file, path, number}, err
}

func (d *powered) link(from, to string) error {
	source, _ := filepath.Rel(d.root, from)
	return d.call("link", to, func() error { return system{}.link(from, to) }, func(rel string) { d.on.set(rel, d.on.is(source)) })
}

func (d *powered) remove(path string) error {
	return d.call("remove", path, func() error { return system{}.remove(path) }, func(rel string) { d.on.set(rel, entryIs{}) })
}

func (d *powered) mkdir(path string) error {
	return d.call("mkdir", path, func() error { return system{}.mkdir(path) }, func(rel string) {
		d.on.set(rel, entryIs{folder: true})
		d.on.folders[rel] = map[string][]entryIs{}
	})
}

func (d *powered) syncDir(path string) error {
	return d.call("sync", path, func() error { return system{}.syncDir(path) }, d.on.syncDir)
}

type poweredFile struct {
	d      *powered
	file   diskFile
	path   string
	number int
}

func (f poweredFile) Write(p []byte) (n int, err error) {
	err = f.d.call("write", f.path, func() error {
		n, err = f.file.Write(p)
		return err
	}, func(string) { f.d.on.files[f.number-1].data = bytes.Clone(p) })
	return n, err
}

func (f poweredFile) Sync() error {
	return f.d.call("sync file", f.path, f.file.Sync, func(string) { f.d.on.files[f.number-1].synced = true })
}

func (f poweredFile) Close() error { return f.file.Close() }

// outcomes yields what may be on disk after the power has failed, as files by path; folders end in a slash. All are tried if they
// are few, and else some.
func (p *platter) outcomes(yield func(map[string][]byte)) {
	const most = 96
	total := 1
	for n, seen := 0, 1; n < seen && n < most; n++ {
		pick := &picker{left: n}
		if seen > most {
			pick.left = n * (total/most + 1)
		}
		tree := map[string][]byte{}
		p.fallen(".", pick, tree)
		seen, total = max(seen, pick.total), max(total, pick.total)
		yield(tree)
	}
}

// A picker takes one of a number of combinations of choices.
type picker struct{ left, total int }

func (k *picker) of(n int) int {
	k.total = max(k.total, 1) * n
	chosen := k.left % n
	k.left /= n
	return chosen
}

func (p *platter) fallen(dir string, pick *picker, tree map[string][]byte) {
	names := p.folders[dir]
	for _, name := range slices.Sorted(maps.Keys(names)) {
		path := filepath.Join(dir, name)
		switch n := names[name][pick.of(len(names[name]))]; {
		case n.folder:
			tree[path+"/"] = nil
			p.fallen(path, pick, tree)
		case n.file > 0:
			tree[path] = p.files[n.file-1].fallen(pick)
		}
	}
}

func (f *inode) fallen(pick *picker) []byte {
	if f.synced {
		return f.data
	}
	half := len(f.data) / 2
	return [][]byte{f.data, nil, f.data[:half], append(bytes.Clone(f.data[:half]), make([]byte, len(f.data)-half)...)}[pick.of(4)]
}

// now is what is there as long as the power does not fail.
func (p *platter) now() map[string][]byte {
	tree := map[string][]byte{}
	for dir, names := range p.folders {
		for name := range names {
			path := filepath.Join(dir, name)
			switch n := p.is(path); {
			case n.folder:
				tree[path+"/"] = nil
			case n.file > 0:
				tree[path] = p.files[n.file-1].data
			}
		}
	}
	return tree
}

// layOut makes a directory of a tree.
func layOut(t *testing.T, tree map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		var err error
		if dir, is := strings.CutSuffix(path, "/"); is {
			err = os.MkdirAll(filepath.Join(root, dir), 0o700)
		} else if err = os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o700); err == nil {
			err = os.WriteFile(filepath.Join(root, path), tree[path], 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// An ask is what is asked of the store, and what a name may then hold.
type ask struct {
	name    string
	content string // "" for a deletion
}

var asks = []ask{
	{"domains/d", "the header"},
	{"packs/d/1", "the first pack"},
	{"packs/d/2", "the second pack"},
	{"packs/d/1", "another"},
	{"packs/d/1", ""},
	{"packs/d/1", "the first pack, made anew"},
	{"packs/d/3", ""},
	{"points/d/p", "the manifest"},
}

// told is what each name may hold, by what somebody was told of it.
type told map[string][]string

// life asks for one thing after the other, until the process is killed, and gives what each name may hold then.
func life(ctx context.Context, d *Dir) (may told, err error) {
	may = told{}
	for _, a := range asks {
		before := may[a.name]
		if before == nil {
			before = []string{""}
		}
		may[a.name] = append(slices.Clone(before), a.content)
		if a.content == "" {
			err = d.Delete(ctx, a.name)
		} else {
			err = d.Create(ctx, a.name, []byte(a.content))
		}
		switch {
		case errors.Is(err, ErrExist):
			may[a.name] = before
		case err != nil:
			return may, err
		default:
			may[a.name] = []string{a.content}
		}
	}
	return may, nil
}

// look gives what the store has.
func look(ctx context.Context, s Store) (map[string]string, error) {
	has := map[string]string{}
	for info, err := range s.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		data := make([]byte, info.Size)
		if n, err := s.ReadAt(ctx, info.Name, data, 0); err != nil && !errors.Is(err, io.EOF) || int64(n) < info.Size {
			return nil, fmt.Errorf("%s: %d of %d bytes, %w", info.Name, n, info.Size, err)
		}
		has[info.Name] = string(data)
	}
	return has, nil
}

// allows tells what of a store is not as it may be.
func (may told) allows(has map[string]string) error {
	for name, contents := range may {
		if !slices.Contains(contents, has[name]) {
			return fmt.Errorf("%s holds %q, and may hold %q", name, has[name], contents)
		}
	}
	for name := range has {
		if may[name] == nil {
			return fmt.Errorf("there is %s", name)
		}
	}
	return nil
}

// The power fails before and after each system call, and what was not synced is lost, half there, or there, name by name: what was
// acknowledged is as it was acknowledged, and the rest is whole or not there. Or the process alone is killed there: what the next
// one sees stays when the power fails then.
func TestDirLosesPowerAtEverySystemCall(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	outcomes, calls := 0, 0
	for stop, killed := 0, true; killed; stop++ {
		base := t.TempDir()
		disk := &powered{root: base, on: newPlatter(), stop: stop}
		may := told{}
		d, err := newDir(filepath.Join(base, "data", "region", "archive"), disk)
		if err == nil {
			may, err = life(t.Context(), d)
		}
		if killed = errors.Is(err, errKilled); err != nil && !killed {
			t.Fatal(err)
		}
		calls = disk.calls
		disk.on.outcomes(func(tree map[string][]byte) {
			if fresh(seen, tree, may) {
				outcomes++
				restart(t, tree, may, fmt.Sprintf("the power failed after call %d", stop))
			}
		})
		next := &powered{root: layOut(t, disk.on.now()), on: disk.on.clone(), stop: -1}
		d, err = newDir(filepath.Join(next.root, "data", "region", "archive"), next)
		if err != nil {
			t.Fatal(err)
		}
		has, err := look(t.Context(), d)
		if err == nil {
			err = may.allows(has)
		}
		if err != nil {
			t.Fatalf("killed after call %d: %v", stop, err)
		}
		must := told{}
		for name := range may {
			must[name] = []string{has[name]}
		}
		next.on.outcomes(func(tree map[string][]byte) {
			if fresh(seen, tree, must) {
				outcomes++
				restart(t, tree, must, fmt.Sprintf("killed after call %d, and then the power failed", stop))
			}
		})
	}
	t.Logf("%d system calls, %d outcomes", calls, outcomes)
	if calls < 50 || outcomes < 100 {
		t.Error("that is too few to be all")
	}
}

func fresh(seen map[string]bool, tree map[string][]byte, may told) bool {
	key := fmt.Sprint(may)
	for _, path := range slices.Sorted(maps.Keys(tree)) {
		if strings.Contains(path, stagingDir+"/") {
			path = filepath.Dir(path) // whatever lies there under whatever name is no object
			key += path
			continue
		}
		key += path + "=" + string(tree[path]) + ";"
	}
	was := seen[key]
	seen[key] = true
	return !was
}

// restart opens what the power's failure has left.
func restart(t *testing.T, tree map[string][]byte, may told, when string) {
	t.Helper()
	d, err := NewDir(filepath.Join(layOut(t, tree), "data", "region", "archive"))
	if err != nil {
		t.Fatal(err)
	}
	has, err := look(t.Context(), d)
	if err == nil {
		err = may.allows(has)
	}
	if err != nil {
		t.Fatalf("%s: %v\nof %q", when, err, slices.Sorted(maps.Keys(tree)))
	}
	for name := range may { // and it can be used
		err := d.Create(t.Context(), name, []byte("new"))
		if there := has[name] != ""; err != nil && !there || there != errors.Is(err, ErrExist) {
			t.Fatalf("%s: creating %s anew: %v", when, name, err)
		}
	}
}

// Another process stores the same object between any two system calls of one that stores it: whoever is told that it is there, by
// nil or by ErrExist, finds it after the power has failed.
func TestDirTellsOfOthersWhatStays(t *testing.T) {
	t.Parallel()
	for stop := 1; ; stop++ {
		base := t.TempDir()
		on := newPlatter()
		first, second := &powered{root: base, on: on, stop: -1}, &powered{root: base, on: on, stop: -1}
		root := filepath.Join(base, "data", "region", "archive")
		a, err := newDir(root, first)
		if err != nil {
			t.Fatal(err)
		}
		b, err := newDir(root, second)
		if err != nil {
			t.Fatal(err)
		}
		began, met := first.calls, false
		first.before = func(string) {
			if first.calls != began+stop || met {
				return
			}
			met = true
			if err := b.Create(t.Context(), "domains/d", []byte("the header")); err != nil && !errors.Is(err, ErrExist) {
				t.Fatal(err)
			}
			on.outcomes(func(tree map[string][]byte) {
				restart(t, tree, told{"domains/d": {"the header"}}, fmt.Sprintf("before call %d of another", stop))
			})
		}
		if err := a.Create(t.Context(), "domains/d", []byte("the header")); err != nil && !errors.Is(err, ErrExist) {
			t.Fatal(err)
		}
		if !met {
			if stop < 6 {
				t.Errorf("an object is stored in %d calls", stop)
			}
			return
		}
	}
}
