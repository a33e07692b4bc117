package rules

import (
	"slices"
	"strings"

	"strongroom/arn"
)

// pattern is the shape of a resource type's ARNs: the service and the beginning of the resource part.
type pattern struct {
	service, prefix string
	types           []string
}

// patterns are the ARN shapes of protected resources. RDS's clusters, Aurora, DocumentDB and Neptune share one, so that
// an ARN alone does not tell them apart.
var patterns = []pattern{
	{"ec2", "volume/", []string{"EBS"}},
	{"ec2", "instance/", []string{"EC2"}},
	{"rds", "db:", []string{"RDS"}},
	{"rds", "cluster:", []string{"Aurora", "DocumentDB", "Neptune", "RDS"}},
	{"dynamodb", "table/", []string{"DynamoDB"}},
	{"elasticfilesystem", "file-system/", []string{"EFS"}},
	{"fsx", "file-system/", []string{"FSx"}},
	{"fsx", "volume/", []string{"FSx"}},
	{"storagegateway", "gateway/", []string{"Storage Gateway"}},
	{"redshift", "cluster:", []string{"Redshift"}},
	{"timestream", "database/", []string{"Timestream"}},
	{"cloudformation", "stack/", []string{"CloudFormation"}},
	{"backup-gateway", "vm/", []string{"VirtualMachine"}},
	{"ssm-sap", "HANA/", []string{"SAP HANA on Amazon EC2"}},
	{"eks", "cluster/", []string{"EKS"}},
	{"s3", "", []string{"S3"}},
}

// TypesOf are the resource types that an ARN may name, the likeliest first; none for what AWS Backup does not protect.
func TypesOf(a arn.ARN) []string {
	for _, p := range patterns {
		if a.Service != p.service || !strings.HasPrefix(a.Resource, p.prefix) || len(a.Resource) == len(p.prefix) {
			continue
		}
		if p.service == "s3" && strings.ContainsAny(a.Resource, "/:") {
			continue // an object or an access point, not a bucket
		}
		return slices.Clone(p.types)
	}
	return nil
}

// names reports what an ARN pattern of a selection names: ofType if it is narrow enough to name one shape of resource
// (arn:aws:ec2:*:*:volume/*, or a resource itself) rather than a whole service, and shared if several types have it.
func names(patternARN string) (ofType, shared bool) {
	a, err := arn.Parse(patternARN)
	if err != nil {
		return false, false
	}
	for _, p := range patterns {
		if a.Service != p.service {
			continue
		}
		if p.service == "s3" || strings.HasPrefix(a.Resource, p.prefix) {
			return true, len(p.types) > 1
		}
	}
	return false, false
}
