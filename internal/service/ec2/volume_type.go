package ec2

import (
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
	perGiB           float64 // IOPS for each GiB, at most; 0: no limit
	minMiBs, maxMiBs int64   // throughput, likewise
}

var volumeTypes = []volumeType{
	{name: types.VolumeTypeStandard, minGiB: 1, maxGiB: 1024},
	{name: types.VolumeTypeGp2, minGiB: 1, maxGiB: 16384},
	{name: types.VolumeTypeGp3, minGiB: 1, maxGiB: 65536, minIOPS: 3000, maxIOPS: 80000, perGiB: 500, minMiBs: 125, maxMiBs: 2000},
	{name: types.VolumeTypeIo1, minGiB: 4, maxGiB: 16384, minIOPS: 100, maxIOPS: 64000, needsIOPS: true, perGiB: 50},
	{name: types.VolumeTypeIo2, minGiB: 4, maxGiB: 65536, minIOPS: 100, maxIOPS: 256000, needsIOPS: true, perGiB: 1000},
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
		v.IOPS = int64(*iops)
		if err := within("iops", v.IOPS, t.minIOPS, t.maxIOPS); err != nil {
			return err
		}
		// What every volume has needs no size.
		if ratio := float64(v.IOPS) / float64(v.SizeGiB); ratio > t.perGiB && (t.needsIOPS || v.IOPS > t.minIOPS) {
			return api.Errorf("InvalidParameterCombination", "Iops to volume size ratio of %f is too high; maximum is %f iops per GiB", ratio, t.perGiB)
		}
	}
	if throughput != nil {
		v.Throughput = int64(*throughput)
		if err := within("throughput", v.Throughput, t.minMiBs, t.maxMiBs); err != nil {
			return err
		}
		if ratio := float64(v.Throughput) / float64(v.IOPS); ratio > throughputPerIOPS {
			return api.Errorf("InvalidParameterCombination", "Throughput (MiBps) to iops ratio of %f is too high; maximum is %f MiBps per iops", ratio, throughputPerIOPS)
		}
	}
	return nil
}

// throughputPerIOPS is how many MiB/s each I/O operation per second allows.
const throughputPerIOPS = 0.25

func within(what string, value, low, high int64) error {
	switch {
	case value < low:
		return api.Errorf("InvalidParameterValue", "Volume %s of %d is too low; minimum is %d.", what, value, low)
	case value > high:
		return api.Errorf("InvalidParameterValue", "Volume %s of %d is too high; maximum is %d.", what, value, high)
	}
	return nil
}

// checkMultiAttach refuses the flag on types that cannot be attached to many instances at once.
func checkMultiAttach(v state.Volume) error {
	if v.MultiAttach && v.Type != string(types.VolumeTypeIo1) && v.Type != string(types.VolumeTypeIo2) {
		return api.Errorf("InvalidParameterCombination", "The parameter multiAttachEnabled is not supported for %s volumes.", v.Type)
	}
	return nil
}
