package e2e

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	backuptypes "github.com/aws/aws-sdk-go-v2/service/backup/types"

	"strongroom/iampolicy"
)

// scenarios are what the example policies are for, by name.
func scenarios(w *solution, plan string) map[string]func() result {
	toBackupAccount, toMember := w.b.vaultARN("backup-vault"), w.m.vaultARN("member-vault")
	return map[string]func() result{
		"backing the bucket up":                  func() result { return w.backup(w.operator, w.bucket) },
		"backing the volume up":                  func() result { return w.backup(w.operator, w.volume) },
		"deleting the volume's recovery point":   w.remove,
		"selecting by tag":                       func() result { return w.selectByTag(w.m, plan) },
		"copying the bucket":                     func() result { return w.copy(w.operator, w.local["S3"], "member-vault", toBackupAccount) },
		"copying the volume":                     func() result { return w.copy(w.operator, w.local["EBS"], "member-vault", toBackupAccount) },
		"copying the bucket back":                func() result { return w.copy(w.b, w.there["S3"], "backup-vault", toMember) },
		"copying the volume back":                func() result { return w.copy(w.b, w.there["EBS"], "backup-vault", toMember) },
		"copying the bucket on":                  func() result { return w.secondHop("S3") },
		"copying the volume on":                  func() result { return w.secondHop("EBS") },
		"restoring the bucket":                   func() result { return w.restore(w.operator, w.back["S3"]) },
		"restoring the volume":                   func() result { return w.restore(w.operator, w.back["EBS"]) },
		"backing the database up":                func() result { return w.backup(w.operator, w.databaseARN()) },
		"backing the cluster up":                 func() result { return w.backup(w.operator, w.clusterARN()) },
		"deleting the database's recovery point": func() result { return w.removeOf(w.databaseARN()) },
		"deleting the cluster's recovery point":  func() result { return w.removeOf(w.clusterARN()) },
		"copying the database":                   func() result { return w.outOf("RDS") },
		"copying the cluster":                    func() result { return w.outOf("Aurora") },
		"copying the database on":                func() result { return w.secondHop("RDS") },
		"copying the cluster on":                 func() result { return w.secondHop("Aurora") },
		"bringing the database to its Region":    func() result { return w.homeOf("RDS") },
		"bringing the cluster to its Region":     func() result { return w.homeOf("Aurora") },
		"copying the database back":              func() result { return w.backOf("RDS") },
		"copying the cluster back":               func() result { return w.backOf("Aurora") },
		"restoring the database":                 w.restoreDatabase,
		"restoring the cluster":                  w.restoreCluster,
		"rolling out":                            w.rollOut,
		"looking for missed hops":                w.reconcile,
		"looking after the bucket's copy":        func() result { return w.lookAfter("S3") },
		"looking after the volume's copy":        func() result { return w.lookAfter("EBS") },
		"looking after the database's copy":      func() result { return w.lookAfter("RDS") },
		"looking after the cluster's copy":       func() result { return w.lookAfter("Aurora") },
		"reading the queue":                      w.readQueue,
	}
}

// needed says which scenarios each example is for, those that need most of it first.
var needed = map[string][]string{
	"job-trust.json":          {"backing the bucket up"},
	"job-backup-s3.json":      {"backing the bucket up"},
	"job-backup-ebs.json":     {"backing the volume up", "deleting the volume's recovery point"},
	"job-backup-rds.json":     {"backing the database up"},
	"job-volume-keys.json":    {"backing the volume up"},
	"job-select-by-tag.json":  {"selecting by tag"},
	"job-backup-cluster.json": {"backing the cluster up"},
	"job-copy-member.json":    {"copying the bucket", "copying the volume", "copying the database", "copying the cluster"},
	"job-copy-backup-account.json": {
		"copying the bucket back", "copying the volume back", "bringing the database to its Region", "copying the bucket on", "copying the volume on", "copying the database on",
		"bringing the cluster to its Region", "copying the cluster on",
	},
	"job-restore-s3.json":            {"restoring the bucket"},
	"job-restore-ebs.json":           {"restoring the volume"},
	"job-restore-rds.json":           {"restoring the database"},
	"job-restore-cluster.json":       {"restoring the cluster"},
	"job-restore-database-keys.json": {"restoring the database"},
	"vault-backup-account.json":      {"copying the bucket"},
	"vault-member.json":              {"copying the bucket back"},
	"key-resource.json":              {"copying the volume"},
	"key-member-vault.json":          {"copying the bucket"},
	"key-backup-vault.json":          {"copying the bucket back"},
	"caller-operator.json":           {"backing the bucket up", "copying the bucket", "restoring the bucket", "copying the volume", "restoring the volume", "copying the database", "copying the cluster"},
	"caller-rollout.json":            {"rolling out"},
	"copier.json":                    {"looking for missed hops", "copying the bucket on", "copying the volume on", "copying the database on", "copying the cluster on"},
	"copier-settle.json":             {"looking after the bucket's copy", "looking after the volume's copy", "looking after the database's copy", "looking after the cluster's copy"},
	"copier-queue.json":              {"reading the queue"},
}

