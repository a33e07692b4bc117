package rds

import (
	"strings"

	"strongroom/arn"
	"strongroom/internal/api"
)

// major is the version by which parameter and option groups go: 15 of PostgreSQL 15.18, 10.11 of MariaDB 10.11.14. Where another
// server stands in for an engine, it is that of the engine: see [engineFamilies].
func major(engine, version string) string {
	for _, f := range engineFamilies {
		if f.engine == engine && !f.told() {
			return f.major
		}
	}
	parts := strings.Split(version, ".")
	n := 2
	if strings.HasPrefix(engine, "postgres") || strings.HasSuffix(engine, "postgresql") {
		n = 1
	}
	return strings.Join(parts[:min(n, len(parts))], ".")
}

// ofFamily reports whether a version that is asked for by AWS's numbers is one of the family that an engine's version here serves.
func ofFamily(engine, version, asked string) bool {
	family := major(engine, version)
	return asked == family || strings.HasPrefix(asked, family+".")
}

// defaultParameterGroup is the parameter group of instances, and of clusters, whose account did not choose one.
func defaultParameterGroup(engine, version string) string {
	return "default." + engine + major(engine, version)
}

// defaultOptionGroup is the option group of instances whose account did not choose one.
func defaultOptionGroup(engine, version string) string {
	return "default:" + engine + "-" + strings.ReplaceAll(major(engine, version), ".", "-")
}

// groupAccesses are the questions to the policies about the groups that a new instance is put into.
func groupAccesses(c *api.Caller, action, parameters, options, subnets string) []api.Access {
	var all []api.Access
	for _, group := range []struct{ kind, name string }{{"pg:", parameters}, {"og:", options}, {"subgrp:", subnets}} {
		if group.name != "" {
			all = append(all, api.Access{Action: action, Resource: arn.New("rds", c.Region, c.AccountID, group.kind+group.name).String()})
		}
	}
	return all
}
