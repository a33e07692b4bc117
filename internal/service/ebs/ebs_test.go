package ebs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	awsebs "github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	"strongroom/internal/resource/ebs/ebstest"
	"strongroom/internal/resource/ebs/nbd/nbdtest"
)

const blockSize = 512 << 10

func ptr[T any](v T) *T { return &v }

func same(a, b map[int][]byte) bool { return maps.EqualFunc(a, b, bytes.Equal) }

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// house is a house with SDK clients of the member account that come over HTTP.
type house struct {
	*ebstest.World
	t   *testing.T
	ec2 *awsec2.Client
	ebs *awsebs.Client
}

func newHouse(t *testing.T) house {
	t.Helper()
	w := ebstest.New(t)
	ec2, ebs := w.Clients(ebstest.Member, ebstest.Region)
	return house{w, t, ec2, ebs}
}

func (h house) put(snapshot string, index int, data []byte) error {
	_, err := h.ebs.PutSnapshotBlock(h.t.Context(), &awsebs.PutSnapshotBlockInput{
		SnapshotId: &snapshot, BlockIndex: ptr(int32(index)), BlockData: bytes.NewReader(data), DataLength: ptr(int32(len(data))),
		Checksum: ptr(sumOf(data)), ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
	})
	return err
}

// upload makes a snapshot of blocks.
func (h house) upload(in awsebs.StartSnapshotInput, blocks map[int][]byte) string {
	h.t.Helper()
	in.VolumeSize = ptr[int64](1)
	out, err := h.ebs.StartSnapshot(h.t.Context(), &in)
	if err != nil {
		h.t.Fatal(err)
	}
	sums := sha256.New()
	for i := range 2048 {
		if data, there := blocks[i]; there {
			if err := h.put(*out.SnapshotId, i, data); err != nil {
				h.t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			sums.Write(sum[:])
		}
	}
	_, err = h.ebs.CompleteSnapshot(h.t.Context(), &awsebs.CompleteSnapshotInput{
		SnapshotId: out.SnapshotId, ChangedBlocksCount: ptr(int32(len(blocks))),
		Checksum: ptr(base64.StdEncoding.EncodeToString(sums.Sum(nil))), ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
		ChecksumAggregationMethod: types.ChecksumAggregationMethodChecksumAggregationLinear,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := awsec2.NewSnapshotCompletedWaiter(h.ec2, func(o *awsec2.SnapshotCompletedWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	}).Wait(h.t.Context(), &awsec2.DescribeSnapshotsInput{SnapshotIds: []string{*out.SnapshotId}}, time.Minute); err != nil {
		h.t.Fatal(err)
	}
	return *out.SnapshotId
}

// download reads all blocks of a snapshot.
func (h house) download(snapshot string) map[int][]byte {
	h.t.Helper()
	blocks := map[int][]byte{}
	pages := awsebs.NewListSnapshotBlocksPaginator(h.ebs, &awsebs.ListSnapshotBlocksInput{SnapshotId: &snapshot, MaxResults: ptr[int32](100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		for _, b := range page.Blocks {
			blocks[int(*b.BlockIndex)] = h.get(snapshot, b.BlockIndex, b.BlockToken)
		}
	}
	return blocks
}

func (h house) get(snapshot string, index *int32, token *string) []byte {
	h.t.Helper()
	out, err := h.ebs.GetSnapshotBlock(h.t.Context(), &awsebs.GetSnapshotBlockInput{SnapshotId: &snapshot, BlockIndex: index, BlockToken: token})
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = out.BlockData.Close() }()
	data, err := io.ReadAll(out.BlockData)
	if err != nil {
		h.t.Fatal(err)
	}
	if sumOf(data) != *out.Checksum || int(*out.DataLength) != len(data) {
		h.t.Fatalf("block %d comes with another checksum or length", *index)
	}
	return data
}

// A file system goes up block by block, becomes a volume, is read over NBD, and is the same and sound.
func TestFileSystemRoundTrip(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	image := fileSystem(t)
	blocks := map[int][]byte{}
	for i := 0; i*blockSize < len(image); i++ {
		if block := image[i*blockSize : (i+1)*blockSize]; !bytes.Equal(block, make([]byte, blockSize)) {
			blocks[i] = block
		}
	}
	key := h.Key(ebstest.Admin(ebstest.Member), "")
	snapshot := h.upload(awsebs.StartSnapshotInput{Encrypted: ptr(true), KmsKeyArn: &key, Description: ptr("a file system")}, blocks)
	if !same(blocks, h.download(snapshot)) {
		t.Fatal("the blocks that come down differ")
	}

	volume, err := h.ec2.CreateVolume(t.Context(), &awsec2.CreateVolumeInput{SnapshotId: &snapshot, AvailabilityZone: ptr(ebstest.Region + "b")})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Engine.WaitVolume(t.Context(), *volume.VolumeId, nil); err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- h.Engine.ServeNBD(t.Context(), there, *volume.VolumeId) }()
	client, err := nbdtest.Dial(here, *volume.VolumeId)
	if err != nil {
		t.Fatal(err)
	}
	if client.Size() != 1<<30 {
		t.Fatalf("the export has %d bytes", client.Size())
	}
	_, err = h.ec2.DeleteVolume(t.Context(), &awsec2.DeleteVolumeInput{VolumeId: volume.VolumeId})
	if code := codeOf(err); code != "VolumeInUse" {
		t.Errorf("deleting an attached volume answers %v", err)
	}
	got := make([]byte, len(image))
	if _, err := client.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, image) {
		t.Fatal("the volume differs from the file system")
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, got, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "e2fsck", "-fn", file)
}

// fileSystem makes an ext4 file system with files in it.
func fileSystem(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{"big": noise(5 << 20), "small": []byte("hello"), "empty": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	run(t, "mke2fs", "-q", "-t", "ext4", "-d", dir, image, "64M")
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// run runs a tool of e2fsprogs, which a Debian has even where it has nothing else.
func run(t *testing.T, tool string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		path = filepath.Join("/usr/sbin", tool)
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, out)
	}
}

func TestChildSnapshots(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, b, c, d := noise(blockSize), noise(blockSize), noise(blockSize), noise(blockSize)
	first := h.upload(awsebs.StartSnapshotInput{}, map[int][]byte{0: a, 5: b, 2047: c})
	second := h.upload(awsebs.StartSnapshotInput{ParentSnapshotId: &first}, map[int][]byte{5: d, 6: a, 2047: make([]byte, blockSize)})
	if !same(map[int][]byte{0: a, 5: d, 6: a}, h.download(second)) {
		t.Fatal("the child's blocks differ")
	}
	out, err := h.ebs.ListChangedBlocks(t.Context(), &awsebs.ListChangedBlocksInput{FirstSnapshotId: &first, SecondSnapshotId: &second})
	if err != nil {
		t.Fatal(err)
	}
	type change struct {
		Index         int32
		First, Second bool
	}
	var got []change
	for _, ch := range out.ChangedBlocks {
		got = append(got, change{*ch.BlockIndex, ch.FirstBlockToken != nil, ch.SecondBlockToken != nil})
	}
	if diff := cmp.Diff([]change{{5, true, true}, {6, false, true}, {2047, true, false}}, got); diff != "" {
		t.Fatalf("the changed blocks: (-want +got)\n%s", diff)
	}
	if !bytes.Equal(h.get(first, ptr[int32](5), out.ChangedBlocks[0].FirstBlockToken), b) || !bytes.Equal(h.get(second, ptr[int32](5), out.ChangedBlocks[0].SecondBlockToken), d) {
		t.Error("the tokens of a changed block lead to other data")
	}
	all, err := h.ebs.ListChangedBlocks(t.Context(), &awsebs.ListChangedBlocksInput{SecondSnapshotId: &second, StartingBlockIndex: ptr[int32](1)})
	if err != nil || len(all.ChangedBlocks) != 2 {
		t.Errorf("from block 1 on: %d blocks, %v", len(all.ChangedBlocks), err)
	}

	// A child under a key of its own shares nothing with its parent's archive and is whole all the same.
	key := h.Key(ebstest.Admin(ebstest.Member), "")
	_, err = h.ec2.EnableEbsEncryptionByDefault(t.Context(), &awsec2.EnableEbsEncryptionByDefaultInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.ec2.ModifyEbsDefaultKmsKeyId(t.Context(), &awsec2.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: &key}); err != nil {
		t.Fatal(err)
	}
	third := h.upload(awsebs.StartSnapshotInput{ParentSnapshotId: &first}, map[int][]byte{1: d})
	if !same(map[int][]byte{0: a, 1: d, 5: b, 2047: c}, h.download(third)) {
		t.Fatal("the encrypted child's blocks differ")
	}
	_, err = h.ebs.ListChangedBlocks(t.Context(), &awsebs.ListChangedBlocksInput{FirstSnapshotId: &first, SecondSnapshotId: &third})
	if reason := reasonOf(err); reason != types.ValidationExceptionReasonUnrelatedSnapshots {
		t.Errorf("comparing across keys answers %v", err)
	}
	// Each read asks KMS.
	if got := h.download(third); len(got) != 4 {
		t.Fatal(len(got))
	}
	h.Disable(ebstest.Admin(ebstest.Member), key)
	_, err = h.ebs.ListSnapshotBlocks(t.Context(), &awsebs.ListSnapshotBlocksInput{SnapshotId: &third})
	if denied := new(types.AccessDeniedException); !errors.As(err, &denied) {
		t.Errorf("reading under a disabled key answers %v", err)
	}
}

func codeOf(err error) string {
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) {
		return coded.ErrorCode()
	}
	return ""
}

func reasonOf(err error) types.ValidationExceptionReason {
	if invalid := new(types.ValidationException); errors.As(err, &invalid) {
		return invalid.Reason
	}
	return ""
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	data := noise(blockSize)
	done := h.upload(awsebs.StartSnapshotInput{}, map[int][]byte{3: data})
	other := h.upload(awsebs.StartSnapshotInput{}, map[int][]byte{3: data})
	open, err := h.ebs.StartSnapshot(ctx, &awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1), ClientToken: ptr("one")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.ebs.StartSnapshot(ctx, &awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1), ClientToken: ptr("one")})
	if err != nil || *again.SnapshotId != *open.SnapshotId {
		t.Errorf("the same client token makes %v, %v", again, err)
	}
	list, err := h.ebs.ListSnapshotBlocks(ctx, &awsebs.ListSnapshotBlocksInput{SnapshotId: &done})
	if err != nil {
		t.Fatal(err)
	}
	token := list.Blocks[0].BlockToken
	start := func(in awsebs.StartSnapshotInput) func() error {
		return func() error { _, err := h.ebs.StartSnapshot(ctx, &in); return err }
	}
	complete := func(in awsebs.CompleteSnapshotInput) func() error {
		in.SnapshotId = open.SnapshotId
		return func() error { _, err := h.ebs.CompleteSnapshot(ctx, &in); return err }
	}
	get := func(snapshot string, index int32, token *string) func() error {
		return func() error {
			_, err := h.ebs.GetSnapshotBlock(ctx, &awsebs.GetSnapshotBlockInput{SnapshotId: &snapshot, BlockIndex: &index, BlockToken: token})
			return err
		}
	}
	for _, tt := range []struct {
		name, code string
		reason     types.ValidationExceptionReason
		call       func() error
	}{
		{"a token used otherwise", "ConflictException", "", start(awsebs.StartSnapshotInput{VolumeSize: ptr[int64](2), ClientToken: ptr("one")})},
		{"a parent and encryption", "ValidationException", types.ValidationExceptionReasonInvalidParameterValue, start(awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1), ParentSnapshotId: &done, Encrypted: ptr(true)})},
		{"an unknown parent", "ResourceNotFoundException", "", start(awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1), ParentSnapshotId: ptr("snap-00000000000000000")})},
		{"a pending parent", "ValidationException", types.ValidationExceptionReasonInvalidSnapshotId, start(awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1), ParentSnapshotId: open.SnapshotId})},
		{"a key without encryption", "ValidationException", types.ValidationExceptionReasonInvalidParameterValue, start(awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1), KmsKeyArn: ptr("arn:aws:kms:eu-central-1:111111111111:key/6a0f3f6e-0000-4000-8000-000000000000")})},
		{"a key that does not exist", "AccessDeniedException", "", start(awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1), Encrypted: ptr(true), KmsKeyArn: ptr("arn:aws:kms:eu-central-1:111111111111:key/6a0f3f6e-0000-4000-8000-000000000000")})},
		{"a block beyond the end", "ValidationException", types.ValidationExceptionReasonInvalidBlock, func() error { return h.put(*open.SnapshotId, 2048, data) }},
		{"a block of a completed snapshot", "ValidationException", types.ValidationExceptionReasonInvalidSnapshotId, func() error { return h.put(done, 1, data) }},
		{"a wrong count", "ValidationException", types.ValidationExceptionReasonInvalidParameterValue, complete(awsebs.CompleteSnapshotInput{ChangedBlocksCount: ptr[int32](1)})},
		{"a wrong checksum", "ValidationException", types.ValidationExceptionReasonInvalidParameterValue, complete(awsebs.CompleteSnapshotInput{
			ChangedBlocksCount: ptr[int32](0), Checksum: ptr(sumOf(data)), ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
			ChecksumAggregationMethod: types.ChecksumAggregationMethodChecksumAggregationLinear,
		})},
		{"a token of another block", "ValidationException", types.ValidationExceptionReasonInvalidBlockToken, get(done, 4, token)},
		{"a token of another snapshot", "ValidationException", types.ValidationExceptionReasonInvalidBlockToken, get(other, 3, token)},
		{"a made-up token", "ValidationException", types.ValidationExceptionReasonInvalidBlockToken, get(done, 3, ptr("bWFkZSB1cA=="))},
		{"reading a pending snapshot", "ValidationException", types.ValidationExceptionReasonInvalidSnapshotId, get(*open.SnapshotId, 3, token)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call()
			if codeOf(err) != tt.code || (tt.reason != "" && reasonOf(err) != tt.reason) {
				t.Errorf("got %v, want %s %s", err, tt.code, tt.reason)
			}
		})
	}
	_, vault := h.Clients(ebstest.Vault, ebstest.Region)
	if _, err := vault.ListSnapshotBlocks(ctx, &awsebs.ListSnapshotBlocksInput{SnapshotId: &done}); codeOf(err) != "ResourceNotFoundException" {
		t.Errorf("another account gets %v", err)
	}
	h.Clock.Advance(8 * 24 * time.Hour)
	if err := get(done, 3, token)(); reasonOf(err) != types.ValidationExceptionReasonInvalidBlockToken {
		t.Errorf("an expired token gets %v", err)
	}
}

