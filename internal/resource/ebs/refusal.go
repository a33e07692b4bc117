package ebs

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// jobError turns what EC2 answers to a job's role into what AWS Backup says of it; other errors stay as they are.
func jobError(err error, c *api.Caller, denied rules.Entry) error {
	values := rules.Values{"role": c.RoleARN, "account": c.AccountID}
	switch api.Code(err) {
	case "UnauthorizedOperation":
		action, encoded := deniedAction(err)
		refusal := denied.Refuse(values.With("action", action, "encoded", encoded))
		return &api.Error{Code: "AccessDeniedException", Message: refusal.Message, Status: http.StatusForbidden, Err: &refused{refusal, err}}
	case "InvalidVolume.NotFound", "InvalidVolumeID.Malformed":
		refusal := rules.VolumeMissing.Refuse(values)
		return &api.Error{Code: "InvalidVolume.NotFound", Message: refusal.Message, Err: &refused{refusal, err}}
	}
	return err
}

// gone is the error of a volume that was deleted while a job looked at it.
func gone(err error, c *api.Caller) error {
	if errors.Is(err, state.ErrNotFound) {
		return jobError(api.Errorf("InvalidVolume.NotFound", "%s", err), c, rules.ServiceDenied)
	}
	return err
}

// deniedAction finds in EC2's refusal the action, and the message that sts:DecodeAuthorizationMessage opens.
func deniedAction(err error) (action, encoded string) {
	text := err.Error()
	if _, after, ok := strings.Cut(text, "not authorized to perform: "); ok {
		action, _, _ = strings.Cut(after, " ")
	}
	_, encoded, _ = strings.Cut(text, "Encoded authorization failure message: ")
	return action, encoded
}

// refused is a refusal with the error that brought it about.
type refused struct {
	refusal *rules.Refusal
	cause   error
}

func (r *refused) Error() string   { return r.refusal.Error() + " (" + r.cause.Error() + ")" }
func (r *refused) Unwrap() []error { return []error{r.refusal, r.cause} }

var _ resource.TagReader = (*Kind)(nil)

// ReadTags implements [resource.TagReader]: a copy takes the snapshot's tags along, which its role must be able to list.
func (k *Kind) ReadTags(ctx context.Context, c *api.Caller, p state.RecoveryPoint) error {
	_, id, _ := strings.Cut(p.ARN, ":snapshot/")
	_, err := api.Call[ec2.DescribeTagsOutput](ctx, k.engine.Door, c.In(p.Region), &ec2.DescribeTagsInput{
		Filters: []ec2types.Filter{{Name: aws.String("resource-id"), Values: []string{id}}},
	})
	if api.Code(err) != "UnauthorizedOperation" {
		return err
	}
	refusal := rules.TagsDenied.Refuse(rules.Values{"role": c.RoleARN, "account": c.AccountID, "action": "ec2:DescribeTags"})
	return &api.Error{Code: "AccessDeniedException", Message: refusal.Message, Status: http.StatusForbidden, Err: &refused{refusal, err}}
}
