package rds

import (
	"regexp"
	"strings"
)

var identifierPattern = regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`)

// identifier checks the identifier of a new instance, cluster, snapshot or group, and returns it as RDS keeps it: in lower
// case. longest is how many characters it may have.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
func identifier(parameter string, given *string, longest int) (string, error) {
	id := strings.ToLower(deref(given))
	switch {
	case id == "":
		return "", errMissing(parameter)
	case len(id) > longest:
		return "", errValue("The parameter %s is not a valid identifier because it is longer than %d characters.", parameter, longest)
	case !identifierPattern.MatchString(id):
		return "", errValue("The parameter %s is not a valid identifier. Identifiers must begin with a letter; must contain only "+
			"ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.", parameter)
	}
	return id, nil
}

const (
	longestInstance = 63
	longestSnapshot = 255
)
