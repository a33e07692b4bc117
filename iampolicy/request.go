package iampolicy

import "strings"

// Request is what is to be decided.
type Request struct {
	Principal Principal
	Action    string // "s3:GetObject"
	Resource  string // an ARN, or "*" where the action knows no resources
	// The account that owns the resource. Empty means the principal's own.
	ResourceAccountID string
	// The values of the condition keys, whatever the case of their names. A key with no values counts as missing. Keys
	// that follow from the principal and the resource (aws:PrincipalArn, aws:PrincipalAccount, aws:PrincipalType,
	// aws:userid, aws:username, aws:PrincipalIsAWSService, aws:PrincipalServiceName, aws:ResourceAccount) are
	// supplied unless given here.
	Context map[string][]string
}

func (r *Request) crossesAccounts() bool {
	return r.ResourceAccountID != "" && r.ResourceAccountID != r.Principal.AccountID
}

// environment is a request prepared for evaluation.
type environment struct {
	request *Request
	action  string // in lower case
	context map[string][]string
	bounded bool // the principal has a permissions boundary
}

func newEnvironment(r *Request, p *Policies) environment {
	return environment{request: r, action: strings.ToLower(r.Action), context: lowerKeys(r.Context), bounded: p.Boundary != nil}
}

// lowerKeys copies only where a name has upper case in it.
func lowerKeys(context map[string][]string) map[string][]string {
	for key := range context {
		if strings.ToLower(key) == key {
			continue
		}
		lower := make(map[string][]string, len(context))
		for key, values := range context {
			name := strings.ToLower(key)
			lower[name] = append(lower[name], values...)
		}
		return lower
	}
	return context
}

// values are those of the key, which is in lower case.
func (e *environment) values(key string) ([]string, bool) {
	if values, ok := e.context[key]; ok {
		return values, len(values) > 0
	}
	if value := e.implied(key); value != "" {
		return []string{value}, true
	}
	return nil, false
}

// single is the key's value for a variable, which only a key with one value has.
func (e *environment) single(key string) (string, bool) {
	if values, ok := e.context[key]; ok {
		if len(values) != 1 {
			return "", false
		}
		return values[0], true
	}
	value := e.implied(key)
	return value, value != ""
}

// implied is the value of a global key that principal and resource give by themselves:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
func (e *environment) implied(key string) string {
	p := &e.request.Principal
	switch key {
	case "aws:principalarn":
		switch {
		case !p.hasIdentity():
			return ""
		case p.RoleARN != "":
			return p.RoleARN
		}
		return p.ARN
	case "aws:principalaccount":
		return p.AccountID
	case "aws:principaltype":
		return p.kind()
	case "aws:principalisawsservice":
		if p.Service != "" {
			return "true"
		}
		return "false"
	case "aws:principalservicename":
		return p.Service
	case "aws:userid":
		return p.UserID
	case "aws:username":
		if _, path, found := strings.Cut(p.ARN, ":user/"); found && p.hasIdentity() {
			return path[strings.LastIndexByte(path, '/')+1:]
		}
	case "aws:resourceaccount":
		if e.request.ResourceAccountID != "" {
			return e.request.ResourceAccountID
		}
		return p.AccountID
	}
	return ""
}

// kind is the value of aws:PrincipalType.
func (p *Principal) kind() string {
	switch {
	case p.Service != "":
		return ""
	case p.IsRoot:
		return "Account"
	case p.RoleARN != "":
		return "AssumedRole"
	case strings.Contains(p.ARN, ":federated-user/"):
		return "FederatedUser"
	case p.ARN != "":
		return "User"
	}
	return "Anonymous"
}
