package ec2_test

import (
	"slices"
	"testing"

	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/google/go-cmp/cmp"

	. "strongroom/internal/resource/ebs/ebstest"
	"strongroom/internal/service/ec2"
)

// The tagging service sees volumes and snapshots by ARNs that name their account, and changes tags as the caller.
func TestTaggingProvider(t *testing.T) {
	t.Parallel()
	w := New(t)
	s, c := ec2.New(ec2.Config{DB: w.DB, Engine: w.Engine, Door: w.Door}), Admin(Member)
	snap := taken(w, awsec2.CreateVolumeInput{})
	volume := "arn:aws:ec2:" + Region + ":" + Member + ":volume/" + completedVolume(w, snap)
	snapshot := "arn:aws:ec2:" + Region + ":" + Member + ":snapshot/" + snap
	list := func() map[string]map[string]string {
		t.Helper()
		all, err := s.List(t.Context(), Member, Region)
		if err != nil {
			t.Fatal(err)
		}
		tags := map[string]map[string]string{}
		for _, r := range all {
			tags[r.ARN] = r.Tags
		}
		return tags
	}
	for _, resource := range []string{volume, snapshot} {
		if err := s.Tag(t.Context(), c, resource, map[string]string{"a": "1", "b": ""}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Untag(t.Context(), c, snapshot, []string{"a", "none"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]map[string]string{volume: {"a": "1", "b": ""}, snapshot: {"b": ""}}, list()); diff != "" {
		t.Errorf("the tags (-want +got)\n%s", diff)
	}
	before := list()
	for _, who := range []string{"nobody", "stranger"} {
		caller := User(Member, who)
		if who == "stranger" {
			caller = Admin(Vault)
		}
		if s.Tag(t.Context(), caller, volume, map[string]string{"c": "1"}) == nil || s.Untag(t.Context(), caller, volume, []string{"a"}) == nil {
			t.Errorf("%s changes tags", who)
		}
	}
	if diff := cmp.Diff(before, list()); diff != "" {
		t.Errorf("refused calls changed tags (-want +got)\n%s", diff)
	}
	if got := s.ResourceTypes(); !slices.Contains(got, "ec2:volume") || !slices.Contains(got, "ec2:snapshot") {
		t.Errorf("the types are %v", got)
	}
}

// completedVolume is the volume that a snapshot was taken of.
func completedVolume(w *World, snap string) string {
	w.T.Helper()
	return *completed(w, Admin(Member), snap).VolumeId
}
