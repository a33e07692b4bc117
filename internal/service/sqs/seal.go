package sqs

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// content is what of a message is sealed.
type content struct {
	Body       string                                 `json:"body"`
	Attributes map[string]types.MessageAttributeValue `json:"attributes,omitempty"`
	Trace      string                                 `json:"trace,omitempty"` // AWSTraceHeader
}

// dataKey seals the messages of one call.
type dataKey struct {
	aead    cipher.AEAD
	wrapped []byte
	keyARN  string
}

// keyContext is what KMS binds the data keys of a queue to.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html
func keyContext(queueARN string) map[string]string {
	return map[string]string{"aws:sqs:arn": queueARN}
}

// newKey returns what seals messages for a queue: a new data key of the queue's KMS key, made as the sender, or the
// service's own. The sender must be able to decrypt as well, as AWS asks of producers.
func (s *Service) newKey(ctx context.Context, c *api.Caller, q state.Queue) (dataKey, error) {
	id := q.Attributes["KmsMasterKeyId"]
	if id == "" {
		return dataKey{aead: s.Seal}, nil
	}
	id, err := s.keyID(ctx, q, id)
	if err != nil {
		return dataKey{}, err
	}
	out, err := api.Call[kms.GenerateDataKeyOutput](ctx, s.Door, c.Through(Principal, q.Region), &kms.GenerateDataKeyInput{
		KeyId: &id, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: keyContext(q.ARN),
	})
	if err != nil {
		return dataKey{}, kmsFailure(err)
	}
	k := dataKey{wrapped: out.CiphertextBlob, keyARN: *out.KeyId}
	if k.aead, err = s.unwrap(ctx, c, q.Region, k.wrapped, k.keyARN, q.ARN); err != nil {
		return dataKey{}, err
	}
	return k, nil
}

// keyID is the name of a queue's key that other accounts' senders can use, too.
func (s *Service) keyID(ctx context.Context, q state.Queue, id string) (string, error) {
	if id == "alias/aws/sqs" && s.EnsureManagedKey != nil {
		return s.EnsureManagedKey(ctx, q.AccountID, q.Region, "aws/sqs")
	}
	switch {
	case strings.HasPrefix(id, "arn:"):
		return id, nil
	case strings.HasPrefix(id, "alias/"):
		return "arn:aws:kms:" + q.Region + ":" + q.AccountID + ":" + id, nil
	}
	return "arn:aws:kms:" + q.Region + ":" + q.AccountID + ":key/" + id, nil
}

func (s *Service) unwrap(ctx context.Context, c *api.Caller, region string, wrapped []byte, keyARN, queueARN string) (cipher.AEAD, error) {
	out, err := api.Call[kms.DecryptOutput](ctx, s.Door, c.Through(Principal, region), &kms.DecryptInput{
		KeyId: &keyARN, CiphertextBlob: wrapped, EncryptionContext: keyContext(queueARN),
	})
	if err != nil {
		return nil, kmsFailure(err)
	}
	block, err := aes.NewCipher(out.Plaintext)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal sets the sealed body of a message, bound to its id and queue.
func (k dataKey) seal(m *state.Message, v content) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	m.Body = k.aead.Seal(nil, nil, text, []byte(m.SealedFor+"/"+m.ID))
	m.WrappedKey, m.KeyARN = k.wrapped, k.keyARN
	return nil
}

// opener opens messages as one receiver, and asks KMS once for each data key.
type opener struct {
	s      *Service
	caller *api.Caller
	region string
	keys   map[string]cipher.AEAD // by wrapped key
}

func (o *opener) open(ctx context.Context, m state.Message) (content, error) {
	aead := o.s.Seal
	if len(m.WrappedKey) > 0 {
		if aead = o.keys[string(m.WrappedKey)]; aead == nil {
			var err error
			if aead, err = o.s.unwrap(ctx, o.caller, o.region, m.WrappedKey, m.KeyARN, m.SealedFor); err != nil {
				return content{}, err
			}
			o.keys[string(m.WrappedKey)] = aead
		}
	}
	var v content
	text, err := aead.Open(nil, nil, m.Body, []byte(m.SealedFor+"/"+m.ID))
	if err != nil {
		return v, fmt.Errorf("opening message %s of %s: %w", m.ID, m.QueueARN, err)
	}
	return v, json.Unmarshal(text, &v)
}
