package cloudtrail

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

func TestParameters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in   any
		want string
	}{
		"nothing":            {nil, `null`},
		"nothing set":        {&kms.ListKeysInput{}, `null`},
		"an answer of none":  {(*kms.ListKeysOutput)(nil), `null`},
		"numbers and text":   {&kms.ListKeysInput{Limit: new(int32(5)), Marker: new("ä\"\n")}, `{"limit":5,"marker":"ä\"\n"}`},
		"a map, sorted":      {&kms.DecryptInput{EncryptionContext: map[string]string{"b": "2", "a": `"1"`}}, `{"encryptionContext":{"a":"\"1\"","b":"2"}}`},
		"bytes only":         {&kms.DecryptInput{CiphertextBlob: []byte("sealed")}, `null`},
		"bytes after others": {&kms.EncryptInput{KeyId: new("k"), Plaintext: []byte("x"), DryRun: new(false)}, `{"keyId":"k","dryRun":false}`},
		"lists of structs": {
			&kms.TagResourceInput{Tags: []kmstypes.Tag{{TagKey: new("a"), TagValue: new("")}, {TagKey: new("b")}}},
			`{"tags":[{"tagKey":"a","tagValue":""},{"tagKey":"b"}]}`,
		},
		"enumerations": {&kms.CreateGrantInput{Operations: []kmstypes.GrantOperation{"Decrypt"}}, `{"operations":["Decrypt"]}`},
		"a stream":     {&ebs.PutSnapshotBlockInput{BlockData: strings.NewReader("data"), BlockIndex: new(int32(0))}, `{"blockIndex":0}`},
		"secrets and times": {
			&sts.AssumeRoleOutput{Credentials: &types.Credentials{
				AccessKeyId: new("ASIA"), SecretAccessKey: new("s"), SessionToken: new("t"),
				Expiration: new(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)),
			}},
			`{"credentials":{"accessKeyId":"ASIA","expiration":"2026-01-02T03:04:05Z",` +
				`"secretAccessKey":"HIDDEN_DUE_TO_SECURITY_REASONS","sessionToken":"HIDDEN_DUE_TO_SECURITY_REASONS"}}`,
		},
		"too long": {
			&kms.PutKeyPolicyInput{Policy: new(strings.Repeat("x", maxParameters))},
			`{"omitted":true,"originalSize":102413,"reason":"size exceeds the limit"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := parameters(test.in)
			if string(got) != test.want {
				t.Errorf("printed as %s, want %s", got, test.want)
			}
			if !json.Valid(got) {
				t.Errorf("%s is not JSON", got)
			}
		})
	}
}

func TestResources(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"arn:aws:s3:::photos":                                      {"AWS::S3::Bucket", "photos"},
		"arn:aws:s3:::photos/a/b":                                  {"AWS::S3::Object", "a/b"},
		"arn:aws:iam::111111111111:role/service-role/R":            {"AWS::IAM::Role", "R"},
		"arn:aws:kms:eu-central-1:111111111111:alias/a/b":          {"AWS::KMS::Alias", "a/b"},
		"arn:aws:backup:eu-central-1:111111111111:backup-vault:v":  {"AWS::Backup::BackupVault", "v"},
		"arn:aws:ec2:eu-central-1::snapshot/snap-1":                {"AWS::EC2::Snapshot", "snap-1"},
		"arn:aws:organizations::111111111111:account/o-1/22222222": {"", "o-1/22222222"},
		"no ARN": {"", "no ARN"},
	} {
		if got := [2]string{resourceOf(name).Type, shortName(name)}; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
