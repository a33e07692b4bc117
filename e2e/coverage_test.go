package e2e

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	gocmp "github.com/google/go-cmp/cmp"

	"strongroom/internal/strongroomtest"
	"strongroom/internal/wire/model"
)

var update = flag.Bool("update", false, "write docs/coverage.md anew")

// beyond is what of a service lies outside of what Strongroom is for.
type beyond struct {
	operations *regexp.Regexp
	reason     string
}

// scope names what of each service is out of scope. What is implemented all the same counts as implemented.
var scope = map[string][]beyond{
	"backup": {{regexp.MustCompile(`Gateway|Hypervisor`), "virtual machines on premises"}},
	"cloudtrail": {
		{regexp.MustCompile(`EventDataStore|Quer(y|ies)|Dashboard|Federation|Import|InsightsMetric`), "CloudTrail Lake"},
		{regexp.MustCompile(`Channel`), "events of others"},
		{regexp.MustCompile(`OrganizationDelegatedAdmin`), "delegated administration of CloudTrail"},
	},
	"ec2": {{regexp.MustCompile(`.`), "what is neither volume nor snapshot: instances, images, networks and their like"}},
	"events": {
		{regexp.MustCompile(`Partner|Endpoint`), "partners and global endpoints"},
	},
	"iam": {
		{regexp.MustCompile(`SAML|OpenIDConnect`), "identity providers outside"},
		{regexp.MustCompile(`ServerCertificate|SigningCertificate|SSHPublicKey|ServiceSpecificCredential`), "credentials of other services"},
		{regexp.MustCompile(`OrganizationsRoot|OrganizationsFeatures|OrganizationsAccessReport|Outbound|DelegationRequest|HumanReadable`), "central root access, federation to outside and delegation"},
	},
	"kms": {{regexp.MustCompile(`CustomKeyStore`), "key stores in other hardware"}},
	"lambda": {
		{regexp.MustCompile(`Layer`), "layers"},
		{regexp.MustCompile(`CodeSigning`), "code signing"},
		{regexp.MustCompile(`Durable`), "durable functions"},
		{regexp.MustCompile(`CapacityProvider|ScalingConfig|ProvisionedConcurrency`), "capacity that is paid for ahead"},
		{regexp.MustCompile(`FunctionUrl|ResponseStream`), "URLs of functions, and answers in pieces"},
		{regexp.MustCompile(`RuntimeManagement|RecursionConfig|InvokeAsync`), "what concerns AWS's own runtimes, or is retired"},
	},
	"logs": {
		{regexp.MustCompile(`LiveTail|Quer(y|ies)|LogRecord|LogObject|LogFields|LogGroupFields|FieldIndex|IndexPolic|DataSource`), "Logs Insights and Live Tail"},
		{regexp.MustCompile(`Anomal|Transformer|MetricFilter|Bearer|LookupTable|Integration|Storage|S3Table`), "metrics, anomalies and transformation of logs"},
		{regexp.MustCompile(`Deliver(y|ies)|Destination|SubscriptionFilter|(Export|Import)|Scheduled|ResourcePolic|AccountPolic|DataProtection|AggregateLogGroup`), "delivery of logs to elsewhere, and policies of accounts"},
		{regexp.MustCompile(`KmsKey`), "keys of log groups"},
	},
	"organizations": {
		{regexp.MustCompile(`ResponsibilityTransfer`), "billing"},
		{regexp.MustCompile(`GovCloud`), "another partition"},
	},
	"rds": {
		{regexp.MustCompile(`Proxy|Proxies|ShardGroup|Integration|BlueGreen|TenantDatabase|CustomDBEngine|GlobalCluster|Recommendation|ServerlessV2|ClusterCapacity`), "services around databases: proxies, shards, blue/green deployments, integrations, global clusters"},
		{regexp.MustCompile(`Reserved|CapacityReservation`), "billing and capacity"},
		{regexp.MustCompile(`SecurityGroup|HttpEndpoint|ActivityStream|RoleToDB|RoleFromDB`), "networks and services that are not here"},
		{regexp.MustCompile(`ReadReplica|FailoverDBCluster|Backtrack|DBClusterEndpoint|SwitchoverRead`), "replicas"},
		{regexp.MustCompile(`FromS3|ExportTask`), "exchange of files with S3"},
	},
	"s3": {
		{regexp.MustCompile(`Metadata(Table|Inventory|Journal|Configuration)|Abac`), "tables of metadata"},
		{regexp.MustCompile(`Session|DirectoryBuckets|RenameObject`), "directory buckets"},
		{regexp.MustCompile(`Torrent|SelectObjectContent|WriteGetObjectResponse`), "what AWS has retired, or runs in Lambda"},
	},
	"sns": {{regexp.MustCompile(`SMS|Phone|PlatformApplication|Endpoint|OptedOut|OptIn|OriginationNumber`), "mobile telephones"}},
	"sts": {{regexp.MustCompile(`WebIdentity|SAML|AssumeRoot|DelegatedAccess`), "identity providers outside, and central root access"}},
}

