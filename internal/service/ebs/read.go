package ebs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ebs/types"

	"strongroom/archive"
	"strongroom/internal/api"
	engine "strongroom/internal/resource/ebs"
	"strongroom/internal/state"
)

// tokenLife is for how long block tokens are good.
// https://docs.aws.amazon.com/ebs/latest/APIReference/API_ListSnapshotBlocks.html
const tokenLife = 7 * 24 * time.Hour

// blockToken is what a block token says; it is sealed.
type blockToken struct {
	Snapshot string
	Block    int64
	Expires  state.Micros
}

func (s *Service) seal(scope string, v any) *string {
	token := s.Pages.Seal(scope, v)
	return &token
}

// list is one page of blocks being made.
type list struct {
	from    int64
	limit   int
	expires time.Time
	size    int32
	gib     int64
}

// newList reads what the two list operations have in common.
func (s *Service) newList(snap state.Snapshot, scope string, max, start *int32, token *string) (list, error) {
	l := list{from: int64(deref(start)), limit: 10000, size: engine.BlockSize, gib: snap.SizeGiB}
	if max != nil {
		if l.limit = int(*max); l.limit < 100 || l.limit > 10000 {
			return l, invalid("INVALID_PARAMETER_VALUE", "MaxResults must be between 100 and 10000.")
		}
	}
	if token != nil {
		if err := s.Pages.Open(scope, *token, &l.from); err != nil {
			return l, invalid("INVALID_PAGE_TOKEN", "The page token is invalid.")
		}
	}
	if l.from < 0 {
		return l, invalid("INVALID_PARAMETER_VALUE", "StartingBlockIndex must not be negative.")
	}
	l.expires = s.Clock.Now().Add(tokenLife)
	return l, nil
}

func (s *Service) token(l list, snap string, block int64) *string {
	return s.seal("ebs:block", blockToken{snap, block, state.MicrosOf(l.expires)})
}

// readable opens a completed snapshot for the caller, who may use its key.
func (s *Service) readable(ctx context.Context, c *api.Caller, id *string) (state.Snapshot, *archive.Point, error) {
	snap, err := s.find(ctx, c, id)
	if err != nil {
		return snap, nil, err
	}
	if snap.State != "completed" {
		return snap, nil, invalid("INVALID_SNAPSHOT_ID", "The snapshot %s is not completed.", snap.ID)
	}
	if snap.Archived(state.MicrosOf(s.Clock.Now())) {
		return snap, nil, invalid("INVALID_SNAPSHOT_ID", "The snapshot %s is archived.", snap.ID)
	}
	p, err := s.Engine.ReadSnapshot(ctx, c, snap)
	if err != nil {
		return snap, nil, told(err)
	}
	return snap, p, nil
}

