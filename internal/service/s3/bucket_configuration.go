package s3

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"strongroom/internal/api"
)

// Configurations that clients read of every bucket. Who pays and transfer acceleration are kept as they are put; of the
// others a bucket never has one, since what would act on them (hosting of websites, logs of accesses, replication,
// inventories, analytics) is not here and putting them is refused by name.

func (s *Service) configurationOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.GetBucketAccelerateConfiguration, onBucket[s3.GetBucketAccelerateConfigurationInput](s, "GetAccelerateConfiguration", nil)),
		api.Op("", s.PutBucketAccelerateConfiguration, onBucket[s3.PutBucketAccelerateConfigurationInput](s, "PutAccelerateConfiguration", nil)),
		api.Op("", s.GetBucketRequestPayment, onBucket[s3.GetBucketRequestPaymentInput](s, "GetBucketRequestPayment", nil)),
		api.Op("", s.PutBucketRequestPayment, onBucket[s3.PutBucketRequestPaymentInput](s, "PutBucketRequestPayment", nil)),
		api.Op("", s.GetBucketWebsite, onBucket[s3.GetBucketWebsiteInput](s, "GetBucketWebsite", nil)),
		api.Op("", s.DeleteBucketWebsite, onBucket[s3.DeleteBucketWebsiteInput](s, "DeleteBucketWebsite", nil)),
		api.Op("", s.GetBucketLogging, onBucket[s3.GetBucketLoggingInput](s, "GetBucketLogging", nil)),
		api.Op("", s.PutBucketLogging, onBucket[s3.PutBucketLoggingInput](s, "PutBucketLogging", nil)),
		api.Op("", s.GetBucketReplication, onBucket[s3.GetBucketReplicationInput](s, "GetReplicationConfiguration", nil)),
		api.Op("", s.DeleteBucketReplication, onBucket[s3.DeleteBucketReplicationInput](s, "PutReplicationConfiguration", nil)),
		api.Op("", s.ListBucketAnalyticsConfigurations, onBucket[s3.ListBucketAnalyticsConfigurationsInput](s, "GetAnalyticsConfiguration", nil)),
		api.Op("", s.GetBucketAnalyticsConfiguration, onBucket[s3.GetBucketAnalyticsConfigurationInput](s, "GetAnalyticsConfiguration", nil)),
		api.Op("", s.ListBucketInventoryConfigurations, onBucket[s3.ListBucketInventoryConfigurationsInput](s, "GetInventoryConfiguration", nil)),
		api.Op("", s.GetBucketInventoryConfiguration, onBucket[s3.GetBucketInventoryConfigurationInput](s, "GetInventoryConfiguration", nil)),
		api.Op("", s.ListBucketMetricsConfigurations, onBucket[s3.ListBucketMetricsConfigurationsInput](s, "GetMetricsConfiguration", nil)),
		api.Op("", s.GetBucketMetricsConfiguration, onBucket[s3.GetBucketMetricsConfigurationInput](s, "GetMetricsConfiguration", nil)),
		api.Op("", s.ListBucketIntelligentTieringConfigurations, onBucket[s3.ListBucketIntelligentTieringConfigurationsInput](s, "GetIntelligentTieringConfiguration", nil)),
		api.Op("", s.GetBucketIntelligentTieringConfiguration, onBucket[s3.GetBucketIntelligentTieringConfigurationInput](s, "GetIntelligentTieringConfiguration", nil)),
	}
}

// GetBucketAccelerateConfiguration tells whether transfer acceleration is on.
func (s *Service) GetBucketAccelerateConfiguration(ctx context.Context, c *api.Caller, in *s3.GetBucketAccelerateConfigurationInput) (*s3.GetBucketAccelerateConfigurationOutput, error) {
	var a types.AccelerateConfiguration
	err := s.setting(ctx, c, in.Bucket, settingAccelerate, &a, nil)
	return &s3.GetBucketAccelerateConfigurationOutput{Status: a.Status}, err
}

