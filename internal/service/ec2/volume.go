package ec2

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/resource/ebs"
	"strongroom/internal/state"
)

var (
	volumeID   = regexp.MustCompile(`^vol-([0-9a-f]{8}|[0-9a-f]{17})$`)
	snapshotID = regexp.MustCompile(`^snap-([0-9a-f]{8}|[0-9a-f]{17})$`)
)

// volume finds a volume of the caller's account and Region.
func (s *Service) volume(ctx context.Context, c *api.Caller, id *string) (state.Volume, error) {
	switch {
	case deref(id) == "":
		return state.Volume{}, errMissing("volumeId")
	case !volumeID.MatchString(*id):
		return state.Volume{}, api.Errorf("InvalidVolumeID.Malformed", "Invalid id: \"%s\" (expecting \"vol-...\")", *id)
	}
	v, err := s.Engine.Volume(ctx, *id)
	if errors.Is(err, state.ErrNotFound) || (err == nil && (v.AccountID != c.AccountID || v.Region != c.Region)) {
		return state.Volume{}, errVolumeNotFound(*id)
	}
	return v, err
}

// CreateVolume makes an empty volume, or one filled from a snapshot.
func (s *Service) CreateVolume(ctx context.Context, c *api.Caller, in *ec2.CreateVolumeInput) (*ec2.CreateVolumeOutput, error) {
	want, err := s.wantedVolume(ctx, c, in)
	if err != nil {
		return nil, err
	}
	if want.KeyARN != "" {
		if want.KeyARN, err = s.Engine.ResolveKey(ctx, c, want.KeyARN); err != nil {
			return nil, err
		}
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	v, err := s.Engine.CreateVolume(ctx, c, want)
	if errors.Is(err, ebs.ErrTokenReused) {
		return nil, api.Errorf("IdempotentParameterMismatch",
			"The client token you have provided is associated with a resource that is already deleted or with different parameters.")
	}
	if err != nil {
		return nil, err
	}
	d := describeVolume(v)
	return &ec2.CreateVolumeOutput{
		AvailabilityZone: d.AvailabilityZone, AvailabilityZoneId: d.AvailabilityZoneId, CreateTime: d.CreateTime,
		Encrypted: d.Encrypted, Iops: d.Iops, KmsKeyId: d.KmsKeyId, MultiAttachEnabled: d.MultiAttachEnabled,
		Size: d.Size, SnapshotId: d.SnapshotId, State: types.VolumeState(v.State), Tags: d.Tags, Throughput: d.Throughput,
		VolumeId: d.VolumeId, VolumeType: d.VolumeType,
	}, nil
}

// wantedVolume checks a request and makes a row of it. KeyARN is then the name of a key, not yet looked up, which stands
// for the default if it is defaultKey.
func (s *Service) wantedVolume(ctx context.Context, c *api.Caller, in *ec2.CreateVolumeInput) (state.Volume, error) {
	v := state.Volume{
		AccountID: c.AccountID, Region: c.Region, SizeGiB: int64(deref(in.Size)), SnapshotID: deref(in.SnapshotId),
		Type: cmp.Or(string(in.VolumeType), string(types.VolumeTypeGp2)), MultiAttach: deref(in.MultiAttachEnabled),
		ClientToken: deref(in.ClientToken), RequestDigest: digest(in),
	}
	var err error
	if v.AvailabilityZone, err = zoneOf(c, in); err != nil {
		return v, err
	}
	if v.Tags, err = tagsFor(types.ResourceTypeVolume, in.TagSpecifications); err != nil {
		return v, err
	}
	if deref(in.OutpostArn) != "" {
		return v, api.NotImplemented("a volume on an Outpost")
	}
	var from state.Snapshot
	if v.SnapshotID != "" {
		if from, err = s.usable(ctx, c, &v.SnapshotID); err != nil {
			return v, err
		}
		v.SizeGiB = cmp.Or(v.SizeGiB, from.SizeGiB)
	}
	switch {
	case v.SizeGiB == 0:
		return v, api.Errorf("MissingParameter", "The request must contain the parameter size or snapshotId")
	case v.SizeGiB < from.SizeGiB:
		return v, api.Errorf("InvalidParameterValue", "Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", v.SizeGiB, from.ID, from.SizeGiB)
	}
	if err := checkMultiAttach(v); err != nil {
		return v, err
	}
	if err := checkShape(&v, in.Iops, in.Throughput); err != nil {
		return v, err
	}
	v.KeyARN, err = s.keyFor(ctx, c, in.Encrypted, in.KmsKeyId, from)
	return v, err
}

const defaultKey = "alias/aws/ebs"

// keyFor chooses the key of a new volume or copy: the one that was named, that of the snapshot if it is the account's
// own, the account's default. Empty means unencrypted: nobody asked for encryption, neither the call nor the account's
// settings nor the snapshot.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html#ebs-encryption-behavior
func (s *Service) keyFor(ctx context.Context, c *api.Caller, encrypted *bool, named *string, from state.Snapshot) (string, error) {
	settings, err := s.settings(ctx, c)
	if err != nil {
		return "", err
	}
	switch {
	case !deref(encrypted) && !settings.EncryptionByDefault && from.KeyARN == "":
		if deref(named) != "" {
			return "", api.Errorf("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
		}
		return "", nil
	case deref(named) != "":
		return *named, nil
	case from.KeyARN != "" && from.AccountID == c.AccountID && from.Region == c.Region:
		return from.KeyARN, nil
	}
	return cmp.Or(settings.DefaultKeyARN, defaultKey), nil
}

func zoneOf(c *api.Caller, in *ec2.CreateVolumeInput) (string, error) {
	r, _ := regionOf(c.Region)
	zone, id := deref(in.AvailabilityZone), deref(in.AvailabilityZoneId)
	for _, name := range r.zoneNames() {
		if name == zone || (zone == "" && id != "" && r.zoneID(name) == id) {
			return name, nil
		}
	}
	if zone == "" && id == "" {
		return "", errMissing("availabilityZone")
	}
	return "", api.Errorf("InvalidZone.NotFound", "The zone '%s' does not exist.", cmp.Or(zone, id))
}

// digest tells whether two requests ask for the same.
func digest(in any) string {
	text, err := json.Marshal(in)
	if err != nil {
		panic("an input of the SDK has no JSON form: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (s *Service) createVolumeAccess(ctx context.Context, c *api.Caller, in *ec2.CreateVolumeInput) ([]api.Access, error) {
	want, err := s.wantedVolume(ctx, c, in)
	if err != nil {
		return nil, err
	}
	keys := ebs.VolumeConditions(want)
	delete(keys, "ec2:VolumeID")
	for key := range want.Tags {
		delete(keys, "aws:ResourceTag/"+key)
		delete(keys, "ec2:ResourceTag/"+key)
	}
	resource := ebs.VolumeARN(c.AccountID, c.Region, "*")
	accesses := []api.Access{{Action: "ec2:CreateVolume", Resource: resource, Context: api.WithRequestTags(keys, want.Tags)}}
	if want.SnapshotID != "" {
		from, err := s.usable(ctx, c, &want.SnapshotID)
		if err != nil {
			return nil, err
		}
		accesses = append(accesses, api.Access{
			Action: "ec2:CreateVolume", Resource: ebs.SnapshotARN(from.Region, from.ID), Context: ebs.SnapshotConditions(from),
		})
	}
	return ebs.TaggedOnCreation(accesses, "CreateVolume", resource, keys, want.Tags), nil
}

// DeleteVolume deletes a volume that is not attached.
func (s *Service) DeleteVolume(ctx context.Context, c *api.Caller, in *ec2.DeleteVolumeInput) (*ec2.DeleteVolumeOutput, error) {
	v, err := s.volume(ctx, c, in.VolumeId)
	if err != nil {
		return nil, err
	}
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	switch err := s.Engine.DeleteVolume(ctx, v.ID); {
	case errors.Is(err, ebs.ErrInUse):
		return nil, api.Errorf("VolumeInUse", "Volume %s is currently attached", v.ID)
	case errors.Is(err, state.ErrNotFound) && v.State == "creating":
		return nil, api.Errorf("IncorrectState", "The volume '%s' is in state creating.", v.ID)
	case errors.Is(err, state.ErrNotFound):
		return nil, errVolumeNotFound(v.ID)
	case err != nil:
		return nil, err
	}
	return &ec2.DeleteVolumeOutput{}, nil
}

func (s *Service) deleteVolumeAccess(ctx context.Context, c *api.Caller, in *ec2.DeleteVolumeInput) ([]api.Access, error) {
	return s.volumeAccess(ctx, c, "DeleteVolume", in.VolumeId)
}

func (s *Service) volumeAccess(ctx context.Context, c *api.Caller, operation string, id *string) ([]api.Access, error) {
	v, err := s.volume(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return []api.Access{{
		Action: "ec2:" + operation, Resource: ebs.VolumeARN(v.AccountID, v.Region, v.ID), Context: ebs.VolumeConditions(v),
	}}, nil
}

// number is an optional number of the SDK; 0 is none.
func number(n int64) *int32 {
	if n == 0 {
		return nil
	}
	short := int32(n)
	return &short
}

// text is an optional text of the SDK; "" is none.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func describeVolume(v state.Volume) types.Volume {
	encrypted := v.KeyARN != ""
	r, _ := regionOf(v.Region)
	zoneID := r.zoneID(v.AvailabilityZone)
	return types.Volume{
		AvailabilityZone: &v.AvailabilityZone, AvailabilityZoneId: &zoneID, CreateTime: v.Created.Ptr(), Encrypted: &encrypted,
		Iops: number(v.IOPS), KmsKeyId: text(v.KeyARN), MultiAttachEnabled: &v.MultiAttach, Size: number(v.SizeGiB),
		SnapshotId: &v.SnapshotID, State: types.VolumeState(v.State), Tags: tagsOf(v.Tags), Throughput: number(v.Throughput),
		VolumeId: &v.ID, VolumeType: types.VolumeType(v.Type),
	}
}

// volumes lists the caller's volumes: those named, or all.
func (s *Service) volumes(ctx context.Context, c *api.Caller, ids []string) ([]state.Volume, error) {
	if len(ids) > 0 {
		var named []state.Volume
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			v, err := s.volume(ctx, c, &id)
			if err != nil {
				return nil, err
			}
			named = append(named, v)
		}
		return named, nil
	}
	var all []state.Volume
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		all, err = tx.Volumes(ctx, c.AccountID, c.Region)
		return err
	})
	return all, err
}

// selectVolumes is what the operations that list volumes have in common.
func (s *Service) selectVolumes(ctx context.Context, c *api.Caller, operation string, ids []string, filters []types.Filter, size *int32, token *string) ([]state.Volume, *string, error) {
	if len(ids) > 0 && size != nil {
		return nil, nil, errNamedAndPaged("volumeIds")
	}
	all, err := s.volumes(ctx, c, ids)
	if err != nil {
		return nil, nil, err
	}
	if all, err = filtered(all, filters, volumeValues, volumeFilters...); err != nil {
		return nil, nil, err
	}
	return page(s.Pages, operation, c, all, size, token, func(v state.Volume) string { return v.ID })
}

var volumeFilters = []string{
	"attachment.attach-time", "attachment.delete-on-termination", "attachment.device", "attachment.instance-id",
	"attachment.status", "availability-zone", "availability-zone-id", "create-time", "encrypted", "fast-restored",
	"multi-attach-enabled", "operator.managed", "operator.principal", "size", "snapshot-id", "status", "tag:*", "tag-key", "volume-id", "volume-type",
}

func volumeValues(v state.Volume, filter string) ([]string, bool) {
	value := ""
	switch filter {
	case "availability-zone":
		value = v.AvailabilityZone
	case "availability-zone-id":
		r, _ := regionOf(v.Region)
		value = r.zoneID(v.AvailabilityZone)
	case "create-time":
		value = v.Created.Time().Format("2006-01-02T15:04:05.000Z")
	case "encrypted":
		value = strconv.FormatBool(v.KeyARN != "")
	case "fast-restored":
		value = "false"
	case "multi-attach-enabled":
		value = strconv.FormatBool(v.MultiAttach)
	case "size":
		value = strconv.FormatInt(v.SizeGiB, 10)
	case "snapshot-id":
		value = v.SnapshotID
	case "status":
		value = v.State
	case "volume-id":
		value = v.ID
	case "volume-type":
		value = v.Type
	case "operator.managed":
		value = "false"
	default:
		return tagValues(v.Tags, filter) // and nothing for attachments, of which there are none
	}
	return []string{value}, true
}

// DescribeVolumes lists volumes.
func (s *Service) DescribeVolumes(ctx context.Context, c *api.Caller, in *ec2.DescribeVolumesInput) (*ec2.DescribeVolumesOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	rows, next, err := s.selectVolumes(ctx, c, "ec2:DescribeVolumes", in.VolumeIds, in.Filters, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVolumesOutput{NextToken: next}
	for _, v := range rows {
		out.Volumes = append(out.Volumes, describeVolume(v))
	}
	return out, nil
}
