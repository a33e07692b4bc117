// Package organizations is AWS Organizations: accounts gathered under a management account, in a tree of organizational
// units, with invitations, trusted access for services, and policies that bind what is below the place they are attached to.
//
// Service control and resource control policies are here; what they forbid, package iam decides with them. The
// other types of policy are refused as not available in the organization.
package organizations
