package cloudtrail

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/state"
)

// document is the CloudTrail record of an event.
type document struct {
	EventVersion        string          `json:"eventVersion"`
	UserIdentity        identity        `json:"userIdentity"`
	EventTime           string          `json:"eventTime"`
	EventSource         string          `json:"eventSource"`
	EventName           string          `json:"eventName"`
	AWSRegion           string          `json:"awsRegion"`
	SourceIPAddress     string          `json:"sourceIPAddress"`
	UserAgent           string          `json:"userAgent"`
	ErrorCode           string          `json:"errorCode,omitempty"`
	ErrorMessage        string          `json:"errorMessage,omitempty"`
	RequestParameters   json.RawMessage `json:"requestParameters"`
	ResponseElements    json.RawMessage `json:"responseElements"`
	RequestID           string          `json:"requestID,omitempty"`
	EventID             string          `json:"eventID"`
	ReadOnly            bool            `json:"readOnly"`
	Resources           []resource      `json:"resources,omitempty"`
	EventType           string          `json:"eventType"`
	ManagementEvent     bool            `json:"managementEvent"`
	RecipientAccountID  string          `json:"recipientAccountId"`
	SharedEventID       string          `json:"sharedEventID,omitempty"`
	ServiceEventDetails map[string]any  `json:"serviceEventDetails,omitempty"`
	EventCategory       string          `json:"eventCategory"`
}

type resource struct {
	ARN       string `json:"ARN"`
	AccountID string `json:"accountId,omitempty"`
	Type      string `json:"type,omitempty"`
}

// recordVersion is the version of the form that records have.
const recordVersion = "1.11"

// globalRegion is where calls of global services are recorded.
const globalRegion = "us-east-1"

// eventsOf makes the records of a call: one for the caller's account, and one for each other account whose resource it
// reached.
func (r *Recorder) eventsOf(ctx context.Context, call *api.Record) []state.Event {
	c, op := call.Caller, call.Operation
	at := c.Date
	if at.IsZero() {
		at = r.config.Clock.Now()
	}
	d := document{
		EventVersion:    recordVersion,
		UserIdentity:    identityOf(c),
		EventSource:     op.Service.EventSource,
		EventName:       op.Name,
		AWSRegion:       c.Region,
		SourceIPAddress: c.SourceIP,
		UserAgent:       c.UserAgent,
		RequestID:       c.RequestID,
		ReadOnly:        op.ReadOnly,
		EventType:       "AwsApiCall",
		ManagementEvent: true,
		EventCategory:   "Management",
	}
	if op.Data {
		d.ManagementEvent, d.EventCategory = false, "Data"
	}
	if op.Service.Global {
		d.AWSRegion = globalRegion
	}
	if c.InvokedBy != "" {
		d.SourceIPAddress, d.UserAgent = c.InvokedBy, c.InvokedBy
	}
	if d.RequestID == "" { // made in the house
		d.RequestID = uuid.NewString()
	}
	if call.Err != nil {
		d.ErrorCode, d.ErrorMessage = errorOf(call.Err)
	}
	d.RequestParameters = parameters(call.Input)
	if call.Err == nil && !op.ReadOnly {
		d.ResponseElements = parameters(call.Output)
	}
	accounts := []string{c.AccountID}
	for _, name := range call.Resources {
		d.Resources = append(d.Resources, resourceOf(name))
	}
	if d.ErrorCode != "AccessDenied" {
		accounts = append(accounts, call.Owners...)
	}
	if accounts[0] == "" {
		accounts = accounts[1:]
	}
	if len(accounts) > 1 {
		d.SharedEventID = uuid.NewString()
	}
	var events []state.Event
	for _, account := range accounts {
		if account != c.AccountID && c.Service == "" && !isServiceLinked(c.RoleARN) {
			d.UserIdentity = identity{Type: "AWSAccount", PrincipalID: c.UserID, AccountID: c.AccountID, InvokedBy: c.InvokedBy}
			d.ResponseElements = nil // the answer is the caller's
		}
		events = append(events, r.event(ctx, d, account, at, username(c), c.AccessKeyID))
	}
	return events
}

// isServiceLinked reports whether a role is a service's own. Other accounts see it whole: it is no secret of its account,
// and who shares a key finds in the record the principal that the key's policy names. That records of a source key show the
// destination's AWSServiceRoleForBackup is observed at
// https://www.tecracer.com/blog/2024/04/automating-cross-account-/-cross-region-backups-with-aws-backup-in-aws-organizations.html.
func isServiceLinked(roleARN string) bool {
	parsed, err := arn.Parse(roleARN)
	return err == nil && strings.HasPrefix(parsed.Resource, "role/aws-service-role/")
}

