package events

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// Principal is the service itself, as the policies of targets and roles name it.
const Principal = "events.amazonaws.com"

// Config is what a [Service] needs.
type Config struct {
	DB    *state.DB
	Clock clock.Clock // the service's time, by which schedules run
	Door  *api.Door
	Pages *page.Sealer
	// Deliver keeps a delivery as part of a transaction.
	Deliver func(ctx context.Context, tx *state.Tx, d state.Delivery) error
	Log     *slog.Logger
}

// Service is EventBridge. Its methods may be called at once.
type Service struct {
	Config
	patterns patterns
}

// New returns the service. Its schedules run when RunDue is called.
func New(c Config) *Service { return &Service{Config: c} }

// API is the table of the operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "events", EventSource: Principal, AccessDenied: "AccessDeniedException", AccessDeniedStatus: http.StatusBadRequest, Authorization: authorization,
		Operations: []api.Operation{
			api.Op("", s.CreateEventBus, s.createBusAccess),
			api.Op("", s.DescribeEventBus, s.describeBusAccess),
			api.Op("", s.UpdateEventBus, s.updateBusAccess),
			api.Op("", s.DeleteEventBus, s.deleteBusAccess),
			api.Op("", s.ListEventBuses, anyResource[eventbridge.ListEventBusesInput]("ListEventBuses")),
			api.Op("", s.PutPermission, anyResource[eventbridge.PutPermissionInput]("PutPermission")),
			api.Op("", s.RemovePermission, anyResource[eventbridge.RemovePermissionInput]("RemovePermission")),

			api.Op("", s.PutEvents, s.putEventsAccess).AsData(),
			api.Op("", s.TestEventPattern, anyResource[eventbridge.TestEventPatternInput]("TestEventPattern")).AsReadOnly(),

			api.Op("", s.PutRule, s.putRuleAccess),
			ruleRow(s, s.DescribeRule), ruleRow(s, s.DeleteRule), ruleRow(s, s.EnableRule), ruleRow(s, s.DisableRule),
			api.Op("", s.ListRules, anyResource[eventbridge.ListRulesInput]("ListRules")),
			api.Op("", s.ListRuleNamesByTarget, anyResource[eventbridge.ListRuleNamesByTargetInput]("ListRuleNamesByTarget")),
			api.Op("", s.PutTargets, s.putTargetsAccess),
			ruleRow(s, s.RemoveTargets), ruleRow(s, s.ListTargetsByRule),

			api.Op("", s.TagResource, s.tagAccess),
			api.Op("", s.UntagResource, s.untagAccess),
			api.Op("", s.ListTagsForResource, s.listTagsAccess),
		},
	}
}