// TestLeastPrivilege takes every action, every one of several resources and every principal out of each example policy, one
// at a time, and sees a scenario break that the policy is for: nothing in the examples is superfluous. What the conditions
// keep out, each of them alone, [TestExampleConditions] shows.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	w := newSolution(t)
	do := scenarios(w, w.m.plan(t, "selecting", backuptypes.BackupRuleInput{TargetBackupVaultName: aws.String("member-vault"), ScheduleExpression: aws.String(inHalfADay())}))
	for _, name := range slices.Sorted(maps.Keys(do)) {
		if got := do[name]().ended; got != completed {
			t.Fatalf("%s with all of the examples: %+v", name, got)
		}
	}
	for _, file := range exampleFiles(t) {
		whole := example(t, file)
		for _, cut := range cuts(t, whole) {
			t.Run(strings.TrimSuffix(file, ".json")+"/"+cut.name, func(t *testing.T) {
				w.t = t
				if err := w.put(file, cut.document); err != nil {
					if strings.HasPrefix(file, "key-") && refusal(err).Category == "MalformedPolicyDocumentException" {
						t.Logf("KMS does not take the key policy: %v", err) // nobody could change it any more
						return
					}
					t.Fatalf("it cannot be taken out: %v", err)
				}
				defer func() {
					if err := w.put(file, whole); err != nil {
						t.Fatalf("putting it back: %v", err)
					}
				}()
				for _, name := range likeliest(needed[file], cut.name) {
					if got := do[name]().ended; got != completed {
						if got.State == "REFUSED" && cut.action != "" && !strings.Contains(got.Message, cut.action) {
							t.Errorf("%s: %s, which does not speak of %s", name, got.Message, cut.action)
						}
						return
					}
				}
				t.Errorf("nothing breaks without it: it is superfluous")
			})
		}
	}
	w.t = t
	for _, name := range slices.Sorted(maps.Keys(do)) {
		if got := do[name]().ended; got != completed {
			t.Errorf("%s when everything is there again: %+v", name, got)
		}
	}
}

// likeliest are scenarios in an order in which those come first that a cut speaks of: what it breaks shows sooner.
func likeliest(scenarios []string, cut string) []string {
	for _, of := range []struct{ resource, scenario string }{{":cluster-snapshot:", "cluster"}, {":snapshot:awsbackup", "database"}, {":ec2:", "volume"}, {"rds:", "database"}} {
		if strings.Contains(cut, of.resource) {
			speaks := func(name string) int {
				if strings.Contains(name, of.scenario) {
					return 0
				}
				return 1
			}
			return slices.SortedStableFunc(slices.Values(scenarios), func(a, b string) int { return speaks(a) - speaks(b) })
		}
	}
	return scenarios
}

// exampleFiles lists the examples, each of which must have a place in the solution.
func exampleFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, entry := range must(os.ReadDir(examples))(t, "listing the examples") {
		if policyFiles[entry.Name()] == nil || needed[entry.Name()] == nil {
			t.Errorf("the example %s is nowhere used", entry.Name())
			continue
		}
		files = append(files, entry.Name())
	}
	if len(files) != len(policyFiles) || len(files) != len(needed) {
		t.Errorf("%d examples are there, %d are used and %d needed", len(files), len(policyFiles), len(needed))
	}
	return files
}

// cut is a policy that lacks something.
type cut struct {
	name     string // of what is missing: Statement/Action
	action   string // if it is one
	document string
}

