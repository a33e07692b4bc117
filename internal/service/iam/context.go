package iam

import (
	"net"
	"strconv"
	"strings"
	"time"

	"strongroom/internal/api"
)

// context is the condition keys of a call: the global ones, and what its operation supplies, which wins where it says
// otherwise. Keys that follow from principal and resource alone are supplied by package iampolicy. All are in lower case:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (a *Authorizer) context(c *api.Caller, p *principal, access *api.Access, home, owner *place) map[string][]string {
	keys := make(map[string][]string, 16+len(access.Context)+len(p.tags))
	put := func(key, value string) {
		if value != "" {
			keys[key] = []string{value}
		}
	}
	if c.Service == "" {
		keys["aws:principalorgid"], keys["aws:principalorgpaths"] = home.organization, home.path
	} else {
		// A service is known in each Region by a name of that Region, too.
		keys["aws:principalservicenameslist"] = []string{c.Service, regional(c.Service, c.Region)}
		put("aws:sourceaccount", c.AccountID)
		put("aws:sourcearn", c.SourceARN)
		keys["aws:sourceorgid"], keys["aws:sourceorgpaths"] = home.organization, home.path
	}
	keys["aws:resourceorgid"], keys["aws:resourceorgpaths"] = owner.organization, owner.path

	now := c.Date
	if now.IsZero() {
		now = a.clock.Now()
	}
	put("aws:currenttime", now.UTC().Format(time.RFC3339))
	put("aws:epochtime", strconv.FormatInt(now.Unix(), 10))
	put("aws:requestedregion", c.Region)
	put("aws:securetransport", strconv.FormatBool(c.Secure))
	put("aws:useragent", c.UserAgent)
	put("aws:referer", c.Referer)
	if net.ParseIP(c.SourceIP) != nil && len(c.Via) == 0 {
		put("aws:sourceip", c.SourceIP) // a service that forwards a call hides where it came from
	}
	forwarded(c, access.Action, keys)
	for key, value := range p.tags {
		keys[key] = value
	}
	if c.Session != nil {
		session(c, keys)
	}
	for key, values := range access.Context {
		keys[strings.ToLower(key)] = values
	}
	return keys
}

// forwarded adds what tells that a service makes the call with the caller's rights.
func forwarded(c *api.Caller, action string, keys map[string][]string) {
	keys["aws:viaawsservice"] = []string{strconv.FormatBool(len(c.Via) > 0)}
	if strings.HasPrefix(action, "kms:") && c.Service == "" {
		keys["kms:calleraccount"] = []string{c.AccountID}
	}
	if len(c.Via) == 0 {
		return
	}
	chain := make([]string, len(c.Via))
	for i, via := range c.Via {
		name, _, _ := strings.Cut(via, ".")
		chain[i] = name + ".amazonaws.com"
	}
	keys["aws:calledvia"] = chain
	keys["aws:calledviafirst"] = chain[:1]
	keys["aws:calledvialast"] = chain[len(chain)-1:]
	if strings.HasPrefix(action, "kms:") {
		keys["kms:viaservice"] = []string{regional(chain[len(chain)-1], c.Region)}
	}
}

// session adds what AssumeRole and GetSessionToken fixed.
func session(c *api.Caller, keys map[string][]string) {
	s := c.Session
	keys["aws:multifactorauthpresent"] = []string{strconv.FormatBool(s.MFA)}
	if s.MFA {
		age := max(0, c.ReceivedAt.Sub(s.IssuedAt))
		keys["aws:multifactorauthage"] = []string{strconv.FormatInt(int64(age/time.Second), 10)}
	}
	keys["aws:tokenissuetime"] = []string{s.IssuedAt.UTC().Format(time.RFC3339)}
	for key, value := range s.Tags {
		keys["aws:principaltag/"+strings.ToLower(key)] = []string{value}
	}
	if s.SourceIdentity != "" {
		keys["aws:sourceidentity"] = []string{s.SourceIdentity}
	}
}

// regional is the name of a service principal in a Region: backup.eu-central-1.amazonaws.com.
func regional(service, region string) string {
	name, _, _ := strings.Cut(service, ".")
	return name + "." + region + ".amazonaws.com"
}

// roleID is the part of a role session's user id that is the role's own.
func roleID(userID string) string {
	id, _, _ := strings.Cut(userID, ":")
	return id
}
