// Package organizations is AWS Organizations: accounts gathered under a management account, in a tree of organizational
// units, with invitations and trusted access for services.
//
// Organization policies are not here yet; their operations are refused by name.
package organizations