// cuts are all policies that lack one action, resource or principal of the whole one.
func cuts(t *testing.T, whole string) []cut {
	t.Helper()
	var all []cut
	for i, s := range parse(t, whole).Statement {
		sid, _ := s["Sid"].(string)
		if sid == "" {
			t.Errorf("statement %d has no Sid", i)
		}
		lacking := func(name, element string, left []any) {
			p := parse(t, whole)
			if len(left) == 0 {
				p.Statement = slices.Delete(p.Statement, i, i+1)
			} else {
				p.Statement[i][element] = left
			}
			all = append(all, cut{name: sid + "/" + name, document: p.text(t)})
		}
		actions, ok := s["Action"].([]any)
		if !ok {
			t.Errorf("statement %s has no list of actions", sid)
		}
		for j, action := range actions {
			lacking(action.(string), "Action", slices.Delete(slices.Clone(actions), j, j+1))
			all[len(all)-1].action = action.(string)
		}
		if resources, several := s["Resource"].([]any); several {
			for j, resource := range resources {
				lacking(strings.ReplaceAll(resource.(string), "/", "|"), "Resource", slices.Delete(slices.Clone(resources), j, j+1))
			}
		}
		if s["Principal"] != nil {
			p := parse(t, whole)
			p.Statement[i]["Principal"] = map[string]any{"AWS": "arn:aws:iam::" + management + ":root"}
			all = append(all, cut{name: sid + "/Principal", document: p.text(t)})
		}
	}
	return all
}

// TestExampleConditions takes every condition out of each example, one at a time, and sees a request allowed that the whole
// policy does not allow: one that differs in the condition's key alone from one that it does allow.
func TestExampleConditions(t *testing.T) {
	t.Parallel()
	for _, file := range exampleFiles(t) {
		for i, s := range parse(t, example(t, file)).Statement {
			conditions, _ := s["Condition"].(map[string]any)
			for operator, keys := range conditions {
				for key := range keys.(map[string]any) {
					t.Run(strings.TrimSuffix(file, ".json")+"/"+s["Sid"].(string)+"/"+key, func(t *testing.T) {
						t.Parallel()
						alone := parsed{"2012-10-17", []map[string]any{parse(t, example(t, file)).Statement[i]}}
						good := contextFor(t, conditions)
						bad := maps.Clone(good)
						switch operator {
						case "Null":
							delete(bad, key)
						default:
							bad[key] = []string{"arn:aws:backup:eu-west-1:333333333333:backup-vault:elsewhere"}
						}
						if !allows(t, alone, s, good) || allows(t, alone, s, bad) {
							t.Errorf("the statement allows %v: %t, and %v: %t", good, allows(t, alone, s, good), bad, allows(t, alone, s, bad))
						}
						left := alone.Statement[0]["Condition"].(map[string]any)[operator].(map[string]any)
						if delete(left, key); len(left) == 0 {
							delete(alone.Statement[0]["Condition"].(map[string]any), operator)
						}
						if !allows(t, alone, s, bad) {
							t.Errorf("without the condition the statement still does not allow %v", bad)
						}
					})
				}
			}
		}
	}
}

// contextFor is a context that meets conditions.
func contextFor(t *testing.T, conditions map[string]any) map[string][]string {
	t.Helper()
	context := map[string][]string{}
	for operator, keys := range conditions {
		for key, value := range keys.(map[string]any) {
			switch first := value.(type) {
			case []any:
				value = first[0]
			}
			if operator == "Null" {
				value = "something"
			}
			context[key] = []string{value.(string)}
		}
	}
	return context
}

// allows asks the policy about the first action and resource of a statement, as its principal if it names one.
func allows(t *testing.T, p parsed, s map[string]any, context map[string][]string) bool {
	t.Helper()
	document := must(iampolicy.Parse([]byte(p.text(t))))(t, "reading the policy")
	resource, ok := s["Resource"].(string)
	if !ok {
		resource = s["Resource"].([]any)[0].(string)
	}
	request := iampolicy.Request{
		Principal: iampolicy.Principal{ARN: "arn:aws:iam::" + member + ":user/somebody", AccountID: member},
		Action:    s["Action"].([]any)[0].(string), Resource: strings.ReplaceAll(resource, "*", "x"), ResourceAccountID: member, Context: context,
	}
	policies := iampolicy.Policies{Identity: []iampolicy.Source{{Name: "the example", Policy: document}}}
	if named, ok := s["Principal"].(map[string]any); ok {
		role := named["AWS"].(string)
		account := strings.Split(role, ":")[4]
		request.Principal = iampolicy.Principal{ARN: "arn:aws:sts::" + account + ":assumed-role/" + role[strings.LastIndexByte(role, '/')+1:] + "/x", RoleARN: role, AccountID: account}
		request.ResourceAccountID = account
		policies = iampolicy.Policies{Resource: []iampolicy.Source{{Name: "the example", Policy: document}}}
	}
	return iampolicy.Evaluate(request, policies).Allowed
}