// PutBucketAccelerateConfiguration sets it. There is one endpoint for all, so it changes nothing else.
func (s *Service) PutBucketAccelerateConfiguration(ctx context.Context, c *api.Caller, in *s3.PutBucketAccelerateConfigurationInput) (*s3.PutBucketAccelerateConfigurationOutput, error) {
	a := in.AccelerateConfiguration
	if a == nil || a.Status != types.BucketAccelerateStatusEnabled && a.Status != types.BucketAccelerateStatusSuspended {
		return nil, malformedXML()
	}
	for _, r := range str(in.Bucket) {
		if r == '.' {
			return nil, invalidRequest("S3 Transfer Acceleration is not supported for buckets with periods (.) in their names")
		}
	}
	return &s3.PutBucketAccelerateConfigurationOutput{}, s.putSetting(ctx, c, in.Bucket, settingAccelerate, a)
}

// GetBucketRequestPayment tells who pays for requests.
func (s *Service) GetBucketRequestPayment(ctx context.Context, c *api.Caller, in *s3.GetBucketRequestPaymentInput) (*s3.GetBucketRequestPaymentOutput, error) {
	p := types.RequestPaymentConfiguration{Payer: types.PayerBucketOwner}
	err := s.setting(ctx, c, in.Bucket, settingRequestPayment, &p, nil)
	return &s3.GetBucketRequestPaymentOutput{Payer: p.Payer}, err
}

// PutBucketRequestPayment sets it. Nobody pays here, so it changes nothing else.
func (s *Service) PutBucketRequestPayment(ctx context.Context, c *api.Caller, in *s3.PutBucketRequestPaymentInput) (*s3.PutBucketRequestPaymentOutput, error) {
	p := in.RequestPaymentConfiguration
	if p == nil || p.Payer != types.PayerBucketOwner && p.Payer != types.PayerRequester {
		return nil, malformedXML()
	}
	return &s3.PutBucketRequestPaymentOutput{}, s.putSetting(ctx, c, in.Bucket, settingRequestPayment, p)
}

