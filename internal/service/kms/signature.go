package kms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of signatures
	_ "crypto/sha512"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secpecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"strongroom/internal/api"
)

// scheme is how a signing algorithm signs.
// https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html#key-spec-rsa-sign
type scheme struct {
	hash crypto.Hash
	pss  bool
	// rawOnly and digestOnly tell the one kind of message that an algorithm of Ed25519 takes.
	rawOnly, digestOnly bool
}

var schemes = map[types.SigningAlgorithmSpec]scheme{
	types.SigningAlgorithmSpecRsassaPssSha256:      {hash: crypto.SHA256, pss: true},
	types.SigningAlgorithmSpecRsassaPssSha384:      {hash: crypto.SHA384, pss: true},
	types.SigningAlgorithmSpecRsassaPssSha512:      {hash: crypto.SHA512, pss: true},
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha256: {hash: crypto.SHA256},
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha384: {hash: crypto.SHA384},
	types.SigningAlgorithmSpecRsassaPkcs1V15Sha512: {hash: crypto.SHA512},
	types.SigningAlgorithmSpecEcdsaSha256:          {hash: crypto.SHA256},
	types.SigningAlgorithmSpecEcdsaSha384:          {hash: crypto.SHA384},
	types.SigningAlgorithmSpecEcdsaSha512:          {hash: crypto.SHA512},
	types.SigningAlgorithmSpecEd25519Sha512:        {rawOnly: true},
	types.SigningAlgorithmSpecEd25519PhSha512:      {hash: crypto.SHA512, digestOnly: true},
}

// digest is what an algorithm signs of a message: its hash, the hash that it is, or itself.
func (s scheme) digest(a types.SigningAlgorithmSpec, message []byte, kind types.MessageType) ([]byte, error) {
	switch kind {
	case types.MessageTypeRaw:
		if s.digestOnly {
			return nil, api.Errorf("ValidationException", "MessageType %s is not compatible with the signing algorithm %s.", kind, a)
		}
		if s.rawOnly {
			return message, nil
		}
		h := s.hash.New()
		h.Write(message)
		return h.Sum(nil), nil
	case types.MessageTypeDigest:
		if s.rawOnly {
			return nil, api.Errorf("ValidationException", "MessageType %s is not compatible with the signing algorithm %s.", kind, a)
		}
		if len(message) != s.hash.Size() {
			return nil, api.Errorf("ValidationException", "Digest is invalid length for algorithm %s.", a)
		}
		return message, nil
	default:
		return nil, api.Errorf("ValidationException", "MessageType %s is not compatible with the signing algorithm %s.", kind, a)
	}
}

func (s scheme) sign(private any, digest []byte) ([]byte, error) {
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if s.pss {
			return rsa.SignPSS(rand.Reader, p, s.hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(nil, p, s.hash, digest)
	case *ecdsa.PrivateKey:
		return ecdsa.SignASN1(rand.Reader, p, digest)
	case *secp256k1.PrivateKey:
		return secpecdsa.Sign(p, digest).Serialize(), nil
	case ed25519.PrivateKey:
		return p.Sign(nil, digest, &ed25519.Options{Hash: s.hash})
	default:
		return nil, fmt.Errorf("a %T cannot sign", private)
	}
}

// verify reports whether a signature of the digest is right.
func (s scheme) verify(private any, digest, signature []byte) bool {
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if s.pss {
			return rsa.VerifyPSS(&p.PublicKey, s.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(&p.PublicKey, s.hash, digest, signature) == nil
	case *ecdsa.PrivateKey:
		return ecdsa.VerifyASN1(&p.PublicKey, digest, signature)
	case *secp256k1.PrivateKey:
		parsed, err := secpecdsa.ParseDERSignature(signature)
		return err == nil && parsed.Verify(digest, p.PubKey())
	case ed25519.PrivateKey:
		public, ok := p.Public().(ed25519.PublicKey)
		return ok && ed25519.VerifyWithOptions(public, digest, signature, &ed25519.Options{Hash: s.hash}) == nil
	default:
		return false
	}
}
