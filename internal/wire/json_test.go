package wire_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"strongroom/internal/api"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestKMS(t *testing.T) {
	t.Parallel()
	var got kms.EncryptInput
	h := newHouse(t, &api.Service{Name: "kms", Operations: []api.Operation{
		echo("", &got, &kms.EncryptOutput{CiphertextBlob: []byte{0, 1, 255}}),
		op("", func(*kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
			return nil, api.Errorf("NotFoundException", "Key 'x' does not exist")
		}),
		op("", func(*kms.DisableKeyInput) (*kms.DisableKeyOutput, error) { return &kms.DisableKeyOutput{}, nil }),
	}})
	c := kms.NewFromConfig(h.config())
	out, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String("k"), Plaintext: []byte("hidden"), EncryptionContext: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if string(out.CiphertextBlob) != "\x00\x01\xff" || string(got.Plaintext) != "hidden" || got.EncryptionContext["a"] != "b" {
		t.Errorf("got %+v, answered %v", got, out.CiphertextBlob)
	}
	if _, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: aws.String("k")}); err != nil {
		t.Error(err)
	}
	_, err = c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("x")})
	var missing *types.NotFoundException
	wantCode(t, err, "NotFoundException", "does not exist")
	if !asError(err, &missing) {
		t.Errorf("got %T, want the SDK's own type", err)
	}
	_, err = c.ListAliases(t.Context(), nil)
	wantCode(t, err, "NotImplemented", "kms:ListAliases")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String(strings.Repeat("k", 3000)), Plaintext: []byte("x")})
	wantCode(t, err, "ValidationException", "keyId", "2048")
}
