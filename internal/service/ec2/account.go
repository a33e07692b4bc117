package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"strongroom/internal/api"
)

// accountAttributes are those of every account, as a new one has them; there is no VPC, hence no default one.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html
var accountAttributes = []struct{ name, value string }{
	{"supported-platforms", "VPC"},
	{"default-vpc", "none"},
	{"max-instances", "20"},
	{"vpc-max-security-groups-per-interface", "5"},
	{"max-elastic-ips", "5"},
	{"vpc-max-elastic-ips", "5"},
}

// DescribeAccountAttributes tells what an account can have of EC2.
func (s *Service) DescribeAccountAttributes(_ context.Context, _ *api.Caller, in *ec2.DescribeAccountAttributesInput) (*ec2.DescribeAccountAttributesOutput, error) {
	if err := dryRun(in.DryRun); err != nil {
		return nil, err
	}
	for _, name := range in.AttributeNames {
		if !slices.ContainsFunc(accountAttributes, func(a struct{ name, value string }) bool { return a.name == string(name) }) {
			return nil, errValue("attributeName", string(name), "Unknown attribute.")
		}
	}
	out := &ec2.DescribeAccountAttributesOutput{}
	for _, a := range accountAttributes {
		if len(in.AttributeNames) > 0 && !slices.Contains(in.AttributeNames, types.AccountAttributeName(a.name)) {
			continue
		}
		out.AccountAttributes = append(out.AccountAttributes, types.AccountAttribute{
			AttributeName: &a.name, AttributeValues: []types.AccountAttributeValue{{AttributeValue: &a.value}},
		})
	}
	return out, nil
}
