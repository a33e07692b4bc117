package cloudtrail

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Limits of https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html
const (
	maxTrails = 5 // whose home is in one Region
	maxPrefix = 200
	// maxListed is the number of trails on a page of ListTrails, and of keys on one of ListPublicKeys.
	maxListed = 100
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

func trailARN(accountID, region, name string) string {
	return "arn:aws:cloudtrail:" + region + ":" + accountID + ":trail/" + name
}

// checkName holds a trail's name against the rules of
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-naming-requirements.html
func checkName(name string) error {
	invalid := func(format string, args ...any) error {
		return api.Errorf("InvalidTrailNameException", format, args...)
	}
	alphanumeric := func(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }
	switch {
	case len(name) < 3:
		return invalid("Trail name too short. Minimum allowed length: 3 characters. Specified name length: %d characters.", len(name))
	case len(name) > 128:
		return invalid("Trail name too long. Maximum allowed length: 128 characters. Specified name length: %d characters.", len(name))
	case !namePattern.MatchString(name):
		return invalid("Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).")
	case !alphanumeric(name[0]):
		return invalid("Trail name must starts with a letter or number.")
	case !alphanumeric(name[len(name)-1]):
		return invalid("Trail name must ends with a letter or number.")
	case strings.Contains(name, "..") || strings.Contains(name, "--") || strings.Contains(name, "__") ||
		strings.Contains(name, "._") || strings.Contains(name, "_.") || strings.Contains(name, "-.") || strings.Contains(name, ".-") ||
		strings.Contains(name, "-_") || strings.Contains(name, "_-"):
		return invalid("Trail name cannot have adjacent periods, underscores or hyphens: %s", name)
	}
	return nil
}

// target is the ARN that a name, or an ARN, means to the caller.
func target(c *api.Caller, name *string) (string, error) {
	given := aws.ToString(name)
	if !strings.HasPrefix(given, "arn:") {
		return trailARN(c.AccountID, c.Region, given), checkName(given)
	}
	a, err := arn.Parse(given)
	kind, id := a.Split()
	if err != nil || a.Service != "cloudtrail" || kind != "trail" || a.Region == "" || a.AccountID == "" || checkName(id) != nil {
		return "", api.Errorf("CloudTrailARNInvalidException", "The ARN %s is not one of a trail.", given)
	}
	return given, nil
}

func errUnknown(c *api.Caller, arn string) error {
	return api.Errorf("TrailNotFoundException", "Unknown trail: %s for the user: %s", arn, c.AccountID)
}

// onTrail is the access function of an operation on one trail.
func onTrail[In any](s *Service, operation string, name func(*In) *string) func(context.Context, *api.Caller, *In) ([]api.Access, error) {
	return func(ctx context.Context, c *api.Caller, in *In) ([]api.Access, error) {
		resource, err := target(c, name(in))
		if err != nil {
			return nil, err
		}
		return s.accessTo(ctx, operation, resource)
	}
}

// accessTo asks for an action on a trail, whose tags the policies may ask for.
func (s *Service) accessTo(ctx context.Context, operation, resource string) ([]api.Access, error) {
	access := api.Access{Action: "cloudtrail:" + operation, Resource: resource}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		t, err := tx.Trail(ctx, resource)
		if errors.Is(err, state.ErrNotFound) {
			return nil // told once the caller may know
		}
		access.Context = api.WithResourceTags(nil, t.Tags)
		return err
	})
	return []api.Access{access}, err
}

// seen reports whether a trail is shown to an account: its own, and those of its organization.
func (s *Service) seen(ctx context.Context, c *api.Caller, t state.Trail) (bool, error) {
	if t.AccountID == c.AccountID {
		return true, nil
	}
	if t.OrganizationID == "" {
		return false, nil
	}
	home, err := s.organizationOf(ctx, c.AccountID)
	return err == nil && home.id == t.OrganizationID, err
}