// A block that was acknowledged is there after a restart, and the upload goes on; one that nobody goes on with ends in
// error after its timeout.
func TestUploadSurvivesRestartAndExpires(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := context.WithoutCancel(t.Context())
	key := h.Key(ebstest.Admin(ebstest.Member), "")
	out, err := h.ebs.StartSnapshot(ctx, &awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1), Timeout: ptr[int32](10), Encrypted: ptr(true), KmsKeyArn: &key})
	if err != nil {
		t.Fatal(err)
	}
	a, b := noise(blockSize), noise(blockSize)
	if err := h.put(*out.SnapshotId, 1, a); err != nil {
		t.Fatal(err)
	}
	h.World = h.Reopen()
	h.ec2, h.ebs = h.Clients(ebstest.Member, ebstest.Region)
	if err := h.put(*out.SnapshotId, 2, b); err != nil {
		t.Fatal(err)
	}
	h.Clock.Advance(9 * time.Minute)
	if err := h.Engine.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ebs.CompleteSnapshot(ctx, &awsebs.CompleteSnapshotInput{SnapshotId: out.SnapshotId, ChangedBlocksCount: ptr[int32](2)}); err != nil {
		t.Fatal(err)
	}
	if s, err := h.Engine.WaitSnapshot(ctx, *out.SnapshotId); err != nil || s.State != "completed" {
		t.Fatalf("the snapshot is %s, %v", s.State, err)
	}
	if !same(map[int][]byte{1: a, 2: b}, h.download(*out.SnapshotId)) {
		t.Fatal("the blocks differ")
	}

	late, err := h.ebs.StartSnapshot(ctx, &awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1), Timeout: ptr[int32](10)})
	if err != nil {
		t.Fatal(err)
	}
	h.Clock.Advance(10 * time.Minute)
	if err := h.Engine.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if s, err := h.Engine.Snapshot(ctx, *late.SnapshotId); err != nil || s.State != "error" {
		t.Fatalf("the late snapshot is %s, %v", s.State, err)
	}
}

