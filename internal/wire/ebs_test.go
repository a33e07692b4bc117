package wire_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"

	"strongroom/internal/api"
)

func TestEBS(t *testing.T) {
	t.Parallel()
	block := bytes.Repeat([]byte("0123456789abcdef"), 512<<10/16)
	var put ebs.PutSnapshotBlockInput
	var start ebs.StartSnapshotInput
	var complete ebs.CompleteSnapshotInput
	var changed ebs.ListChangedBlocksInput
	var kept []byte
	h := newHouse(t, &api.Service{Name: "ebs", Operations: []api.Operation{
		echo("", &start, &ebs.StartSnapshotOutput{SnapshotId: aws.String("snap-1"), BlockSize: aws.Int32(512 << 10), StartTime: &at, Status: "pending"}),
		op("", func(in *ebs.PutSnapshotBlockInput) (*ebs.PutSnapshotBlockOutput, error) {
			put = *in
			var err error
			kept, err = io.ReadAll(in.BlockData)
			return &ebs.PutSnapshotBlockOutput{Checksum: in.Checksum, ChecksumAlgorithm: in.ChecksumAlgorithm}, err
		}),
		echo("", &complete, &ebs.CompleteSnapshotOutput{Status: "completed"}),
		echo("", &changed, &ebs.ListChangedBlocksOutput{BlockSize: aws.Int32(512 << 10), ChangedBlocks: []types.ChangedBlock{{BlockIndex: aws.Int32(7), SecondBlockToken: aws.String("t")}}}),
		op("", func(*ebs.GetSnapshotBlockInput) (*ebs.GetSnapshotBlockOutput, error) {
			return &ebs.GetSnapshotBlockOutput{BlockData: io.NopCloser(bytes.NewReader(block)), DataLength: aws.Int32(int32(len(block))), Checksum: aws.String("sum"), ChecksumAlgorithm: "SHA256"}, nil
		}),
	}})
	c := ebs.NewFromConfig(h.config())
	ctx := t.Context()
	started, err := c.StartSnapshot(ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	if err != nil || !started.StartTime.Equal(at) || *start.Tags[0].Key != "a" || *start.ClientToken == "" {
		t.Errorf("started %+v with %+v, %v", started, start, err)
	}
	stored, err := c.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
		SnapshotId: aws.String("snap-1"), BlockIndex: aws.Int32(7), BlockData: bytes.NewReader(block), DataLength: aws.Int32(int32(len(block))),
		Checksum: aws.String("c3Vt"), ChecksumAlgorithm: "SHA256", Progress: aws.Int32(50),
	})
	if err != nil || *stored.Checksum != "c3Vt" || *put.BlockIndex != 7 || *put.DataLength != 512<<10 || *put.Progress != 50 || !bytes.Equal(kept, block) {
		t.Errorf("put %+v with %+v and %d bytes, %v", stored, put, len(kept), err)
	}
	if _, err := c.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{SnapshotId: aws.String("snap-1"), ChangedBlocksCount: aws.Int32(0), ChecksumAggregationMethod: "LINEAR"}); err != nil || *complete.ChangedBlocksCount != 0 || complete.ChecksumAggregationMethod != "LINEAR" {
		t.Errorf("completed with %+v, %v", complete, err)
	}
	blocks, err := c.ListChangedBlocks(ctx, &ebs.ListChangedBlocksInput{SecondSnapshotId: aws.String("snap-2"), FirstSnapshotId: aws.String("snap-1"), MaxResults: aws.Int32(100), NextToken: aws.String("a+/=")})
	if err != nil || *blocks.ChangedBlocks[0].BlockIndex != 7 || *changed.FirstSnapshotId != "snap-1" || *changed.NextToken != "a+/=" {
		t.Errorf("listed %+v with %+v, %v", blocks, changed, err)
	}
	got, err := c.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{SnapshotId: aws.String("snap-1"), BlockIndex: aws.Int32(0), BlockToken: aws.String("abc")})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(got.BlockData); err != nil || !bytes.Equal(data, block) || *got.DataLength != 512<<10 || *got.Checksum != "sum" {
		t.Errorf("got %d bytes, %+v, %v", len(data), got, err)
	}
	_, err = c.GetSnapshotBlock(ctx, &ebs.GetSnapshotBlockInput{SnapshotId: aws.String("vol-1"), BlockIndex: aws.Int32(0), BlockToken: aws.String("abc")})
	var invalid *types.ValidationException
	if !asError(err, &invalid) || invalid.Reason != "INVALID_SNAPSHOT_ID" || !strings.Contains(*invalid.Message, "snapshotId") {
		t.Errorf("got %v", err)
	}
}
