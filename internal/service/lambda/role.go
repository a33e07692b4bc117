package lambda

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// session is a session of a function's role.
type session struct {
	accessKeyID, secret, token string
	expires                    time.Time // by the wall clock
	caller                     *api.Caller
}

// sessionOf is the name of a function's sessions: its own, which may be shorter than a session's.
func sessionOf(function string) string {
	if len(function) < 2 {
		return function + "-function"
	}
	return function
}

// assume begins a session of a function's role, as its trust policy allows.
func (s *Service) assume(ctx context.Context, f state.Function, roleARN string) (session, error) {
	c := api.ServiceCaller(Principal, f.AccountID, "us-east-1")
	c.SourceARN, c.SourceIP, c.UserAgent, c.Date, c.ReceivedAt = f.ARN, Principal, Principal, s.Clock.Now(), s.Wall.Now()
	out, err := api.Call[sts.AssumeRoleOutput](ctx, s.Door, c, &sts.AssumeRoleInput{
		RoleArn: &roleARN, RoleSessionName: aws.String(sessionOf(f.Name)),
	})
	if err != nil {
		return session{}, err
	}
	secret, caller, err := s.Lookup(ctx, *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	if err != nil {
		return session{}, err
	}
	caller.Region, caller.SourceIP, caller.UserAgent, caller.Secure, caller.Date, caller.ReceivedAt = f.Region, Principal, Principal, true, c.Date, c.ReceivedAt
	return session{*out.Credentials.AccessKeyId, secret, *out.Credentials.SessionToken, *out.Credentials.Expiration, &caller}, nil
}
