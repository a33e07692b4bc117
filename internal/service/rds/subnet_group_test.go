package rds_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
)

func TestSubnetAndOptionGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	all, err := w.DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{})
	if err != nil || len(all.DBSubnetGroups) != 1 || len(all.DBSubnetGroups[0].Subnets) != 3 {
		t.Fatalf("an account begins with %+v, %v", all, err)
	}
	var ids []string
	for _, s := range all.DBSubnetGroups[0].Subnets {
		ids = append(ids, *s.SubnetIdentifier)
	}
	create := func(name string, ids ...string) error {
		_, err := w.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{
			DBSubnetGroupName: &name, DBSubnetGroupDescription: aws.String("d"), SubnetIds: ids, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
		})
		return err
	}
	refused(t, create("one", ids[0]), "DBSubnetGroupDoesNotCoverEnoughAZs")
	refused(t, create("wrong", ids[0], "subnet-0123456789abcdef0"), "InvalidSubnet")
	refused(t, create("default", ids...), "InvalidParameterValue")
	if err := create("Mine_1", ids[0], ids[1]); err != nil {
		t.Fatal(err)
	}
	refused(t, create("mine_1", ids...), "DBSubnetGroupAlreadyExists")
	changed, err := w.ModifyDBSubnetGroup(ctx, &rds.ModifyDBSubnetGroupInput{DBSubnetGroupName: aws.String("mine_1"), SubnetIds: ids})
	if err != nil || len(changed.DBSubnetGroup.Subnets) != 3 || *changed.DBSubnetGroup.DBSubnetGroupDescription != "d" {
		t.Errorf("changed it is %+v, %v", changed, err)
	}

	options := &rds.CreateOptionGroupInput{OptionGroupName: aws.String("opts"), EngineName: aws.String("mariadb"), MajorEngineVersion: aws.String("10.11"), OptionGroupDescription: aws.String("d")}
	if _, err := w.CreateOptionGroup(ctx, options); err != nil {
		t.Fatal(err)
	}
	_, err = w.CreateOptionGroup(ctx, options)
	refused(t, err, "OptionGroupAlreadyExistsFault")
	options.MajorEngineVersion = aws.String("5.5")
	_, err = w.CreateOptionGroup(ctx, options)
	refused(t, err, "InvalidParameterCombination")
	_, err = w.ModifyOptionGroup(ctx, &rds.ModifyOptionGroupInput{OptionGroupName: aws.String("opts"), OptionsToInclude: []types.OptionConfiguration{{OptionName: aws.String("MARIADB_AUDIT_PLUGIN")}}})
	refused(t, err, "NotImplemented")
	if _, err := w.CopyOptionGroup(ctx, &rds.CopyOptionGroupInput{SourceOptionGroupIdentifier: aws.String("opts"), TargetOptionGroupIdentifier: aws.String("copied"), TargetOptionGroupDescription: aws.String("d")}); err != nil {
		t.Fatal(err)
	}
	groups, err := w.DescribeOptionGroups(ctx, &rds.DescribeOptionGroupsInput{EngineName: aws.String("mariadb")})
	if err != nil || len(groups.OptionGroupsList) != 3 || *groups.OptionGroupsList[1].OptionGroupName != "default:mariadb-10-11" {
		t.Errorf("there are %+v, %v", groups, err)
	}

	// Tags, by RDS's operations and by the tagging API.
	tags := resourcegroupstaggingapi.NewFromConfig(w.server.AWS(t, "member", region))
	name := *groups.OptionGroupsList[2].OptionGroupArn
	if _, err := w.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: &name, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("b")}, {Key: aws.String("x"), Value: aws.String("")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RemoveTagsFromResource(ctx, &rds.RemoveTagsFromResourceInput{ResourceName: &name, TagKeys: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	found, err := tags.GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: []string{"rds"}})
	if err != nil || len(found.ResourceTagMappingList) != 2 || *found.ResourceTagMappingList[0].ResourceARN != name {
		t.Fatalf("tagged are %+v, %v", found, err)
	}
	out, err := tags.TagResources(ctx, &resourcegroupstaggingapi.TagResourcesInput{ResourceARNList: []string{*changed.DBSubnetGroup.DBSubnetGroupArn}, Tags: map[string]string{"more": "1"}})
	if err != nil || len(out.FailedResourcesMap) != 0 {
		t.Fatalf("tagging: %+v, %v", out, err)
	}
	list, err := w.ListTagsForResource(ctx, &rds.ListTagsForResourceInput{ResourceName: changed.DBSubnetGroup.DBSubnetGroupArn})
	if err != nil || len(list.TagList) != 2 || *list.TagList[0].Key != "more" {
		t.Errorf("it has the tags %+v, %v", list, err)
	}
	_, err = w.ListTagsForResource(ctx, &rds.ListTagsForResourceInput{ResourceName: aws.String("arn:aws:rds:" + region + ":444444444444:og:opts")})
	refused(t, err, "AccessDenied")
	_, err = w.ListTagsForResource(ctx, &rds.ListTagsForResourceInput{ResourceName: aws.String("opts")})
	refused(t, err, "InvalidParameterValue")
	_, err = w.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{ResourceName: &name, Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("b")}}})
	refused(t, err, "InvalidParameterValue")

	if _, err := w.DeleteOptionGroup(ctx, &rds.DeleteOptionGroupInput{OptionGroupName: aws.String("opts")}); err != nil {
		t.Error(err)
	}
	_, err = w.DeleteOptionGroup(ctx, &rds.DeleteOptionGroupInput{OptionGroupName: aws.String("default:mariadb-10-11")})
	refused(t, err, "InvalidOptionGroupStateFault")
	if _, err := w.DeleteDBSubnetGroup(ctx, &rds.DeleteDBSubnetGroupInput{DBSubnetGroupName: aws.String("mine_1")}); err != nil {
		t.Error(err)
	}
}

func TestEngines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	out, err := w.DescribeDBEngineVersions(ctx, &rds.DescribeDBEngineVersionsInput{Engine: aws.String("postgres"), DefaultOnly: aws.Bool(true)})
	if err != nil || len(out.DBEngineVersions) != 1 || *out.DBEngineVersions[0].DBParameterGroupFamily != "postgres15" {
		t.Fatalf("PostgreSQL is %+v, %v", out, err)
	}
	classes, err := w.DescribeOrderableDBInstanceOptions(ctx, &rds.DescribeOrderableDBInstanceOptionsInput{Engine: aws.String("postgres"), DBInstanceClass: aws.String("db.t3.micro")})
	if err != nil || len(classes.OrderableDBInstanceOptions) != 4 || *classes.OrderableDBInstanceOptions[0].EngineVersion != *out.DBEngineVersions[0].EngineVersion {
		t.Errorf("the classes are %+v, %v", classes, err)
	}
	_, err = w.DescribeOrderableDBInstanceOptions(ctx, &rds.DescribeOrderableDBInstanceOptionsInput{Engine: aws.String("db2-se")})
	refused(t, err, "InvalidParameterValue")
	quotas, err := w.DescribeAccountAttributes(ctx, &rds.DescribeAccountAttributesInput{})
	if err != nil || len(quotas.AccountQuotas) < 5 {
		t.Errorf("quotas: %+v, %v", quotas, err)
	}
	categories, err := w.DescribeEventCategories(ctx, &rds.DescribeEventCategoriesInput{SourceType: aws.String("db-snapshot")})
	if err != nil || len(categories.EventCategoriesMapList) != 1 {
		t.Errorf("categories: %+v, %v", categories, err)
	}
}
