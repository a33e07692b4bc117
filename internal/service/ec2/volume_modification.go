package ec2

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// A volume can be modified four times within a day.
// https://docs.aws.amazon.com/ebs/latest/userguide/modify-volume-requirements.html
const (
	maxModifications   = 4
	modificationWindow = 24 * time.Hour
)

// ModifyVolume makes a volume larger or changes its type and performance; the change is complete at once.
func (s *Service) ModifyVolume(ctx context.Context, c *api.Caller, in *ec2.ModifyVolumeInput) (*ec2.ModifyVolumeOutput, error) {
	before, err := s.volume(ctx, c, in.VolumeId)
	if err != nil {
		return nil, err
	}
	after, err := modified(before, in)
	if err != nil {
		return nil, err
	}
	if err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error { return mayModify(ctx, tx, before.ID) }); err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	// The files first: a row must never promise more than they hold. That they hold more hurts nobody.
	if err := s.Engine.GrowVolume(ctx, after); err != nil {
		return nil, err
	}
	var latest state.VolumeModification
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		now, err := tx.Volume(ctx, before.ID)
		if err != nil {
			return err
		}
		if now.Shape() != before.Shape() || now.State != before.State {
			return api.Errorf("IncorrectModificationState", "The volume '%s' is being modified.", before.ID)
		}
		if err := mayModify(ctx, tx, before.ID); err != nil {
			return err
		}
		latest = state.VolumeModification{VolumeID: before.ID, Started: tx.Now, Before: before.Shape(), After: after.Shape()}
		if err := tx.InsertVolumeModification(ctx, before.ID, latest.Before, latest.After); err != nil {
			return err
		}
		return tx.SetVolumeShape(ctx, after)
	})
	if err != nil {
		return nil, err
	}
	d := describeModification(latest)
	return &ec2.ModifyVolumeOutput{VolumeModification: &d}, nil
}

// mayModify refuses a volume that was modified too often of late.
func mayModify(ctx context.Context, tx *state.Tx, id string) error {
	recent, err := tx.VolumeModifications(ctx, id, tx.Now-state.Micros(modificationWindow.Microseconds()))
	if err == nil && len(recent) >= maxModifications {
		return api.Errorf("VolumeModificationRateExceeded", "You've reached the maximum modification rate per volume limit. "+
			"A volume can be modified at most %d times within 24 hours.", maxModifications)
	}
	return err
}

func modified(v state.Volume, in *ec2.ModifyVolumeInput) (state.Volume, error) {
	if v.State != "available" {
		return v, api.Errorf("IncorrectModificationState", "The volume '%s' is in state %s.", v.ID, v.State)
	}
	if in.Size == nil && in.Iops == nil && in.Throughput == nil && in.VolumeType == "" && in.MultiAttachEnabled == nil {
		return v, api.Errorf("InvalidParameterValue", "Must specify at least one of: size, volumeType, iops, throughput, multiAttachEnabled")
	}
	size := int64(deref(in.Size))
	if in.Size != nil && size < v.SizeGiB {
		return v, errValue("size", strconv.FormatInt(size, 10), "New size cannot be smaller than existing size")
	}
	iops, throughput := in.Iops, in.Throughput
	if in.VolumeType == "" || string(in.VolumeType) == v.Type { // what was provisioned stays
		for _, t := range volumeTypes {
			if string(t.name) != v.Type {
				continue
			}
			if old := int32(v.IOPS); iops == nil && t.maxIOPS > 0 {
				iops = &old
			}
			if old := int32(v.Throughput); throughput == nil && t.maxMiBs > 0 {
				throughput = &old
			}
		}
	}
	v.SizeGiB = cmp.Or(size, v.SizeGiB)
	v.Type = cmp.Or(string(in.VolumeType), v.Type)
	if in.MultiAttachEnabled != nil {
		v.MultiAttach = *in.MultiAttachEnabled
	}
	if err := checkMultiAttach(v); err != nil {
		return v, err
	}
	return v, checkShape(&v, iops, throughput)
}