// within are those of EC2's operations that are in scope.
var within = regexp.MustCompile(`Volume|Snapshot|^(Create|Delete|Describe)Tags$|EbsEncryption|EbsDefaultKmsKeyId|DescribeRegions|DescribeAvailabilityZones`)

var without = regexp.MustCompile(`^(Attach|Detach)Volume$|Instance|Image|Fast|RecycleBin|Mac`)

func outOfScope(service, operation string) string {
	if service == "ec2" && within.MatchString(operation) && !without.MatchString(operation) {
		return ""
	}
	for _, b := range scope[service] {
		if b.operations.MatchString(operation) {
			return b.reason
		}
	}
	return ""
}

// TestCoveragePage holds docs/coverage.md against the operations that a server answers and those that its services have;
// make docs writes it.
func TestCoveragePage(t *testing.T) {
	t.Parallel()
	page := coverage(strongroomtest.New(t).Operations())
	path := filepath.Join(root(t), "docs", "coverage.md")
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written := must(os.ReadFile(path))(t, "reading the page")
	if diff := gocmp.Diff(string(written), page); diff != "" {
		t.Errorf("docs/coverage.md is stale: run make docs (-written +true):\n%s", diff)
	}
}

func coverage(operations []string) string {
	implemented := map[string][]string{}
	for _, operation := range operations {
		service, name, _ := strings.Cut(operation, ":")
		implemented[service] = append(implemented[service], name)
	}
	var summary, detail strings.Builder
	for _, service := range model.Names() {
		var refused []string
		out := map[string]int{}
		beyond := 0
		for _, name := range slices.Sorted(maps.Keys(model.For(service).Operations)) {
			switch reason := outOfScope(service, name); {
			case slices.Contains(implemented[service], name):
			case reason != "":
				out[reason]++
				beyond++
			default:
				refused = append(refused, name)
			}
		}
		fmt.Fprintf(&summary, "| [%s](#%s) | %d | %d | %d |\n", service, service, len(implemented[service]), len(refused), beyond)
		fmt.Fprintf(&detail, "\n## %s\n", service)
		list := func(title string, names []string) {
			if len(names) > 0 {
				fmt.Fprintf(&detail, "\n**%s.** %s\n", title, strings.Join(names, ", "))
			}
		}
		list("Implemented", implemented[service])
		list("Refused by name", refused)
		if len(out) > 0 {
			detail.WriteString("\n**Out of scope.**\n\n")
		}
		for _, reason := range slices.Sorted(maps.Keys(out)) {
			fmt.Fprintf(&detail, "- %s: %d operations\n", reason, out[reason])
		}
	}
	return `# Coverage of the APIs

Generated by ` + "`make docs`" + ` from the tables of operations; a test fails when it is stale. *Implemented* operations are called through
the SDK by tests. The others are answered with the error NotImplemented, which names them; those that are *out of scope*
will stay so.

| service | implemented | refused by name | out of scope |
|---|---|---|---|
` + summary.String() + detail.String()
}

// elsewhere are the operations that the SDK calls without a signature, or under a host name of their own.
var elsewhere = map[string]bool{
	"sts:AssumeRoleWithSAML": true, "sts:AssumeRoleWithWebIdentity": true, "s3:ListDirectoryBuckets": true, "s3:WriteGetObjectResponse": true,
	"logs:GetLogObject": true, "logs:StartLiveTail": true,
}

// Operations that are not implemented say so by their name, to whoever may call.
func TestOperationsRefusedByName(t *testing.T) {
	t.Parallel()
	s := strongroomtest.New(t)
	p := enter(t, s, management, home)
	cfg := once(p.config)
	implemented := s.Operations()
	values := map[string]any{
		"logs.ResourceConfig": &logstypes.ResourceConfigMemberOpenSearchResourceConfig{Value: logstypes.OpenSearchResourceConfig{
			DataSourceRoleArn: aws.String("arn"), DashboardViewerPrincipals: []string{"arn"}, RetentionDays: aws.Int32(1),
		}},
		"s3.Bucket": "bucket", "s3.Key": "key",
		"s3.ObjectEncryption": &s3types.ObjectEncryptionMemberSSEKMS{Value: s3types.SSEKMSEncryption{KMSKeyArn: aws.String("arn")}},
	}
	asked := 0
	for service, client := range clients {
		for _, name := range slices.Sorted(maps.Keys(model.For(service).Operations)) {
			op := operation{service, name}
			if slices.Contains(implemented, op.String()) || !reflect.ValueOf(client(cfg)).MethodByName(name).IsValid() {
				continue
			}
			if elsewhere[op.String()] {
				continue
			}
			_, err := op.call(t.Context(), cfg, values)
			if code := answered(nil, err); code != "NotImplemented" || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", op, err)
			}
			asked++
		}
	}
	t.Logf("%d operations are refused by name", asked)
}