// read finds a trail that the caller sees.
func (s *Service) read(ctx context.Context, c *api.Caller, name *string) (t state.Trail, err error) {
	resource, err := target(c, name)
	if err != nil {
		return t, err
	}
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		t, err = tx.Trail(ctx, resource)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		return t, errUnknown(c, resource)
	}
	if err != nil {
		return t, err
	}
	if seen, err := s.seen(ctx, c, t); err != nil || !seen {
		return t, errors.Join(err, errUnknown(c, resource))
	}
	return t, nil
}

// own finds a trail that the caller may change: one of its account, called in its home Region.
func own(ctx context.Context, tx *state.Tx, c *api.Caller, resource string) (t state.Trail, err error) {
	t, err = tx.Trail(ctx, resource)
	switch {
	case errors.Is(err, state.ErrNotFound), err == nil && t.AccountID != c.AccountID:
		return t, errUnknown(c, resource)
	case err == nil && t.Region != c.Region:
		return t, api.Errorf("InvalidHomeRegionException", "The trail %s is changed in its home Region %s only.", t.ARN, t.Region)
	}
	return t, err
}

// change reads one of the caller's trails, has fn change it, and writes it.
func (s *Service) change(ctx context.Context, c *api.Caller, name *string, fn func(ctx context.Context, tx *state.Tx, t *state.Trail) error) (t state.Trail, err error) {
	resource, err := target(c, name)
	if err != nil {
		return t, err
	}
	s.delivering.Lock() // a delivery writes the row, too
	defer s.delivering.Unlock()
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		if t, err = own(ctx, tx, c, resource); err != nil {
			return err
		}
		if err := fn(ctx, tx, &t); err != nil {
			return err
		}
		return tx.UpdateTrail(ctx, t)
	})
	if err != nil {
		return t, err
	}
	return t, s.Recorder.readInterests(ctx)
}

func (s *Service) createTrailAccess(_ context.Context, c *api.Caller, in *cloudtrail.CreateTrailInput) ([]api.Access, error) {
	name := aws.ToString(in.Name)
	if err := checkName(name); err != nil {
		return nil, err
	}
	keys := api.WithRequestTags(nil, tagsOf(in.TagsList))
	accesses := []api.Access{{Action: "cloudtrail:CreateTrail", Resource: trailARN(c.AccountID, c.Region, name), Context: keys}}
	if len(in.TagsList) > 0 {
		accesses = append(accesses, api.Access{Action: "cloudtrail:AddTags", Resource: accesses[0].Resource, Context: keys})
	}
	return accesses, nil
}