func (s *Service) modifyVolumeAccess(ctx context.Context, c *api.Caller, in *ec2.ModifyVolumeInput) ([]api.Access, error) {
	return s.volumeAccess(ctx, c, "ModifyVolume", in.VolumeId)
}

func describeModification(m state.VolumeModification) types.VolumeModification {
	progress := int64(100)
	return types.VolumeModification{
		VolumeId: &m.VolumeID, ModificationState: types.VolumeModificationStateCompleted, Progress: &progress,
		StartTime: m.Started.Ptr(), EndTime: m.Started.Ptr(),
		OriginalSize: number(m.Before.SizeGiB), TargetSize: number(m.After.SizeGiB),
		OriginalIops: number(m.Before.IOPS), TargetIops: number(m.After.IOPS),
		OriginalThroughput: number(m.Before.Throughput), TargetThroughput: number(m.After.Throughput),
		OriginalVolumeType: types.VolumeType(m.Before.Type), TargetVolumeType: types.VolumeType(m.After.Type),
		OriginalMultiAttachEnabled: &m.Before.MultiAttach, TargetMultiAttachEnabled: &m.After.MultiAttach,
	}
}

var modificationFilters = []string{
	"modification-state", "original-iops", "original-size", "original-volume-type", "originalMultiAttachEnabled",
	"start-time", "target-iops", "target-size", "target-volume-type", "targetMultiAttachEnabled", "volume-id",
}

func modificationValues(m state.VolumeModification, filter string) ([]string, bool) {
	value := m.VolumeID
	switch filter {
	case "modification-state":
		value = string(types.VolumeModificationStateCompleted)
	case "original-iops":
		value = strconv.FormatInt(m.Before.IOPS, 10)
	case "original-size":
		value = strconv.FormatInt(m.Before.SizeGiB, 10)
	case "original-volume-type":
		value = m.Before.Type
	case "originalMultiAttachEnabled":
		value = strconv.FormatBool(m.Before.MultiAttach)
	case "start-time":
		value = m.Started.Time().Format("2006-01-02T15:04:05.000Z")
	case "target-iops":
		value = strconv.FormatInt(m.After.IOPS, 10)
	case "target-size":
		value = strconv.FormatInt(m.After.SizeGiB, 10)
	case "target-volume-type":
		value = m.After.Type
	case "targetMultiAttachEnabled":
		value = strconv.FormatBool(m.After.MultiAttach)
	}
	return []string{value}, true
}

// DescribeVolumesModifications lists the last modification of each volume that had one.
func (s *Service) DescribeVolumesModifications(ctx context.Context, c *api.Caller, in *ec2.DescribeVolumesModificationsInput) (*ec2.DescribeVolumesModificationsOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if len(in.VolumeIds) > 0 && in.MaxResults != nil {
		return nil, errNamedAndPaged("volumeIds")
	}
	var all []state.VolumeModification
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		all, err = tx.LatestVolumeModifications(ctx, c.AccountID, c.Region)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range in.VolumeIds {
		if _, err := s.volume(ctx, c, &id); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(m state.VolumeModification) bool { return m.VolumeID == id }) {
			return nil, api.Errorf("InvalidVolumeModification.NotFound", "Modification for volume '%s' does not exist.", id)
		}
	}
	if len(in.VolumeIds) > 0 {
		all = slices.DeleteFunc(all, func(m state.VolumeModification) bool { return !slices.Contains(in.VolumeIds, m.VolumeID) })
	}
	if all, err = filtered(all, in.Filters, modificationValues, modificationFilters...); err != nil {
		return nil, err
	}
	all, next, err := page(s.Pages, "ec2:DescribeVolumesModifications", c, all, in.MaxResults, in.NextToken, func(m state.VolumeModification) string { return m.VolumeID })
	out := &ec2.DescribeVolumesModificationsOutput{NextToken: next}
	for _, m := range all {
		out.VolumesModifications = append(out.VolumesModifications, describeModification(m))
	}
	return out, err
}
