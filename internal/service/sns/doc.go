// Package sns is the Amazon SNS of the house: topics, and subscriptions of queues and of HTTP and HTTPS endpoints.
//
// A message is not kept by itself: Publish makes, in one transaction, a delivery for each subscription whose filter policy
// lets it through, and package delivery brings them. So what was published reaches every subscriber or its dead-letter
// queue.
//
// https://docs.aws.amazon.com/sns/latest/api/welcome.html
package sns
