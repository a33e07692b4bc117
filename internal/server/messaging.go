package server

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"net/http"
	"strings"

	"gocloud.dev/secrets"

	"strongroom/internal/page"
	"strongroom/internal/service/delivery"
	"strongroom/internal/service/events"
	"strongroom/internal/service/kms"
	"strongroom/internal/service/sns"
	"strongroom/internal/service/sqs"
	"strongroom/internal/service/sts"
)

// messaging are the services that pass messages on, and what brings them.
type messaging struct {
	queues *sqs.Service
	topics *sns.Service
	buses  *events.Service
	outbox *delivery.Outbox
}

// openMessaging constructs them. Nothing is brought before start.
func (s *Server) openMessaging(ctx context.Context, keeper *secrets.Keeper, pages *page.Sealer, keys *kms.Service, sessions *sts.Service) (m messaging, err error) {
	seal, err := s.seal(ctx, keeper, "messages.key")
	if err != nil {
		return m, err
	}
	m.outbox = delivery.New(delivery.Config{DB: s.db, Clock: s.clock, Door: s.door, Seal: seal, AssumeForService: sessions.AssumeForService, Log: s.log})
	m.queues = sqs.New(sqs.Config{DB: s.db, Clock: s.clock, Door: s.door, Seal: seal, Pages: pages, EnsureManagedKey: keys.EnsureManagedKey, MostInFlight: int64(s.config.Quotas.MessagesInFlight), Log: s.log})
	m.topics = sns.New(sns.Config{
		DB: s.db, Clock: s.clock, Door: s.door, Keeper: keeper, Pages: pages, Deliver: m.outbox.Put, Webhooks: s.config.Webhooks.Allow, Endpoint: s.Endpoint, Log: s.log,
	})
	m.buses = events.New(events.Config{DB: s.db, Clock: s.clock, Door: s.door, Pages: pages, Deliver: m.outbox.Put, Log: s.log})
	m.outbox.PutOnBus, m.outbox.Post = m.buses.Forward, m.topics.Post
	return m, nil
}

// startMessaging begins to bring messages, once their links can be followed.
func (s *Server) startMessaging(ctx context.Context, m messaging) error {
	if err := m.queues.Start(ctx); err != nil {
		return err
	}
	s.onClose("queues", func(context.Context) error { m.queues.Close(); return nil }) // before requests: it ends those that wait
	if err := m.outbox.Start(ctx); err != nil {
		return err
	}
	s.onClose("deliveries", m.outbox.Stop)
	return nil
}

// links answers the links in messages, and leaves all else to the services.
func (m messaging) links(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, sns.Links) {
			m.topics.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// seal opens what seals a service's data under a key of its own, which is kept.
func (s *Server) seal(ctx context.Context, keeper *secrets.Keeper, name string) (cipher.AEAD, error) {
	key, err := keptKey(ctx, s.db, keeper, name)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
