package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"
)

// limitName is how the table calls what the machine could do.
const limitName = "(limit)"

// limits are the CPU time that the operations would take if nothing had to be done but what must be: each byte read once, hashed once,
// compressed or decompressed once, sealed or opened once and written once, at the speed at which this machine does each of them alone,
// with these data, now.
func limits(ctx context.Context, data dataset, scratch string) (map[operation]measurement, error) {
	p, err := measurePrimitives(ctx, data.source(), scratch)
	if err != nil {
		return nil, err
	}
	all, unique, packed := p.all, p.unique, p.packed
	compressible := unique * p.compressible
	cost := map[operation]float64{
		firstBackup:     all*(p.read+p.hash) + compressible*p.compress + packed*(p.seal+p.write),
		unchangedReread: all * (p.read + p.hash),
		firstCopy:       packed*(p.read+2*p.seal+p.write) + compressible*p.decompress + unique*p.hash,
		restore:         packed*(p.read+p.seal) + compressible*p.decompress*all/unique + all*p.write,
		verify:          packed*(p.read+p.seal) + compressible*p.decompress + unique*p.hash,
	}
	out := map[operation]measurement{}
	for op, seconds := range cost {
		cpu := time.Duration(seconds * float64(time.Second))
		out[op] = measurement{usage: usage{CPU: cpu, Wall: cpu / time.Duration(runtime.NumCPU())}}
	}
	return out, nil
}

// primitives are CPU seconds a byte, and what there is of bytes.
type primitives struct {
	read, hash, compress, decompress, seal, write float64

	all          float64 // bytes of the data, without holes
	unique       float64 // bytes of their different pages
	compressible float64 // the share of them that gets smaller
	packed       float64 // unique, compressed
}

const sampleSize = 256 * mib

func measurePrimitives(ctx context.Context, source, scratch string) (p primitives, err error) {
	blocks, err := p.survey(ctx, source)
	if err == nil && len(blocks) == 0 {
		err = errors.New("there are no data to measure with")
	}
	if err != nil {
		return p, err
	}
	var sampled int
	for _, b := range blocks {
		sampled += len(b)
	}
	p.hash = timed(sampled, func() {
		h, _ := blake3.NewKeyed(make([]byte, 32))
		for _, b := range blocks {
			h.Reset()
			_, _ = h.Write(b)
		}
	})
	if err := p.compression(blocks, sampled); err != nil {
		return p, err
	}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return p, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return p, err
	}
	sealed := make([]byte, 0, mib)
	p.seal = timed(sampled, func() {
		for _, b := range blocks {
			sealed = aead.Seal(sealed[:0], make([]byte, 12), b, nil)
		}
	})
	path := filepath.Join(scratch, "limit")
	p.write = timed(sampled, func() { err = writeBlocks(path, blocks) })
	if err != nil {
		return p, err
	}
	buf := make([]byte, mib)
	p.read = timed(sampled, func() {
		var file *os.File
		if file, err = os.Open(path); err == nil {
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{file}, buf)
			err = errors.Join(err, file.Close())
		}
	})
	return p, errors.Join(err, os.Remove(path))
}

// compression measures the level that the archive has by default, over the blocks that get smaller.
func (p *primitives) compression(blocks [][]byte, sampled int) error {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	var smaller, frames [][]byte
	var in, out int
	for _, b := range blocks {
		if frame := encoder.EncodeAll(b, nil); len(frame) < len(b)-len(b)/32 {
			smaller, frames = append(smaller, b), append(frames, frame)
			in, out = in+len(b), out+len(frame)
		}
	}
	if in == 0 {
		p.packed = p.unique
		return nil
	}
	buf := make([]byte, 0, 2*mib)
	p.compress = timed(in, func() {
		for _, b := range smaller {
			buf = encoder.EncodeAll(b, buf[:0])
		}
	})
	p.decompress = timed(in, func() {
		for _, frame := range frames {
			if buf, err = decoder.DecodeAll(frame, buf[:0]); err != nil {
				return
			}
		}
	})
	p.compressible = float64(in) / float64(sampled)
	p.packed = p.unique * (1 - p.compressible*(1-float64(out)/float64(in)))
	return err
}

// survey reads all data, counts the bytes and the different ones by pages, and gives a sample of those in blocks.
func (p *primitives) survey(ctx context.Context, source string) (sample [][]byte, err error) {
	seen := map[[16]byte]struct{}{}
	var total int64
	hasher := blake3.New()
	err = filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // it was only read
		buf := make([]byte, 512*kib)
		for err == nil && ctx.Err() == nil {
			var n int
			n, err = io.ReadFull(file, buf)
			fresh := 0
			for off := 0; off < n; off += page {
				b := buf[off:min(off+page, n)]
				if zeroBytes(b) {
					continue
				}
				total += int64(len(b))
				hasher.Reset()
				_, _ = hasher.Write(b)
				var sum [16]byte
				_, _ = hasher.Digest().Read(sum[:])
				if _, double := seen[sum]; !double {
					seen[sum] = struct{}{}
					p.unique += float64(len(b))
					fresh += len(b)
				}
			}
			if 2*fresh > n {
				sample = append(sample, append([]byte(nil), buf[:n]...))
				if len(sample) > 2*sampleSize/len(buf) { // every other one goes, so that it stays one of all
					for i := range len(sample) / 2 {
						sample[i] = sample[2*i]
					}
					sample = sample[:len(sample)/2]
				}
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		return errors.Join(err, ctx.Err())
	})
	p.all = float64(total)
	return sample, err
}

func zeroBytes(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func writeBlocks(path string, blocks [][]byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if _, err := file.Write(b); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return errors.Join(file.Sync(), file.Close())
}

// timed gives the CPU seconds a byte that something takes: the better of two goes.
func timed(bytes int, do func()) float64 {
	best := time.Duration(1<<63 - 1)
	for range 2 {
		runtime.GC()
		before := cpuTime()
		do()
		best = min(best, cpuTime()-before)
	}
	return best.Seconds() / float64(bytes)
}

// cpuTime is the CPU time, user's and system's, that this process has taken.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic("getrusage of this process: " + err.Error())
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
