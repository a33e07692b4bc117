package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // an ETag is an MD5
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
	s3kind "strongroom/internal/resource/s3"
	"strongroom/internal/state"
)

// WriteMany makes many small objects with one file, one sync of it and one transaction. Whoever may not make one of them is told
// so of that one.
func (s *Service) WriteMany(ctx context.Context, c *api.Caller, in *s3kind.WriteManyInput) (*s3kind.WriteManyOutput, error) {
	b, err := s.bucket(ctx, c, in.Bucket)
	if err != nil {
		return nil, err
	}
	token := in.JobID + "/" + in.Name
	if out, err := s.writtenBefore(ctx, token, len(in.Writes)); !errors.Is(err, state.ErrNotFound) {
		return out, err
	}
	if s.door.Recorded(c, b.AccountID) {
		return &s3kind.WriteManyOutput{Apart: true}, nil
	}
	w := &manyWrites{s: s, c: c, bucket: b, errs: make([]error, len(in.Writes)), keys: map[string]sharedKey{}}
	if err := w.write(ctx, in.Writes); err != nil {
		w.abandon()
		return nil, err
	}
	err = w.commit(ctx, token)
	if errors.Is(err, errBefore) {
		w.abandon()
		return s.writtenBefore(ctx, token, len(in.Writes))
	}
	if err != nil {
		w.abandon()
		return nil, err
	}
	return &s3kind.WriteManyOutput{Errs: w.errs}, nil
}

// writtenBefore is the answer to writes that an earlier run made: of those that were refused the note has the numbers.
func (s *Service) writtenBefore(ctx context.Context, token string, writes int) (*s3kind.WriteManyOutput, error) {
	var refused string
	err := s.view(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		refused, err = tx.ObjectToken(ctx, token)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &s3kind.WriteManyOutput{Errs: make([]error, writes)}
	for text := range strings.FieldsSeq(refused) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n >= writes {
			return nil, fmt.Errorf("the note of %s says %q of %d writes", token, refused, writes)
		}
		out.Errs[n] = accessDenied()
	}
	return out, nil
}

// manyWrites are the writes of one call under way.
type manyWrites struct {
	s       *Service
	c       *api.Caller
	bucket  state.Bucket
	errs    []error
	objects []state.Object       // those that may be made
	bundle  *bundle              // with their contents; nil if there are none
	keys    map[string]sharedKey // by what asks for them
	buf     []byte
}

// sharedKey is a data key under a bucket key, which is asked for once: it is bound to the bucket and not to an object.
type sharedKey struct {
	plain  []byte
	object state.Object // with what objects under the key have in common
}

func (w *manyWrites) write(ctx context.Context, writes []s3kind.Write) error {
	for i, each := range writes {
		if err := ctx.Err(); err != nil {
			return err
		}
		o, err := w.one(ctx, each)
		switch {
		case err == nil:
			w.objects = append(w.objects, o)
		case api.Code(err) == "":
			return err
		default:
			w.errs[i] = err
		}
	}
	if w.bundle == nil {
		return nil
	}
	return w.bundle.close()
}

// one authorizes a write and brings its content into the bundle.
func (w *manyWrites) one(ctx context.Context, each s3kind.Write) (state.Object, error) {
	in := each.Put
	if err := checkKey(*in.Key); err != nil {
		return state.Object{}, err
	}
	conditions := map[string][]string{}
	actions := append([]string{"PutObject"}, w.s.putObjectConditions(in, conditions)...)
	accesses := make([]api.Access, len(actions))
	for i, action := range actions {
		accesses[i] = bucketAccess(w.bucket, action, objectARN(w.bucket.Name, *in.Key), conditions)
	}
	if err := w.s.door.Authorize(ctx, w.c, "s3", accesses...); err != nil {
		return state.Object{}, err
	}
	o, err := w.s.asked(ctx, w.c, w.bucket, in)
	if err != nil {
		return o, err
	}
	key, err := w.key(ctx, in, &o)
	if err != nil {
		return o, err
	}
	plain, err := w.read(in)
	if err != nil {
		return o, err
	}
	if err := setSums(&o, plain, string(in.ChecksumAlgorithm), each.Known); err != nil {
		return o, err
	}
	if w.bundle == nil {
		if w.bundle, err = w.s.files.newBundle(w.bucket.Region); err != nil {
			return o, err
		}
	}
	written, err := w.bundle.add(key, plain)
	o.File, o.Offset, o.Size = written.file, written.offset, written.size
	return o, err
}

// key is the data key of a new object.
func (w *manyWrites) key(ctx context.Context, in *s3.PutObjectInput, o *state.Object) ([]byte, error) {
	request := putObjectEncryption(in)
	name := string(request.algorithm) + " " + str(request.keyID) + " " + str(request.context)
	if shared, ok := w.keys[name]; ok && request.bucketKey == nil {
		o.SSE, o.BucketKey, o.KMSKeyARN = shared.object.SSE, shared.object.BucketKey, shared.object.KMSKeyARN
		o.WrappedKey, o.KMSContext = shared.object.WrappedKey, shared.object.KMSContext
		return shared.plain, nil
	}
	key, err := w.s.newKey(ctx, w.c, w.bucket, request, o)
	if err == nil && o.BucketKey && request.bucketKey == nil {
		w.keys[name] = sharedKey{key, *o}
	}
	return key, err
}