// GetBucketWebsite says that there is none.
func (s *Service) GetBucketWebsite(ctx context.Context, c *api.Caller, in *s3.GetBucketWebsiteInput) (*s3.GetBucketWebsiteOutput, error) {
	return nil, s.unset(ctx, c, in.Bucket, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
}

// DeleteBucketWebsite removes what is not there, which succeeds.
func (s *Service) DeleteBucketWebsite(ctx context.Context, c *api.Caller, in *s3.DeleteBucketWebsiteInput) (*s3.DeleteBucketWebsiteOutput, error) {
	_, err := s.bucket(ctx, c, in.Bucket)
	return &s3.DeleteBucketWebsiteOutput{}, err
}

// GetBucketLogging tells that accesses are not logged.
func (s *Service) GetBucketLogging(ctx context.Context, c *api.Caller, in *s3.GetBucketLoggingInput) (*s3.GetBucketLoggingOutput, error) {
	_, err := s.bucket(ctx, c, in.Bucket)
	return &s3.GetBucketLoggingOutput{}, err
}

// PutBucketLogging turns logging off, which it is.
func (s *Service) PutBucketLogging(ctx context.Context, c *api.Caller, in *s3.PutBucketLoggingInput) (*s3.PutBucketLoggingOutput, error) {
	if in.BucketLoggingStatus != nil && in.BucketLoggingStatus.LoggingEnabled != nil {
		return nil, api.NotImplemented("LoggingEnabled in s3:PutBucketLogging")
	}
	_, err := s.bucket(ctx, c, in.Bucket)
	return &s3.PutBucketLoggingOutput{}, err
}

// GetBucketReplication says that there is none.
func (s *Service) GetBucketReplication(ctx context.Context, c *api.Caller, in *s3.GetBucketReplicationInput) (*s3.GetBucketReplicationOutput, error) {
	return nil, s.unset(ctx, c, in.Bucket, "ReplicationConfigurationNotFoundError", "The replication configuration was not found")
}

// DeleteBucketReplication removes what is not there, which succeeds.
func (s *Service) DeleteBucketReplication(ctx context.Context, c *api.Caller, in *s3.DeleteBucketReplicationInput) (*s3.DeleteBucketReplicationOutput, error) {
	_, err := s.bucket(ctx, c, in.Bucket)
	return &s3.DeleteBucketReplicationOutput{}, err
}

// ListBucketAnalyticsConfigurations lists none.
func (s *Service) ListBucketAnalyticsConfigurations(ctx context.Context, c *api.Caller, in *s3.ListBucketAnalyticsConfigurationsInput) (*s3.ListBucketAnalyticsConfigurationsOutput, error) {
	_, err := s.bucket(ctx, c, in.Bucket)
	return &s3.ListBucketAnalyticsConfigurationsOutput{IsTruncated: new(bool)}, err
}

// GetBucketAnalyticsConfiguration says that there is none.
func (s *Service) GetBucketAnalyticsConfiguration(ctx context.Context, c *api.Caller, in *s3.GetBucketAnalyticsConfigurationInput) (*s3.GetBucketAnalyticsConfigurationOutput, error) {
	return nil, s.noConfiguration(ctx, c, in.Bucket)
}

// ListBucketInventoryConfigurations lists none.
func (s *Service) ListBucketInventoryConfigurations(ctx context.Context, c *api.Caller, in *s3.ListBucketInventoryConfigurationsInput) (*s3.ListBucketInventoryConfigurationsOutput, error) {
	_, err := s.bucket(ctx, c, in.Bucket)
	return &s3.ListBucketInventoryConfigurationsOutput{IsTruncated: new(bool)}, err
}

// GetBucketInventoryConfiguration says that there is none.
func (s *Service) GetBucketInventoryConfiguration(ctx context.Context, c *api.Caller, in *s3.GetBucketInventoryConfigurationInput) (*s3.GetBucketInventoryConfigurationOutput, error) {
	return nil, s.noConfiguration(ctx, c, in.Bucket)
}

// ListBucketMetricsConfigurations lists none.
func (s *Service) ListBucketMetricsConfigurations(ctx context.Context, c *api.Caller, in *s3.ListBucketMetricsConfigurationsInput) (*s3.ListBucketMetricsConfigurationsOutput, error) {
	_, err := s.bucket(ctx, c, in.Bucket)
	return &s3.ListBucketMetricsConfigurationsOutput{IsTruncated: new(bool)}, err
}

// GetBucketMetricsConfiguration says that there is none.
func (s *Service) GetBucketMetricsConfiguration(ctx context.Context, c *api.Caller, in *s3.GetBucketMetricsConfigurationInput) (*s3.GetBucketMetricsConfigurationOutput, error) {
	return nil, s.noConfiguration(ctx, c, in.Bucket)
}

// ListBucketIntelligentTieringConfigurations lists none.
func (s *Service) ListBucketIntelligentTieringConfigurations(ctx context.Context, c *api.Caller, in *s3.ListBucketIntelligentTieringConfigurationsInput) (*s3.ListBucketIntelligentTieringConfigurationsOutput, error) {
	_, err := s.bucket(ctx, c, in.Bucket)
	return &s3.ListBucketIntelligentTieringConfigurationsOutput{IsTruncated: new(bool)}, err
}

// GetBucketIntelligentTieringConfiguration says that there is none.
func (s *Service) GetBucketIntelligentTieringConfiguration(ctx context.Context, c *api.Caller, in *s3.GetBucketIntelligentTieringConfigurationInput) (*s3.GetBucketIntelligentTieringConfigurationOutput, error) {
	return nil, s.noConfiguration(ctx, c, in.Bucket)
}

func (s *Service) noConfiguration(ctx context.Context, c *api.Caller, bucket *string) error {
	return s.unset(ctx, c, bucket, "NoSuchConfiguration", "The specified configuration does not exist.")
}

// unset is the answer to a question for a configuration that a bucket does not have.
func (s *Service) unset(ctx context.Context, c *api.Caller, bucket *string, code, message string) error {
	b, err := s.bucket(ctx, c, bucket)
	if err != nil {
		return err
	}
	return failure(http.StatusNotFound, code, message, "BucketName", b.Name)
}
