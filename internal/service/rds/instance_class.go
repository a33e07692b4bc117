package rds

import (
	"slices"
	"strings"
)

// classSizes are the sizes of the families of instance classes. A class is kept and shown, and limits nothing here; which engine has it in
// which version is not looked at. Left out are the classes with a choice of threads and memory, which only Oracle has, and
// db.serverless.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html
var classSizes = func() map[string][]string {
	families := map[string][]string{}
	for _, of := range []struct{ families, sizes string }{
		{"t1", "micro"},
		{"t2 t3 t4g", "micro small medium large xlarge 2xlarge"},
		{"m1", "small medium large xlarge"},
		{"m2", "xlarge 2xlarge 4xlarge"},
		{"m3", "medium large xlarge 2xlarge"},
		{"m4", "large xlarge 2xlarge 4xlarge 10xlarge 16xlarge"},
		{"m5 m5d r5 r5b r5d", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"},
		{"m6g m6gd m7g m7gd r6g r6gd r7g r7gd x2g", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"},
		{"m6i m6id m6in m6idn r6i r6id r6in r6idn", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge"},
		{"m7i r7i m8g m8gd r8g r8gd", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"},
		{"m8i r8i", "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge 48xlarge 96xlarge"},
		{"c6gd", "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"},
		{"r3", "large xlarge 2xlarge 4xlarge 8xlarge"},
		{"r4", "large xlarge 2xlarge 4xlarge 8xlarge 16xlarge"},
		{"x1", "16xlarge 32xlarge"},
		{"x1e", "xlarge 2xlarge 4xlarge 8xlarge 16xlarge 32xlarge"},
		{"x2idn", "16xlarge 24xlarge 32xlarge"},
		{"x2iedn", "xlarge 2xlarge 4xlarge 8xlarge 16xlarge 24xlarge 32xlarge"},
		{"x2iezn", "2xlarge 4xlarge 6xlarge 8xlarge 12xlarge"},
		{"z1d", "large xlarge 2xlarge 3xlarge 6xlarge 12xlarge"},
	} {
		for family := range strings.FieldsSeq(of.families) {
			families[family] = strings.Fields(of.sizes)
		}
	}
	families["r7g"] = append([]string{"medium"}, families["r7g"]...) // Neptune and DocumentDB have it
	return families
}()

// orderableClasses are those of a few families that DescribeOrderableDBInstanceOptions lists; all that exist are accepted.
var orderableClasses = []string{
	"db.m5.large", "db.m5.xlarge", "db.m6g.large", "db.m6g.xlarge", "db.r5.large", "db.r5.xlarge", "db.r6g.large", "db.r6g.xlarge",
	"db.t3.large", "db.t3.medium", "db.t3.micro", "db.t3.small", "db.t4g.large", "db.t4g.medium", "db.t4g.micro", "db.t4g.small",
}

// class is the class that a call asks for.
func class(given *string) (string, error) {
	if deref(given) == "" {
		return "", errMissing("DBInstanceClass")
	}
	family, size, _ := strings.Cut(strings.TrimPrefix(*given, "db."), ".")
	if !strings.HasPrefix(*given, "db.") || !slices.Contains(classSizes[family], size) {
		return "", errValue("Invalid DB Instance class: %s", *given)
	}
	return *given, nil
}

// classOr is the class that a call asks for, or another if it asks for none.
func classOr(given *string, otherwise string) (string, error) {
	if deref(given) == "" {
		return otherwise, nil
	}
	return class(given)
}