// read gives the content of a write, which stays until the next.
func (w *manyWrites) read(in *s3.PutObjectInput) ([]byte, error) {
	size := *in.ContentLength
	if size > segmentSize {
		return nil, fmt.Errorf("%s is no small object: it has %d bytes", *in.Key, size)
	}
	if w.buf == nil {
		w.buf = make([]byte, segmentSize+1)
	}
	n, _, err := fill(in.Body, w.buf[:size+1])
	if err == nil && int64(n) != size {
		err = fmt.Errorf("%s has %d bytes and not %d: %w", *in.Key, n, size, io.ErrUnexpectedEOF)
	}
	return w.buf[:n], err
}

// setSums sets the ETag and the checksum of an object, as far as they are not known by what is.
func setSums(o *state.Object, plain []byte, algorithm string, known s3kind.Sums) error {
	o.ETag = newETag(*o, func() string {
		if known.MD5 != "" {
			return known.MD5
		}
		sum := md5.Sum(plain) //nolint:gosec // see above
		return hexOf(sum[:])
	})
	if algorithm == "" {
		algorithm = crc64nvmeSum
	}
	o.ChecksumAlgorithm, o.ChecksumType = algorithm, fullObject
	if known.Algorithm == algorithm && known.Checksum != "" {
		o.Checksum = known.Checksum
		return nil
	}
	h, err := newChecksum(algorithm)
	if err != nil {
		return err
	}
	h.Write(plain)
	o.Checksum = base64.StdEncoding.EncodeToString(h.Sum(nil))
	return nil
}

// commit makes the objects known, with a note of what was refused.
func (w *manyWrites) commit(ctx context.Context, token string) error {
	var refused []string
	for i, err := range w.errs {
		if err != nil {
			refused = append(refused, strconv.Itoa(i))
		}
	}
	var dirs []string
	if w.bundle != nil {
		dirs = append(dirs, w.s.files.shardDir(w.bundle.region, w.bundle.file))
	}
	var dead []content
	err := w.s.commits.doMany(ctx, dirs, func(ctx context.Context, tx *state.Tx) error {
		b := w.bucket
		if err := again(ctx, tx, &b); err != nil {
			return err
		}
		err := tx.InsertObjectToken(ctx, token, strings.Join(refused, " "))
		if errors.Is(err, state.ErrExists) {
			return errBefore
		}
		if err != nil {
			return err
		}
		dead, err = w.add(ctx, tx, b)
		return err
	})
	if err == nil {
		w.s.files.remove(dead...)
	}
	return err
}

// add makes each of the objects the newest version of its key.
func (w *manyWrites) add(ctx context.Context, tx *state.Tx, b state.Bucket) (dead []content, err error) {
	newest, few, err := w.newest(ctx, tx, b)
	if err != nil {
		return nil, err
	}
	for i := range w.objects {
		o := &w.objects[i]
		if b.Versioning == "Enabled" && few {
			err = addAfter(ctx, tx, b, o, newest)
		} else {
			var replaced []content
			replaced, err = add(ctx, tx, b, o)
			dead = append(dead, replaced...)
		}
		if err != nil {
			return nil, err
		}
		if err := w.s.tell(ctx, tx, w.c, b, objectCreated(created{"Put", "PutObject"}, o.ObjectVersion)); err != nil {
			return nil, err
		}
	}
	return dead, nil
}

// newest tells when the newest versions were made of the keys from the first object's to the last's, if they are few enough to
// be asked for at once.
func (w *manyWrites) newest(ctx context.Context, tx *state.Tx, b state.Bucket) (newest map[string]state.Micros, few bool, err error) {
	if len(w.objects) == 0 {
		return nil, false, nil
	}
	first, last := w.objects[0].Key, w.objects[len(w.objects)-1].Key
	limit := 4 * len(w.objects)
	there, err := tx.NewestBetween(ctx, b.ID, first, last, limit)
	newest = make(map[string]state.Micros, len(there))
	for _, k := range there {
		newest[k.Key] = k.Modified
	}
	return newest, len(there) < limit, err
}

// addAfter is add for a bucket with versions, where it is known of every key when its newest version was made.
func addAfter(ctx context.Context, tx *state.Tx, b state.Bucket, o *state.Object, newest map[string]state.Micros) error {
	before, exists := newest[o.Key]
	o.BucketID = b.ID
	o.Modified = tx.Now
	if exists {
		o.Modified = max(tx.Now, before+1)
		if err := tx.RetireObject(ctx, b.ID, o.Key); err != nil {
			return err
		}
	}
	o.VersionID = newVersionID(o.Modified)
	newest[o.Key] = o.Modified
	defaultLock(b, o)
	return tx.InsertObject(ctx, *o)
}

// abandon removes what no row names.
func (w *manyWrites) abandon() {
	if w.bundle != nil {
		w.bundle.abandon()
	}
}

// writeManyAccess asks for nothing: each write is authorized by itself, so that one that is refused leaves the others alone.
func writeManyAccess(context.Context, *api.Caller, *s3kind.WriteManyInput) ([]api.Access, error) {
	return nil, nil
}
