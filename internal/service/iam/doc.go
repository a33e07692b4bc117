// Package iam is AWS Identity and Access Management: the users, groups, roles and policies of every account, over the
// structs of the AWS SDK, and the [Authorizer] that puts every call of the house to them.
//
// AWS's own managed policies are data in the folder managed. Every write goes through state.DB.UpdatePrincipals, so
// that what the Authorizer has cached never outlives the change that made it wrong.
//
// The package knows how policies are stored and gathered; what they mean is the business of package iampolicy.
package iam
