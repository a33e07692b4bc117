package sns

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // signature version 1
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"strongroom/internal/state"
)

// signer signs messages, with a certificate of the service's own.
type signer struct {
	key         *rsa.PrivateKey
	certificate []byte // PEM
}

const (
	signerSetting   = "sns.signer" // PKCS #8, wrapped by the root key
	certificateName = "SimpleNotificationService.pem"
)

// openSigner returns the signer, and makes its key the first time.
func (s *Service) openSigner(ctx context.Context) (*signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.signer != nil {
		return s.signer, nil
	}
	var wrapped []byte
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		wrapped, err = tx.Setting(ctx, signerSetting)
		return err
	})
	if errors.Is(err, state.ErrNotFound) {
		wrapped, err = s.makeSigner(ctx)
	}
	if err != nil {
		return nil, err
	}
	der, err := s.Keeper.Decrypt(ctx, wrapped)
	if err != nil {
		return nil, fmt.Errorf("opening the key that signs messages: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the key that signs messages is a %T", parsed)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	s.signer = &signer{key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})}
	return s.signer, nil
}

func (s *Service) makeSigner(ctx context.Context) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	wrapped, err := s.Keeper.Encrypt(ctx, der)
	if err != nil {
		return nil, err
	}
	return wrapped, s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error { return tx.PutSetting(ctx, signerSetting, wrapped) })
}

func (s *Service) serveCertificate(w http.ResponseWriter, r *http.Request) {
	signer, err := s.openSigner(r.Context())
	if err != nil {
		http.Error(w, "InternalError", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(signer.certificate) // the client went away
}

// sign signs a message as its topic's SignatureVersion says.
func (s *Service) sign(k *signer, t state.Topic, m *message) error {
	m.SignatureVersion, m.SigningCertURL = "1", s.Endpoint()+Links+certificateName
	hash, sum := crypto.SHA1, sha1.Sum(m.canonical()) //nolint:gosec // signature version 1
	digest := sum[:]
	if t.Attributes["SignatureVersion"] == "2" {
		m.SignatureVersion, hash = "2", crypto.SHA256
		sum := sha256.Sum256(m.canonical())
		digest = sum[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.key, hash, digest)
	m.Signature = base64.StdEncoding.EncodeToString(signature)
	return err
}
