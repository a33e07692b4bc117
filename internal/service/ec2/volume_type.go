package ec2

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// volumeType is what a type of volume allows.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html
type volumeType struct {
	name             types.VolumeType
	minGiB, maxGiB   int64
	minIOPS, maxIOPS int64 // what may be provisioned; 0: nothing may
	needsIOPS        bool
	minMiBs, maxMiBs int64 // throughput, likewise
}

var volumeTypes = []volumeType{
	{name: types.VolumeTypeStandard, minGiB: 1, maxGiB: 1024},
	{name: types.VolumeTypeGp2, minGiB: 1, maxGiB: 16384},
	{name: types.VolumeTypeGp3, minGiB: 1, maxGiB: 65536, minIOPS: 3000, maxIOPS: 80000, minMiBs: 125, maxMiBs: 2000},
	{name: types.VolumeTypeIo1, minGiB: 4, maxGiB: 16384, minIOPS: 100, maxIOPS: 64000, needsIOPS: true},
	{name: types.VolumeTypeIo2, minGiB: 4, maxGiB: 65536, minIOPS: 100, maxIOPS: 256000, needsIOPS: true},
	{name: types.VolumeTypeSc1, minGiB: 125, maxGiB: 16384},
	{name: types.VolumeTypeSt1, minGiB: 125, maxGiB: 16384},
}

// checkShape checks a volume's type, size and provisioned performance, and fills in what the type fixes. asked are the
// values that came with the call; nil for the type's own.
func checkShape(v *state.Volume, iops, throughput *int32) error {
	for _, t := range volumeTypes {
		if string(t.name) == v.Type {
			return t.shape(v, iops, throughput)
		}
	}
	return errValue("volumeType", v.Type, "Expecting one of standard, io1, io2, gp2, gp3, sc1, st1.")
}

func (t volumeType) shape(v *state.Volume, iops, throughput *int32) error {
	switch {
	case v.SizeGiB < t.minGiB:
		return api.Errorf("InvalidParameterValue", "Volume of %dGiB is smaller than the minimum size of %dGiB for volume type %s", v.SizeGiB, t.minGiB, t.name)
	case v.SizeGiB > t.maxGiB:
		return api.Errorf("InvalidParameterValue", "Volume of %dGiB is larger than the maximum size of %dGiB for volume type %s", v.SizeGiB, t.maxGiB, t.name)
	case iops != nil && t.maxIOPS == 0:
		return api.Errorf("InvalidParameterCombination", "The parameter iops is not supported for %s volumes.", t.name)
	case iops == nil && t.needsIOPS:
		return api.Errorf("MissingParameter", "The parameter iops must be specified for %s volumes.", t.name)
	case throughput != nil && t.maxMiBs == 0:
		return api.Errorf("InvalidParameterCombination", "The parameter throughput is not supported for %s volumes.", t.name)
	}
	v.IOPS, v.Throughput = t.minIOPS, t.minMiBs
	if t.name == types.VolumeTypeGp2 {
		v.IOPS = min(max(100, 3*v.SizeGiB), 16000)
	}
	if iops != nil {
		if v.IOPS = int64(*iops); v.IOPS < t.minIOPS || v.IOPS > t.maxIOPS {
			return errValue("iops", strconv.FormatInt(v.IOPS, 10), "Volume iops must be between "+span(t.minIOPS, t.maxIOPS)+" for "+v.Type+" volumes.")
		}
	}
	if throughput != nil {
		if v.Throughput = int64(*throughput); v.Throughput < t.minMiBs || v.Throughput > t.maxMiBs {
			return errValue("throughput", strconv.FormatInt(v.Throughput, 10), "Volume throughput must be between "+span(t.minMiBs, t.maxMiBs)+" for "+v.Type+" volumes.")
		}
	}
	return nil
}

func span(low, high int64) string {
	return strconv.FormatInt(low, 10) + " and " + strconv.FormatInt(high, 10)
}
