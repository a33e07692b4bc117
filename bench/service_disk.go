package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"strongroom/archive"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A disk holds the volume in the service: encrypted, and written as a machine would, over a network block device.
type disk struct {
	data    *volume
	account *member
	server  *server
	id      string
}

func (d *disk) create(ctx context.Context) (arn string, err error) {
	out, err := d.account.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{
		AvailabilityZone: aws.String(homeRegion + "a"), VolumeType: ec2types.VolumeTypeGp3,
		Size: aws.Int32(int32((d.data.size + gib - 1) / gib)), Encrypted: aws.Bool(true), KmsKeyId: &d.account.key,
	})
	if err != nil {
		return "", err
	}
	d.id = aws.ToString(out.VolumeId)
	if err := until(ctx, func() (bool, error) {
		out, err := d.account.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{d.id}})
		if err != nil || out.Volumes[0].State == ec2types.VolumeStateError {
			return false, errors.Join(err, errors.New("the volume cannot be used"))
		}
		return out.Volumes[0].State == ec2types.VolumeStateAvailable, nil
	}); err != nil {
		return "", err
	}
	image, err := os.Open(d.data.path())
	if err != nil {
		return "", err
	}
	defer image.Close() //nolint:errcheck // it was only read
	return "arn:aws:ec2:" + homeRegion + ":" + account + ":volume/" + d.id, d.write(ctx, image, writtenBlocks(image, d.data.size))
}

func (d *disk) update(ctx context.Context, _ int) error {
	image, err := os.Open(d.data.path())
	if err != nil {
		return err
	}
	defer image.Close() //nolint:errcheck // it was only read
	return d.write(ctx, image, listedBlocks(d.data.changed, d.data.size))
}

// write brings blocks of the image into the volume.
func (d *disk) write(ctx context.Context, image io.ReaderAt, blocks iter.Seq2[int64, error]) error {
	return d.attached(ctx, d.id, func(device *nbdClient) error {
		buf := make([]byte, archive.BlockSize)
		for number, err := range blocks {
			if err != nil {
				return err
			}
			if _, err := image.ReadAt(buf, number*archive.BlockSize); err != nil {
				return err
			}
			if _, err := device.WriteAt(buf, number*archive.BlockSize); err != nil {
				return err
			}
		}
		return device.flush()
	})
}

func (d *disk) restoration() map[string]string {
	return map[string]string{"availabilityZone": homeRegion + "a", "volumeType": "gp3"}
}

func (d *disk) same(ctx context.Context, arn string) error {
	want, err := hashFile(ctx, d.data.path())
	if err != nil {
		return err
	}
	return d.attached(ctx, arn[strings.LastIndexByte(arn, '/')+1:], func(device *nbdClient) error {
		h := sha256.New()
		if _, err := io.CopyBuffer(h, io.NewSectionReader(device, 0, d.data.size), make([]byte, mib)); err != nil {
			return err
		}
		if got := h.Sum(nil); !bytes.Equal(got, want) {
			return fmt.Errorf("the volume was not restored: it has SHA-256 %x, not %x", got, want)
		}
		return nil
	})
}

// attached exports a volume while do runs.
func (d *disk) attached(ctx context.Context, id string, do func(*nbdClient) error) (err error) {
	socket := filepath.Join(d.server.data, id+".sock")
	cmd := exec.CommandContext(ctx, d.server.program, "nbd", id, "--socket", socket, "--data", d.server.data)
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		signalled := cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it was told to end
		err = errors.Join(err, signalled, os.RemoveAll(socket))
	}()
	if err := d.server.await(ctx, socket); err != nil {
		return err
	}
	device, err := dialNBD(ctx, socket)
	if err != nil {
		return err
	}
	return errors.Join(do(device), device.Close())
}
