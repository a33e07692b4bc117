package logs

import (
	"context"
	"crypto/cipher"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// Principal is the service itself.
const Principal = "logs.amazonaws.com"

// Config is what a [Service] needs.
type Config struct {
	DB    *state.DB // of [state.OpenLogs]
	Door  *api.Door
	Pages *page.Sealer
	// Seal seals events at rest. It must stay the same.
	Seal cipher.AEAD
	Log  *slog.Logger
}

// Service is CloudWatch Logs. Its methods may be called at once.
type Service struct {
	Config
	intake intake
}

// New returns the service.
func New(c Config) *Service { return &Service{Config: c} }

// Close waits for what is being written.
func (s *Service) Close() { s.intake.work.Wait() }

// API is the table of the operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "logs", EventSource: Principal, AccessDenied: "AccessDeniedException", AccessDeniedStatus: http.StatusBadRequest, Authorization: authorization,
		Operations: []api.Operation{
			api.Op("", s.CreateLogGroup, s.createGroupAccess),
			groupRow(s, "DeleteLogGroup", s.DeleteLogGroup),
			api.Op("", s.DescribeLogGroups, func(_ context.Context, c *api.Caller, _ *cloudwatchlogs.DescribeLogGroupsInput) ([]api.Access, error) {
				return []api.Access{{Action: "logs:DescribeLogGroups", Resource: groupARN(c.AccountID, c.Region, "") + ":log-stream:"}}, nil
			}),
			api.Op("", s.ListLogGroups, func(context.Context, *api.Caller, *cloudwatchlogs.ListLogGroupsInput) ([]api.Access, error) {
				return []api.Access{{Action: "logs:ListLogGroups", Resource: "*"}}, nil
			}),
			groupRow(s, "PutRetentionPolicy", s.PutRetentionPolicy),
			groupRow(s, "DeleteRetentionPolicy", s.DeleteRetentionPolicy),
			groupRow(s, "PutLogGroupDeletionProtection", s.PutLogGroupDeletionProtection),

			groupRow(s, "CreateLogStream", s.CreateLogStream),
			streamRow(s, "DeleteLogStream", s.DeleteLogStream),
			groupRow(s, "DescribeLogStreams", s.DescribeLogStreams),

			streamRow(s, "PutLogEvents", s.PutLogEvents).AsData(),
			streamRow(s, "GetLogEvents", s.GetLogEvents),
			groupRow(s, "FilterLogEvents", s.FilterLogEvents).AsReadOnly(),

			api.Op("", s.TagResource, s.tagAccess), api.Op("", s.UntagResource, s.untagAccess), api.Op("", s.ListTagsForResource, s.listTagsAccess),
			api.Op("", s.TagLogGroup, s.tagGroupAccess), api.Op("", s.UntagLogGroup, s.untagGroupAccess),
			groupRow(s, "ListTagsLogGroup", s.ListTagsLogGroup),
		},
	}
}