// CreateTrail makes a trail, which does not log until it is started.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html
func (s *Service) CreateTrail(ctx context.Context, c *api.Caller, in *cloudtrail.CreateTrailInput) (*cloudtrail.CreateTrailOutput, error) {
	name := aws.ToString(in.Name)
	if err := checkName(name); err != nil {
		return nil, err
	}
	t := state.Trail{
		ARN: trailARN(c.AccountID, c.Region, name), AccountID: c.AccountID, Region: c.Region, Name: name, CreatedAt: state.MicrosOf(s.Clock.Now()),
		GlobalEvents: in.IncludeGlobalServiceEvents == nil || *in.IncludeGlobalServiceEvents, Tags: map[string]string{},
	}
	var err error
	if t.Tags, err = withTags(t.Tags, in.TagsList); err != nil {
		return nil, err
	}
	settings := trailSettings{
		bucket: in.S3BucketName, prefix: in.S3KeyPrefix, topic: in.SnsTopicName, key: in.KmsKeyId, logs: in.CloudWatchLogsLogGroupArn, logsRole: in.CloudWatchLogsRoleArn,
		multiRegion: in.IsMultiRegionTrail, organization: in.IsOrganizationTrail, validation: in.EnableLogFileValidation,
	}
	if err := s.set(ctx, c, &t, settings); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err := tx.Trails(ctx)
		if err != nil {
			return err
		}
		here := 0
		for _, other := range all {
			if other.ARN == t.ARN {
				return api.Errorf("TrailAlreadyExistsException", "Trail %s already exists for customer: %s", t.Name, t.AccountID)
			}
			if other.AccountID == t.AccountID && other.Region == t.Region {
				here++
			}
		}
		if here >= maxTrails {
			return api.Errorf("MaximumNumberOfTrailsExceededException", "User: %s already has %d trails in %s.", t.AccountID, here, t.Region)
		}
		return tx.InsertTrail(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	shown := trailOf(t)
	return &cloudtrail.CreateTrailOutput{
		Name: shown.Name, TrailARN: shown.TrailARN, S3BucketName: shown.S3BucketName, S3KeyPrefix: shown.S3KeyPrefix, KmsKeyId: shown.KmsKeyId,
		SnsTopicARN: shown.SnsTopicARN, IncludeGlobalServiceEvents: shown.IncludeGlobalServiceEvents,
		SnsTopicName:       topicName(t), //nolint:staticcheck // what older clients read
		IsMultiRegionTrail: shown.IsMultiRegionTrail, IsOrganizationTrail: shown.IsOrganizationTrail, LogFileValidationEnabled: shown.LogFileValidationEnabled,
	}, nil
}

// UpdateTrail changes what is given of a trail and leaves the rest.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html
func (s *Service) UpdateTrail(ctx context.Context, c *api.Caller, in *cloudtrail.UpdateTrailInput) (*cloudtrail.UpdateTrailOutput, error) {
	before, err := s.read(ctx, c, in.Name)
	if err != nil {
		return nil, err
	}
	settings := trailSettings{
		bucket: in.S3BucketName, prefix: in.S3KeyPrefix, topic: in.SnsTopicName, key: in.KmsKeyId, logs: in.CloudWatchLogsLogGroupArn, logsRole: in.CloudWatchLogsRoleArn,
		multiRegion: in.IsMultiRegionTrail, organization: in.IsOrganizationTrail, validation: in.EnableLogFileValidation,
	}
	// The bucket and the key are asked outside of a transaction, in which no call may be made.
	changed := before
	if err := s.set(ctx, c, &changed, settings); err != nil {
		return nil, err
	}
	t, err := s.change(ctx, c, in.Name, func(_ context.Context, _ *state.Tx, t *state.Trail) error {
		t.Bucket, t.Prefix, t.TopicARN, t.KeyARN = changed.Bucket, changed.Prefix, changed.TopicARN, changed.KeyARN
		t.MultiRegion, t.OrganizationID = changed.MultiRegion, changed.OrganizationID
		if changed.Validation && !t.Validation {
			t.DigestedAt = state.MicrosOf(s.Clock.Now())
		}
		t.Validation = changed.Validation
		if in.IncludeGlobalServiceEvents != nil {
			t.GlobalEvents = *in.IncludeGlobalServiceEvents
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	shown := trailOf(t)
	return &cloudtrail.UpdateTrailOutput{
		Name: shown.Name, TrailARN: shown.TrailARN, S3BucketName: shown.S3BucketName, S3KeyPrefix: shown.S3KeyPrefix, KmsKeyId: shown.KmsKeyId,
		SnsTopicARN: shown.SnsTopicARN, IncludeGlobalServiceEvents: shown.IncludeGlobalServiceEvents,
		SnsTopicName:       topicName(t), //nolint:staticcheck // what older clients read
		IsMultiRegionTrail: shown.IsMultiRegionTrail, IsOrganizationTrail: shown.IsOrganizationTrail, LogFileValidationEnabled: shown.LogFileValidationEnabled,
	}, nil
}

// DeleteTrail removes a trail. What it has delivered stays; what it has not is not delivered any more.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DeleteTrail.html
func (s *Service) DeleteTrail(ctx context.Context, c *api.Caller, in *cloudtrail.DeleteTrailInput) (*cloudtrail.DeleteTrailOutput, error) {
	resource, err := target(c, in.Name)
	if err != nil {
		return nil, err
	}
	s.delivering.Lock()
	defer s.delivering.Unlock()
	err = s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		t, err := own(ctx, tx, c, resource)
		if err != nil {
			return err
		}
		return tx.DeleteTrail(ctx, t.ARN)
	})
	if err != nil {
		return nil, err
	}
	return &cloudtrail.DeleteTrailOutput{}, s.Recorder.readInterests(ctx)
}

// GetTrail shows a trail.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrail.html
func (s *Service) GetTrail(ctx context.Context, c *api.Caller, in *cloudtrail.GetTrailInput) (*cloudtrail.GetTrailOutput, error) {
	t, err := s.read(ctx, c, in.Name)
	if err != nil {
		return nil, err
	}
	return &cloudtrail.GetTrailOutput{Trail: new(trailOf(t))}, nil
}

// visible are the trails that the caller sees from its Region, by ARN: those at home there and the shadows of those of all
// Regions.
func (s *Service) visible(ctx context.Context, c *api.Caller) (found []state.Trail, err error) {
	var all []state.Trail
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		all, err = tx.Trails(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		seen, err := s.seen(ctx, c, t)
		if err != nil {
			return nil, err
		}
		if seen && (t.Region == c.Region || t.MultiRegion) {
			found = append(found, t)
		}
	}
	return found, nil
}

// DescribeTrails shows the trails of the caller's Region.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html
func (s *Service) DescribeTrails(ctx context.Context, c *api.Caller, in *cloudtrail.DescribeTrailsInput) (*cloudtrail.DescribeTrailsOutput, error) {
	wanted := map[string]bool{}
	for _, name := range in.TrailNameList {
		resource, err := target(c, &name)
		if err != nil {
			return nil, err
		}
		wanted[resource] = true
	}
	found, err := s.visible(ctx, c)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.DescribeTrailsOutput{TrailList: []types.Trail{}}
	for _, t := range found {
		shadow := t.Region != c.Region || t.AccountID != c.AccountID
		if shadow && in.IncludeShadowTrails != nil && !*in.IncludeShadowTrails || len(wanted) > 0 && !wanted[t.ARN] {
			continue
		}
		out.TrailList = append(out.TrailList, trailOf(t))
	}
	return out, nil
}

// ListTrails names the trails of the account, wherever they are at home.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTrails.html
func (s *Service) ListTrails(ctx context.Context, c *api.Caller, in *cloudtrail.ListTrailsInput) (*cloudtrail.ListTrailsOutput, error) {
	scope := "cloudtrail:ListTrails\x00" + c.AccountID
	var after string
	if aws.ToString(in.NextToken) != "" {
		if err := s.Pages.Open(scope, *in.NextToken, &after); err != nil {
			return nil, errToken
		}
	}
	var all []state.Trail
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		all, err = tx.Trails(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.ListTrailsOutput{Trails: []types.TrailInfo{}}
	for _, t := range all {
		seen, err := s.seen(ctx, c, t)
		if err != nil {
			return nil, err
		}
		if !seen || t.ARN <= after {
			continue
		}
		if len(out.Trails) == maxListed {
			out.NextToken = new(s.Pages.Seal(scope, *out.Trails[maxListed-1].TrailARN))
			break
		}
		out.Trails = append(out.Trails, types.TrailInfo{Name: new(t.Name), TrailARN: new(t.ARN), HomeRegion: new(t.Region)})
	}
	return out, nil
}

var errToken = api.Errorf("InvalidNextTokenException", "The token is not valid, or was made for other parameters.")

func trailOf(t state.Trail) types.Trail {
	shown := types.Trail{
		Name: new(t.Name), TrailARN: new(t.ARN), HomeRegion: new(t.Region), S3BucketName: new(t.Bucket),
		IncludeGlobalServiceEvents: new(t.GlobalEvents), IsMultiRegionTrail: new(t.MultiRegion), IsOrganizationTrail: new(t.OrganizationID != ""),
		LogFileValidationEnabled: new(t.Validation), HasCustomEventSelectors: new(len(t.Selectors.Basic)+len(t.Selectors.Advanced) > 0), HasInsightSelectors: new(false),
	}
	if t.Prefix != "" {
		shown.S3KeyPrefix = new(t.Prefix)
	}
	if t.KeyARN != "" {
		shown.KmsKeyId = new(t.KeyARN)
	}
	if t.TopicARN != "" {
		shown.SnsTopicARN, shown.SnsTopicName = new(t.TopicARN), topicName(t) //nolint:staticcheck // what older clients read
	}
	return shown
}

// topicName is the name in the ARN of a trail's topic; nil where it has none.
func topicName(t state.Trail) *string {
	if t.TopicARN == "" {
		return nil
	}
	return new(t.TopicARN[strings.LastIndexByte(t.TopicARN, ':')+1:])
}

// trailSettings are what CreateTrail and UpdateTrail have in common; nil leaves a setting as it is.
type trailSettings struct {
	bucket, prefix, topic, key, logs, logsRole *string
	multiRegion, organization, validation      *bool
}

// set applies settings to a trail and asks the bucket, the key and the organization whether they let it deliver.
func (s *Service) set(ctx context.Context, c *api.Caller, t *state.Trail, in trailSettings) error {
	if aws.ToString(in.logs) != "" || aws.ToString(in.logsRole) != "" {
		return api.NotImplemented("Delivery of events to CloudWatch Logs")
	}
	assign(&t.MultiRegion, in.multiRegion)
	assign(&t.Validation, in.validation)
	assign(&t.Bucket, in.bucket)
	assign(&t.Prefix, in.prefix)
	switch {
	case t.MultiRegion && !t.GlobalEvents:
		return api.Errorf("InvalidParameterCombinationException", "Multi-Region trail must include global service events.")
	case len(t.Prefix) > maxPrefix || strings.HasPrefix(t.Prefix, "/"):
		return api.Errorf("InvalidS3PrefixException", "The prefix %s is not valid: it has at most %d characters and does not begin with a slash.", t.Prefix, maxPrefix)
	}
	if in.organization != nil {
		t.OrganizationID = ""
		if *in.organization {
			var err error
			if t.OrganizationID, err = s.organizationFor(ctx, c); err != nil {
				return err
			}
		}
	}
	if in.topic != nil {
		topic, err := topicARN(c, *in.topic)
		if err != nil {
			return err
		}
		t.TopicARN = topic
	}
	if in.key != nil {
		key, err := s.keyARN(ctx, c, *in.key)
		if err != nil {
			return err
		}
		t.KeyARN = key
	}
	return s.checkBucket(ctx, t)
}

func assign[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// organizationFor is the organization of which the caller may make a trail.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html
func (s *Service) organizationFor(ctx context.Context, c *api.Caller) (string, error) {
	home, err := s.organizationOf(ctx, c.AccountID)
	switch {
	case err != nil:
		return "", err
	case home.id == "":
		return "", api.Errorf("OrganizationsNotInUseException", "The account %s is in no organization.", c.AccountID)
	case !home.trusted:
		return "", api.Errorf("CloudTrailAccessNotEnabledException", "Trusted access of %s is not enabled in the organization %s.", principal, home.id)
	case !home.management:
		return "", api.Errorf("NotOrganizationMasterAccountException", "The account %s is not the management account of its organization.", c.AccountID)
	}
	return home.id, nil
}

func onAny[In any](operation string) func(context.Context, *api.Caller, *In) ([]api.Access, error) {
	return func(context.Context, *api.Caller, *In) ([]api.Access, error) {
		return []api.Access{{Action: "cloudtrail:" + operation, Resource: "*"}}, nil
	}
}
