package archive

import (
	"container/list"
	"os"
	"sync"
)

// mostOpen is how many files are kept open, of all stores of this process together.
const mostOpen = 32

// packFiles are the packs that were read last. Small blobs lie side by side in packs, and reading each from a file opened anew
// takes longer in opening and closing than in reading.
var packFiles = openFiles{files: map[string]*openFile{}, oldest: list.New()}

// openFiles are files that stay open, up to a number.
type openFiles struct {
	mu     sync.Mutex // guards the rest, and what is in the files
	files  map[string]*openFile
	oldest *list.List // of *openFile, those first that were not used for longest
}

type openFile struct {
	*os.File
	info  os.FileInfo
	age   *list.Element // nil if it is no longer kept
	users int
}

// open gives a file, which done takes back. It is the one that has the name now, also if it was open before.
func (o *openFiles) open(path string) (*openFile, error) {
	if f := o.kept(path); f != nil {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, f.info) {
			return f, nil
		}
		o.forget(path)
		o.done(f)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close() // nothing was read from it
		return nil, err
	}
	f := &openFile{File: file, info: info, users: 1}
	o.keep(path, f)
	return f, nil
}

// kept gives the file of a path if it is open.
func (o *openFiles) kept(path string) *openFile {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.files[path]
	if f != nil {
		f.users++
		o.oldest.MoveToBack(f.age)
	}
	return f
}

func (o *openFiles) keep(path string, f *openFile) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.files[path] != nil { // somebody was quicker: this one goes when it is done with
		return
	}
	o.files[path], f.age = f, o.oldest.PushBack(f)
	if len(o.files) > mostOpen {
		o.dropLocked(o.oldest.Front().Value.(*openFile).Name())
	}
}

// forget keeps a file open no longer than those need who use it.
func (o *openFiles) forget(path string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropLocked(path)
}

func (o *openFiles) dropLocked(path string) {
	f := o.files[path]
	if f == nil {
		return
	}
	delete(o.files, path)
	o.oldest.Remove(f.age)
	f.age = nil
	if f.users == 0 {
		_ = f.Close() // it was only read
	}
}

func (o *openFiles) done(f *openFile) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f.users--; f.users == 0 && f.age == nil {
		_ = f.Close() // it was only read
	}
}
