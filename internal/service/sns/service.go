package sns

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"gocloud.dev/secrets"

	"strongroom/clock"
	"strongroom/internal/api"
	"strongroom/internal/page"
	"strongroom/internal/state"
)

// Principal is the service itself, as the policies of queues and keys name it.
const Principal = "sns.amazonaws.com"

// Config is what a [Service] needs.
type Config struct {
	DB     *state.DB
	Clock  clock.Clock // the service's time
	Door   *api.Door
	Keeper *secrets.Keeper // wraps the key that signs messages
	// Pages seals the tokens of lists and of confirmations, which must outlive the process.
	Pages *page.Sealer
	// Deliver keeps a delivery as part of a transaction.
	Deliver func(ctx context.Context, tx *state.Tx, d state.Delivery) error
	// Webhooks are the networks inside which endpoints are called, beside the public ones.
	Webhooks []netip.Prefix
	// Endpoint is the URL at which subscribers reach the service.
	Endpoint func() string
	Log      *slog.Logger
}

// Service is SNS. Its methods may be called at once.
type Service struct {
	Config
	client *http.Client

	mu     sync.Mutex
	signer *signer // made at its first use; guarded by mu
}

// New returns the service.
func New(c Config) *Service { return &Service{Config: c, client: newClient(c.Webhooks)} }

// API is the table of the operations.
func (s *Service) API() *api.Service {
	return &api.Service{
		Name: "sns", EventSource: Principal, AccessDenied: "AuthorizationError", AccessDeniedStatus: http.StatusForbidden,
		Authorization: authorization,
		Operations: []api.Operation{
			api.Op("", s.CreateTopic, s.createTopicAccess),
			api.Op("", s.ListTopics, anyResource[sns.ListTopicsInput]("ListTopics")),
			row(s, "GetTopicAttributes", s.GetTopicAttributes),
			row(s, "SetTopicAttributes", s.SetTopicAttributes),
			api.Op("", s.DeleteTopic, s.deleteTopicAccess),
			row(s, "AddPermission", s.AddPermission),
			row(s, "RemovePermission", s.RemovePermission),

			api.Op("", s.Publish, s.publishAccess).AsData(),
			row(s, "Publish", s.PublishBatch).AsData(),

			api.Op("", s.Subscribe, s.subscribeAccess),
			row(s, "ConfirmSubscription", s.ConfirmSubscription),
			api.Op("", s.Unsubscribe, s.unsubscribeAccess),
			api.Op("", s.GetSubscriptionAttributes, s.getSubscriptionAccess),
			api.Op("", s.SetSubscriptionAttributes, s.setSubscriptionAccess),
			api.Op("", s.ListSubscriptions, anyResource[sns.ListSubscriptionsInput]("ListSubscriptions")),
			row(s, "ListSubscriptionsByTopic", s.ListSubscriptionsByTopic),

			api.Op("", s.TagResource, s.tagAccess),
			row(s, "UntagResource", s.UntagResource),
			row(s, "ListTagsForResource", s.ListTagsForResource),
		},
	}
}
