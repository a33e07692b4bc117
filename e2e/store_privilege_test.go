package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"strongroom/archive"
	"strongroom/archive/archivetest"
	"strongroom/archive/s3store"
	"strongroom/internal/server"
	"strongroom/internal/strongroomtest"
)

// storePolicy is the policy that docs/running.md gives to whoever keeps a Region in a bucket.
func storePolicy(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../docs/running.md")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile("(?s)```json\n(\\{\"Version\".*?)```").FindSubmatch(page)
	if text == nil {
		t.Fatal("docs/running.md has no policy for stores")
	}
	var policy struct {
		Statement []struct {
			Action   []string
			Resource string
		}
	}
	if err := json.Unmarshal(text[1], &policy); err != nil {
		t.Fatal(err)
	}
	actions := map[string][]string{}
	for _, s := range policy.Statement {
		actions[s.Resource] = s.Action
	}
	return actions
}

// The policy that the documentation gives for a Region's bucket suffices, and each action of it is needed.
func TestStorePolicyIsLeast(t *testing.T) {
	holder := strongroomtest.New(t)
	held := newParty(server.BackupAccount, holder.AWS(t, "backup", server.HomeRegion))
	held.bucket(t, "the-store", "")
	user := held.user(t, "keeper")
	key, err := user.config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	t.Setenv("AWS_REGION", server.HomeRegion)
	documented := storePolicy(t)
	allow := func(without string) {
		t.Helper()
		var statements []statement
		for _, resource := range slices.Sorted(maps.Keys(documented)) {
			actions := slices.DeleteFunc(slices.Clone(documented[resource]), func(a string) bool { return a == without })
			if len(actions) > 0 {
				statements = append(statements, statement{"Effect": "Allow", "Action": actions, "Resource": resource})
			}
		}
		must(held.iam.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("keeper"), PolicyName: aws.String("store"), PolicyDocument: policy(statements...)}))(t, "allowing the user")
	}
	place := url.URL{Scheme: "s3", Host: "the-store", RawQuery: url.Values{"endpoint": {holder.Endpoint()}, "prefix": {"north/"}, "patience": {"1s"}}.Encode()}
	ring := archivetest.NewKeyring()
	life := func(n int) error {
		s, err := s3store.Open(t.Context(), &place)
		if err != nil {
			return err
		}
		return liveInStore(t.Context(), archive.OpenVault(archive.NewReadAhead(s, 0), "v", archive.Options{}), ring, fmt.Sprint("point-", n))
	}
	allow("")
	if err := life(0); err != nil {
		t.Fatalf("under the documented policy: %v", err)
	}
	cut := 0
	for _, actions := range documented {
		for _, action := range actions {
			cut++
			allow(action)
			err := life(cut)
			var told *s3store.Error
			if !errors.As(err, &told) {
				t.Errorf("without %s: %v, want a denial", action, err)
			}
		}
	}
	if cut != 4 {
		t.Errorf("%d actions are documented, want 4", cut)
	}
}

// liveInStore does all that a vault's life asks of a store.
func liveInStore(ctx context.Context, v *archive.Vault, ring archive.Keyring, point string) error {
	d, err := v.Domain(ctx, "key", ring)
	if err != nil {
		return err
	}
	w, err := d.NewWriter(ctx, archive.WriteOptions{Point: point, Kind: archive.Objects})
	if err != nil {
		return err
	}
	defer w.Abort()
	body := []byte("the sea at " + point)
	if err := w.Put(ctx, []byte("sea"), nil, bytes.NewReader(body), int64(len(body))); err != nil {
		return err
	}
	if _, err := w.Commit(ctx); err != nil {
		return err
	}
	p, err := d.Open(ctx, point)
	if err != nil {
		return err
	}
	e, err := p.Entry(ctx, []byte("sea"))
	if err != nil {
		return err
	}
	if got, err := io.ReadAll(e.Open(ctx)); err != nil || !bytes.Equal(got, body) {
		return fmt.Errorf("read %q: %w", got, err)
	}
	if err := v.Delete(ctx, d.Info().ID, point); err != nil {
		return err
	}
	rings := func(context.Context, archive.DomainInfo) (archive.Keyring, error) { return ring, nil }
	done, err := v.Collect(ctx, rings, archive.CollectOptions{Margin: -1})
	for _, s := range done.Skipped {
		err = errors.Join(err, s.Err)
	}
	return err
}