// Whoever writes a snapshot may say how far it is.
func TestProgressOfUploads(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	started, err := h.ebs.StartSnapshot(t.Context(), &awsebs.StartSnapshotInput{VolumeSize: ptr[int64](1)})
	if err != nil {
		t.Fatal(err)
	}
	data := noise(blockSize)
	sum := sha256.Sum256(data)
	put := func(progress int32) error {
		_, err := h.ebs.PutSnapshotBlock(t.Context(), &awsebs.PutSnapshotBlockInput{
			SnapshotId: started.SnapshotId, BlockIndex: ptr[int32](0), BlockData: bytes.NewReader(data), DataLength: ptr[int32](blockSize), Progress: &progress,
			Checksum: ptr(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
		})
		return err
	}
	for progress, want := range map[int32]string{40: "40%", 100: "99%"} {
		if err := put(progress); err != nil {
			t.Fatal(err)
		}
		out, err := h.ec2.DescribeSnapshots(t.Context(), &awsec2.DescribeSnapshotsInput{SnapshotIds: []string{*started.SnapshotId}})
		if err != nil || *out.Snapshots[0].Progress != want {
			t.Errorf("after %d the snapshot shows %+v, %v; want %s", progress, out, err, want)
		}
	}
	if put(101) == nil {
		t.Error("a progress of 101 percent was taken")
	}
}
