package rds_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func set(name, value string, method types.ApplyMethod) types.Parameter {
	return types.Parameter{ParameterName: &name, ParameterValue: &value, ApplyMethod: method}
}

// parameter reads one parameter of a group through all pages.
func (w *world) parameter(group, name string) (p types.Parameter) {
	w.Helper()
	pages := rds.NewDescribeDBParametersPaginator(w, &rds.DescribeDBParametersInput{DBParameterGroupName: &group, MaxRecords: aws.Int32(100)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		for _, found := range out.Parameters {
			if *found.ParameterName == name {
				p = found
			}
		}
	}
	return p
}

func TestParameterGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, group := t.Context(), aws.String("Mine")
	create := func(name, family string) error {
		_, err := w.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{
			DBParameterGroupName: &name, DBParameterGroupFamily: &family, Description: aws.String("mine"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
		})
		return err
	}
	if err := create(*group, "postgres15"); err != nil {
		t.Fatal(err)
	}
	refused(t, create("mine", "postgres15"), "DBParameterGroupAlreadyExists")
	refused(t, create("other", "oracle-se2-19"), "InvalidParameterValue")
	refused(t, create("no--name", "postgres15"), "InvalidParameterValue")

	modify := func(group string, p ...types.Parameter) error {
		_, err := w.ModifyDBParameterGroup(ctx, &rds.ModifyDBParameterGroupInput{DBParameterGroupName: &group, Parameters: p})
		return err
	}
	for _, bad := range []struct {
		p    types.Parameter
		code string
		text string
	}{
		{set("work_mem", "1", types.ApplyMethodImmediate), "InvalidParameterValue", "Invalid parameter value: 1 for: work_mem allowed values are: 64-2147483647"},
		{set("work_mem", "8e3", types.ApplyMethodImmediate), "InvalidParameterValue", "work_mem"},
		{set("shared_buffers", "4096", types.ApplyMethodImmediate), "InvalidParameterCombination", "cannot use immediate apply method for static parameter"},
		{set("no_such", "1", types.ApplyMethodImmediate), "InvalidParameterValue", "Could not find parameter with name: no_such"},
		{set("data_directory", "/", types.ApplyMethodPendingReboot), "InvalidParameterValue", "cannot be modified"},
		{set("autovacuum", "maybe", types.ApplyMethodImmediate), "InvalidParameterValue", "allowed values are: 0,1"},
		{set("work_mem", "8192", ""), "InvalidParameterValue", "ApplyMethod"},
		{set("work_mem", "8192", "soon"), "InvalidParameterValue", "soon"},
		{set("log_line_prefix", "a\nshared_preload_libraries = 'x'", types.ApplyMethodImmediate), "InvalidParameterValue", "log_line_prefix"},
	} {
		err := modify("mine", set("maintenance_work_mem", "70000", types.ApplyMethodImmediate), bad.p)
		refused(t, err, bad.code)
		if !strings.Contains(err.Error(), bad.text) {
			t.Errorf("%s: %v lacks %q", *bad.p.ParameterName, err, bad.text)
		}
	}
	if p := w.parameter("mine", "maintenance_work_mem"); *p.Source != "engine-default" {
		t.Errorf("a call that was refused changed a parameter: %+v", p)
	}
	refused(t, modify("default.postgres15", set("work_mem", "8192", types.ApplyMethodImmediate)), "InvalidParameterValue")
	if err := modify("mine", set("work_mem", "8192", types.ApplyMethodImmediate), set("shared_buffers", "4096", types.ApplyMethodPendingReboot)); err != nil {
		t.Fatal(err)
	}
	if p := w.parameter("mine", "work_mem"); *p.ParameterValue != "8192" || *p.Source != "user" || p.ApplyMethod != types.ApplyMethodImmediate || *p.ApplyType != "dynamic" || !*p.IsModifiable {
		t.Errorf("it is shown as %+v", p)
	}
	user, err := w.DescribeDBParameters(ctx, &rds.DescribeDBParametersInput{DBParameterGroupName: group, Source: aws.String("user")})
	if err != nil || len(user.Parameters) != 2 {
		t.Errorf("the group's own: %+v, %v", user, err)
	}

	if _, err := w.CopyDBParameterGroup(ctx, &rds.CopyDBParameterGroupInput{
		SourceDBParameterGroupIdentifier: group, TargetDBParameterGroupIdentifier: aws.String("copy"), TargetDBParameterGroupDescription: aws.String("d"),
	}); err != nil {
		t.Fatal(err)
	}
	if p := w.parameter("copy", "work_mem"); *p.ParameterValue != "8192" {
		t.Errorf("a copy has %+v", p)
	}
	if _, err := w.ResetDBParameterGroup(ctx, &rds.ResetDBParameterGroupInput{DBParameterGroupName: group, Parameters: []types.Parameter{set("work_mem", "", types.ApplyMethodImmediate)}}); err != nil {
		t.Fatal(err)
	}
	if p, q := w.parameter("mine", "work_mem"), w.parameter("mine", "shared_buffers"); *p.Source != "engine-default" || *q.Source != "user" {
		t.Errorf("reset, they are shown as %+v, %+v", p, q)
	}
	if _, err := w.ResetDBParameterGroup(ctx, &rds.ResetDBParameterGroupInput{DBParameterGroupName: group, ResetAllParameters: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if q := w.parameter("mine", "shared_buffers"); *q.Source != "engine-default" {
		t.Errorf("all reset, it is shown as %+v", q)
	}

	out, err := w.DescribeDBParameterGroups(ctx, &rds.DescribeDBParameterGroupsInput{})
	names := fmt.Sprint(err)
	for _, g := range out.DBParameterGroups {
		names += " " + *g.DBParameterGroupName
	}
	if !strings.Contains(names, " copy default.") || !strings.Contains(names, "default.postgres15 mine") {
		t.Errorf("there are %s", names)
	}
	other := w.as("management", region)
	_, err = other.DescribeDBParameterGroups(ctx, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: group})
	refused(t, err, "DBParameterGroupNotFound")
	if _, err := w.DeleteDBParameterGroup(ctx, &rds.DeleteDBParameterGroupInput{DBParameterGroupName: group}); err != nil {
		t.Fatal(err)
	}
	_, err = w.DeleteDBParameterGroup(ctx, &rds.DeleteDBParameterGroupInput{DBParameterGroupName: group})
	refused(t, err, "DBParameterGroupNotFound")
}

func TestClusterParameterGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, group := t.Context(), aws.String("docs")
	if _, err := w.CreateDBClusterParameterGroup(ctx, &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: group, DBParameterGroupFamily: aws.String("docdb5.0"), Description: aws.String("d"),
	}); err != nil {
		t.Fatal(err)
	}
	_, err := w.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: group, DBParameterGroupFamily: aws.String("docdb5.0"), Description: aws.String("d"),
	})
	refused(t, err, "InvalidParameterValue") // DocumentDB has groups for clusters only
	if _, err := w.ModifyDBClusterParameterGroup(ctx, &rds.ModifyDBClusterParameterGroupInput{
		DBClusterParameterGroupName: group, Parameters: []types.Parameter{set("tls", "enabled", types.ApplyMethodPendingReboot)},
	}); err != nil {
		t.Fatal(err)
	}
	out, err := w.DescribeDBClusterParameters(ctx, &rds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: group})
	if err != nil || len(out.Parameters) != 1 || *out.Parameters[0].ParameterValue != "enabled" {
		t.Errorf("it has %+v, %v", out, err)
	}
	if _, err := w.ResetDBClusterParameterGroup(ctx, &rds.ResetDBClusterParameterGroupInput{DBClusterParameterGroupName: group, ResetAllParameters: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	out, err = w.DescribeDBClusterParameters(ctx, &rds.DescribeDBClusterParametersInput{DBClusterParameterGroupName: group})
	if err != nil || len(out.Parameters) != 1 || *out.Parameters[0].ParameterValue != "disabled" {
		t.Errorf("reset, it has %+v, %v", out, err)
	}
	defaults, err := w.DescribeEngineDefaultClusterParameters(ctx, &rds.DescribeEngineDefaultClusterParametersInput{DBParameterGroupFamily: aws.String("aurora-postgresql15")})
	if err != nil || len(defaults.EngineDefaults.Parameters) != 100 || defaults.EngineDefaults.Marker == nil {
		t.Errorf("%+v, %v", defaults, err)
	}
	if _, err := w.DeleteDBClusterParameterGroup(ctx, &rds.DeleteDBClusterParameterGroupInput{DBClusterParameterGroupName: group}); err != nil {
		t.Error(err)
	}
}
