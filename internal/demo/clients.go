package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// account is one account in one Region, with a client for each service.
type account struct {
	name   string // the profile
	id     string
	region string

	backup        *backup.Client
	ebs           *ebs.Client
	ec2           *ec2.Client
	events        *eventbridge.Client
	iam           *iam.Client
	kms           *kms.Client
	lambda        *lambda.Client
	organizations *organizations.Client
	rds           *rds.Client
	s3            *s3.Client
	sqs           *sqs.Client
}

// openAccount makes the clients of a profile in a Region and asks the service which account that is.
func openAccount(ctx context.Context, profilesDir, profile, region string) (*account, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithSharedConfigFiles([]string{profilesDir + "/config"}),
		config.WithSharedCredentialsFiles([]string{profilesDir + "/credentials"}),
		config.WithSharedConfigProfile(profile),
		config.WithRegion(region),
	)
	if err != nil {
		return nil, fmt.Errorf("reading profile %s: %w", profile, err)
	}
	identity, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("signing in as %s: %w", profile, err)
	}
	return &account{
		name: profile, id: aws.ToString(identity.Account), region: region,
		backup:        backup.NewFromConfig(cfg),
		ebs:           ebs.NewFromConfig(cfg),
		ec2:           ec2.NewFromConfig(cfg),
		events:        eventbridge.NewFromConfig(cfg),
		iam:           iam.NewFromConfig(cfg),
		kms:           kms.NewFromConfig(cfg),
		lambda:        lambda.NewFromConfig(cfg),
		organizations: organizations.NewFromConfig(cfg),
		rds:           rds.NewFromConfig(cfg),
		s3:            s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		sqs:           sqs.NewFromConfig(cfg),
	}, nil
}

func (a *account) vaultARN(name string) string {
	return fmt.Sprintf("arn:aws:backup:%s:%s:backup-vault:%s", a.region, a.id, name)
}

func (a *account) roleARN(name string) string {
	return fmt.Sprintf("arn:aws:iam::%s:role/%s", a.id, name)
}

func (a *account) rootARN() string { return fmt.Sprintf("arn:aws:iam::%s:root", a.id) }

func (a *account) backupServiceRoleARN() string {
	return fmt.Sprintf("arn:aws:iam::%s:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup", a.id)
}

// until asks done every now and then until it is true, fails, or ctx ends.
func until(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond) //nolint:forbidigo // a client waits by its own clock
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