// ListSnapshotBlocks lists the blocks of a snapshot that hold data.
func (s *Service) ListSnapshotBlocks(ctx context.Context, c *api.Caller, in *ebs.ListSnapshotBlocksInput) (*ebs.ListSnapshotBlocksOutput, error) {
	snap, p, err := s.readable(ctx, c, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	scope := "ebs:ListSnapshotBlocks " + snap.ID
	l, err := s.newList(snap, scope, in.MaxResults, in.StartingBlockIndex, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ebs.ListSnapshotBlocksOutput{BlockSize: &l.size, ExpiryTime: &l.expires, VolumeSize: &l.gib, Blocks: []types.Block{}}
	for b, err := range p.Blocks(ctx, uint64(l.from)) {
		if err != nil {
			return nil, err
		}
		if len(out.Blocks) == l.limit {
			out.NextToken = s.seal(scope, int64(b.Number))
			break
		}
		index := int32(b.Number)
		out.Blocks = append(out.Blocks, types.Block{BlockIndex: &index, BlockToken: s.token(l, snap.ID, int64(index))})
	}
	return out, nil
}

func (s *Service) listSnapshotBlocksAccess(ctx context.Context, c *api.Caller, in *ebs.ListSnapshotBlocksInput) ([]api.Access, error) {
	return s.access(ctx, c, "ListSnapshotBlocks", in.SnapshotId)
}

// ListChangedBlocks lists the blocks that differ between two snapshots, or all of the second's if only it is named. Two
// snapshots under different keys share nothing that could be compared; they count as unrelated.
func (s *Service) ListChangedBlocks(ctx context.Context, c *api.Caller, in *ebs.ListChangedBlocksInput) (*ebs.ListChangedBlocksOutput, error) {
	second, newer, err := s.readable(ctx, c, in.SecondSnapshotId)
	if err != nil {
		return nil, err
	}
	var first state.Snapshot
	var older *archive.Point
	if in.FirstSnapshotId != nil {
		if first, older, err = s.readable(ctx, c, in.FirstSnapshotId); err != nil {
			return nil, err
		}
		if engine.Location(first) != engine.Location(second) || first.DomainKeyARN != second.DomainKeyARN {
			return nil, invalid("UNRELATED_SNAPSHOTS", "The snapshots %s and %s are not related.", first.ID, second.ID)
		}
	}
	scope := "ebs:ListChangedBlocks " + first.ID + " " + second.ID
	l, err := s.newList(second, scope, in.MaxResults, in.StartingBlockIndex, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ebs.ListChangedBlocksOutput{BlockSize: &l.size, ExpiryTime: &l.expires, VolumeSize: &l.gib, ChangedBlocks: []types.ChangedBlock{}}
	add := func(block int64, inFirst, inSecond bool) bool {
		if len(out.ChangedBlocks) == l.limit {
			out.NextToken = s.seal(scope, block)
			return false
		}
		index := int32(block)
		changed := types.ChangedBlock{BlockIndex: &index}
		if inFirst {
			changed.FirstBlockToken = s.token(l, first.ID, block)
		}
		if inSecond {
			changed.SecondBlockToken = s.token(l, second.ID, block)
		}
		out.ChangedBlocks = append(out.ChangedBlocks, changed)
		return true
	}
	if older == nil {
		for b, err := range newer.Blocks(ctx, uint64(l.from)) {
			if err != nil {
				return nil, err
			}
			if !add(int64(b.Number), false, true) {
				break
			}
		}
		return out, nil
	}
	for b, err := range newer.ChangedBlocks(ctx, older, uint64(l.from)) {
		if err != nil {
			return nil, err
		}
		if !add(int64(b.Number), b.Old, b.Size > 0) {
			break
		}
	}
	return out, nil
}

func (s *Service) listChangedBlocksAccess(ctx context.Context, c *api.Caller, in *ebs.ListChangedBlocksInput) ([]api.Access, error) {
	accesses, err := s.access(ctx, c, "ListChangedBlocks", in.SecondSnapshotId)
	if err != nil || in.FirstSnapshotId == nil {
		return accesses, err
	}
	first, err := s.access(ctx, c, "ListChangedBlocks", in.FirstSnapshotId)
	return append(first, accesses...), err
}

// GetSnapshotBlock reads a block by its token.
func (s *Service) GetSnapshotBlock(ctx context.Context, c *api.Caller, in *ebs.GetSnapshotBlockInput) (*ebs.GetSnapshotBlockOutput, error) {
	snap, p, err := s.readable(ctx, c, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	var t blockToken
	err = s.Pages.Open("ebs:block", deref(in.BlockToken), &t)
	if err != nil || t.Snapshot != snap.ID || in.BlockIndex == nil || t.Block != int64(*in.BlockIndex) || !s.Clock.Now().Before(t.Expires.Time()) {
		return nil, invalid("INVALID_BLOCK_TOKEN", "The block token is invalid or expired.")
	}
	data := make([]byte, engine.BlockSize)
	if _, err := p.ReadBlock(ctx, uint64(t.Block), data); err != nil {
		return nil, err
	}
	length, checksum := int32(len(data)), sumOf(data)
	return &ebs.GetSnapshotBlockOutput{
		BlockData: body(data), Checksum: &checksum, DataLength: &length,
		ChecksumAlgorithm: types.ChecksumAlgorithmChecksumAlgorithmSha256,
	}, nil
}

func (s *Service) getSnapshotBlockAccess(ctx context.Context, c *api.Caller, in *ebs.GetSnapshotBlockInput) ([]api.Access, error) {
	return s.access(ctx, c, "GetSnapshotBlock", in.SnapshotId)
}
