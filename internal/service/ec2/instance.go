package ec2

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"strongroom/internal/api"
)

// There are no instances, and nothing can start one: whoever looks for one learns that it does not exist.

var instanceID = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)

func errInstance(id string) *api.Error {
	if !instanceID.MatchString(id) {
		return api.Errorf("InvalidInstanceID.Malformed", "Invalid id: \"%s\" (expecting \"i-...\")", id)
	}
	return api.Errorf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
}

// DescribeInstances lists none.
func (s *Service) DescribeInstances(_ context.Context, c *api.Caller, in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	if len(in.InstanceIds) > 0 {
		return nil, errInstance(in.InstanceIds[0])
	}
	return &ec2.DescribeInstancesOutput{}, s.noPage("ec2:DescribeInstances", c, in.MaxResults, in.NextToken)
}

// AttachVolume refuses: volumes are attached over NBD.
func (s *Service) AttachVolume(_ context.Context, _ *api.Caller, in *ec2.AttachVolumeInput) (*ec2.AttachVolumeOutput, error) {
	return nil, errInstance(deref(in.InstanceId))
}

func (s *Service) attachVolumeAccess(ctx context.Context, c *api.Caller, in *ec2.AttachVolumeInput) ([]api.Access, error) {
	return s.volumeAccess(ctx, c, "AttachVolume", in.VolumeId)
}

// DetachVolume refuses: no volume is attached to an instance.
func (s *Service) DetachVolume(_ context.Context, _ *api.Caller, in *ec2.DetachVolumeInput) (*ec2.DetachVolumeOutput, error) {
	if id := deref(in.InstanceId); id != "" {
		return nil, errInstance(id)
	}
	return nil, api.Errorf("IncorrectState", "Volume '%s' is in the 'available' state.", deref(in.VolumeId))
}

func (s *Service) detachVolumeAccess(ctx context.Context, c *api.Caller, in *ec2.DetachVolumeInput) ([]api.Access, error) {
	return s.volumeAccess(ctx, c, "DetachVolume", in.VolumeId)
}
