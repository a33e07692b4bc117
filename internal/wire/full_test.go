package wire_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"strongroom/internal/api"
)

// TestFullDisk: clients of every protocol learn that the server's disk is full, and that this may pass.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	full := fmt.Errorf("writing: %w", syscall.ENOSPC)
	h := newHouse(t,
		&api.Service{Name: "backup", Operations: []api.Operation{op("", func(*backup.ListBackupVaultsInput) (*backup.ListBackupVaultsOutput, error) { return nil, full })}},
		&api.Service{Name: "kms", Operations: []api.Operation{op("", func(*kms.ListKeysInput) (*kms.ListKeysOutput, error) { return nil, full })}},
		&api.Service{Name: "rds", Operations: []api.Operation{op("", func(*rds.DescribeEventsInput) (*rds.DescribeEventsOutput, error) { return nil, full })}},
		&api.Service{Name: "ec2", Operations: []api.Operation{op("", func(*ec2.DescribeVolumesInput) (*ec2.DescribeVolumesOutput, error) { return nil, full })}},
		&api.Service{Name: "s3", Operations: []api.Operation{op("", func(*s3.ListBucketsInput) (*s3.ListBucketsOutput, error) { return nil, full })}},
	)
	c := h.config()
	c.RetryMaxAttempts = 1
	calls := map[string]func() error{
		"ServiceUnavailableException": func() error { _, err := backup.NewFromConfig(c).ListBackupVaults(t.Context(), nil); return err },
		"ServiceUnavailable":          func() error { _, err := kms.NewFromConfig(c).ListKeys(t.Context(), nil); return err },
		"Unavailable":                 func() error { _, err := ec2.NewFromConfig(c).DescribeVolumes(t.Context(), nil); return err },
		"ServiceUnavailable (rds)":    func() error { _, err := rds.NewFromConfig(c).DescribeEvents(t.Context(), nil); return err },
		"ServiceUnavailable (s3)": func() error {
			_, err := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true; o.BaseEndpoint = aws.String(h.URL) }).ListBuckets(t.Context(), nil)
			return err
		},
	}
	for name, call := range calls {
		err := call()
		code, _, _ := strings.Cut(name, " ")
		wantCode(t, err, code)
		var answer *awshttp.ResponseError
		if !errors.As(err, &answer) || answer.HTTPStatusCode() != http.StatusServiceUnavailable || !strings.Contains(err.Error(), "No space is left") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