// event completes a record for the account that sees it.
func (r *Recorder) event(ctx context.Context, d document, accountID string, at time.Time, username, accessKeyID string) state.Event {
	d.EventID = newEventID()
	d.RecipientAccountID = accountID
	d.EventTime = at.UTC().Format(time.RFC3339)
	text, err := json.Marshal(d)
	if err != nil {
		r.config.Log.ErrorContext(ctx, "a record has no JSON form", slog.String("event", d.EventName), slog.Any("error", err))
	}
	e := state.Event{
		ID: d.EventID, AccountID: accountID, Region: d.AWSRegion, At: state.MicrosOf(at), Name: d.EventName, Source: d.EventSource,
		ReadOnly: d.ReadOnly, Username: username, AccessKeyID: accessKeyID, Document: string(text), Data: !d.ManagementEvent,
	}
	for _, res := range d.Resources {
		e.Resources = append(e.Resources, state.EventResource{Type: res.Type, Name: res.ARN})
		if short := shortName(res.ARN); short != res.ARN {
			e.Resources = append(e.Resources, state.EventResource{Type: res.Type, Name: short})
		}
	}
	return e
}

// serviceEvent makes the record of what a service did by itself.
func (r *Recorder) serviceEvent(ctx context.Context, source, accountID, region, name string, details map[string]any, failure *api.Error) state.Event {
	d := document{
		EventVersion:        recordVersion,
		UserIdentity:        identity{AccountID: accountID, InvokedBy: source},
		EventSource:         source,
		EventName:           name,
		AWSRegion:           region,
		SourceIPAddress:     source,
		UserAgent:           source,
		EventType:           "AwsServiceEvent",
		ManagementEvent:     true,
		ServiceEventDetails: details,
		EventCategory:       "Management",
	}
	if failure != nil {
		d.ErrorCode, d.ErrorMessage = errorOf(failure)
	}
	for _, key := range slices.Sorted(maps.Keys(details)) {
		if text, ok := details[key].(string); ok && strings.HasPrefix(text, "arn:") {
			d.Resources = append(d.Resources, resourceOf(text))
		}
	}
	return r.event(ctx, d, accountID, r.config.Clock.Now(), "", "")
}

// newEventID returns a uuid whose order is that of its making.
func newEventID() string {
	id, err := uuid.NewV7()
	if err != nil {
		panic("the machine has no random bytes: " + err.Error())
	}
	return id.String()
}

// errorOf is how CloudTrail names an error: refusals of all services alike.
func errorOf(err error) (code, message string) {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		return "InternalFailure", ""
	}
	switch e.Code {
	case "AccessDeniedException", "AccessDenied":
		return "AccessDenied", e.Message
	case "UnauthorizedOperation":
		return "Client.UnauthorizedOperation", e.Message
	}
	return e.Code, e.Message
}

func resourceOf(name string) resource {
	a, err := arn.Parse(name)
	if err != nil {
		return resource{ARN: name}
	}
	return resource{ARN: name, AccountID: a.AccountID, Type: resourceType(a)}
}

// resourceTypes are CloudTrail's names for what an ARN's service and type say.
var resourceTypes = map[string]string{
	"backup:backup-plan":    "AWS::Backup::BackupPlan",
	"backup:backup-vault":   "AWS::Backup::BackupVault",
	"backup:recovery-point": "AWS::Backup::RecoveryPoint",
	"ec2:image":             "AWS::EC2::Ami",
	"ec2:instance":          "AWS::EC2::Instance",
	"ec2:snapshot":          "AWS::EC2::Snapshot",
	"ec2:volume":            "AWS::EC2::Volume",
	"iam:instance-profile":  "AWS::IAM::InstanceProfile",
	"iam:policy":            "AWS::IAM::Policy",
	"iam:role":              "AWS::IAM::Role",
	"iam:user":              "AWS::IAM::User",
	"kms:alias":             "AWS::KMS::Alias",
	"kms:key":               "AWS::KMS::Key",
	"rds:cluster":           "AWS::RDS::DBCluster",
	"rds:db":                "AWS::RDS::DBInstance",
	"rds:snapshot":          "AWS::RDS::DBSnapshot",
}

func resourceType(a arn.ARN) string {
	kind, _ := a.Split()
	switch {
	case a.Service == "s3" && kind == "":
		return "AWS::S3::Bucket"
	case a.Service == "s3":
		return "AWS::S3::Object"
	}
	return resourceTypes[a.Service+":"+kind]
}

// shortName is the name that people know a resource by: the end of its ARN.
func shortName(name string) string {
	a, err := arn.Parse(name)
	if err != nil {
		return name
	}
	_, id := a.Split()
	switch a.Service {
	case "iam": // the path is no part of the name
		return id[strings.LastIndexByte(id, '/')+1:]
	case "s3", "kms":
		return a.Resource[strings.IndexByte(a.Resource, '/')+1:]
	}
	return id
}
