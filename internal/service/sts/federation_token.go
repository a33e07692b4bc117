package sts

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"strongroom/arn"
	"strongroom/internal/api"
)

// federationTokenAccess asks for the federated user that the token would be, and for tagging it.
func (s *Service) federationTokenAccess(_ context.Context, c *api.Caller, in *sts.GetFederationTokenInput) ([]api.Access, error) {
	if err := validateTags(in.Tags); err != nil {
		return nil, err
	}
	if err := validatePolicies(in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, tag := range in.Tags {
		tags[*tag.Key] = aws.ToString(tag.Value)
	}
	access := api.Access{
		Action: "sts:GetFederationToken", Resource: federatedARN(c.AccountID, aws.ToString(in.Name)), Context: api.WithRequestTags(nil, tags),
	}
	accesses := []api.Access{access}
	if len(tags) > 0 {
		access.Action = "sts:TagSession"
		accesses = append(accesses, access)
	}
	return accesses, nil
}

// GetFederationToken lends a user's rights, as far as the policies that come with the call leave them, to somebody who is
// known by a name. Without policies the token has no rights but those that resource policies give it.
func (s *Service) GetFederationToken(ctx context.Context, c *api.Caller, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	if c.Session != nil || c.Service != "" {
		return nil, accessDenied("Cannot call GetFederationToken with session credentials")
	}
	duration, err := sessionDuration(in.DurationSeconds, defaultUserSession, longestUserSession)
	if err != nil {
		return nil, err
	}
	now := s.Wall.Now().Truncate(time.Second)
	session := api.Session{Name: *in.Name, IssuedAt: now, ExpiresAt: now.Add(duration), IssuerID: c.UserID, Tags: map[string]string{}}
	if in.Policy != nil {
		session.Policies = []string{*in.Policy}
	}
	for _, p := range in.PolicyArns {
		session.PolicyARNs = append(session.PolicyARNs, *p.Arn)
	}
	for _, tag := range in.Tags {
		session.Tags[*tag.Key] = aws.ToString(tag.Value)
		session.TransitiveTags = append(session.TransitiveTags, *tag.Key)
	}
	slices.Sort(session.TransitiveTags)
	packed, err := packedSize(session)
	if err != nil {
		return nil, err
	}
	credentials, t, err := s.issue(ctx, token{
		AccountID: c.AccountID, UserARN: c.ARN, UserID: c.AccountID + ":" + session.Name,
		ARN: federatedARN(c.AccountID, session.Name), Session: session,
	})
	if err != nil {
		return nil, err
	}
	return &sts.GetFederationTokenOutput{
		Credentials: credentials, PackedPolicySize: packed, //nolint:staticcheck // what all clients read so far
		FederatedUser: &types.FederatedUser{Arn: aws.String(t.ARN), FederatedUserId: aws.String(t.UserID)},
	}, nil
}

func federatedARN(accountID, name string) string {
	return arn.New("sts", "", accountID, "federated-user/"+name).String()
}
