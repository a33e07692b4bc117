// Package sqs is the Amazon SQS of the house: standard and FIFO queues that keep their messages, sealed, in the state.
//
// A message is durable once SendMessage has answered, and stays until it is deleted or its retention ends, whatever
// happens to the process. Whether it can be received is a time, visible_at: the end of its delay at first, and of the
// visibility timeout after each receipt. All times follow the service's clock.
//
// A body lies sealed in the state: under a data key of the queue's KMS key, which the sender must be able to generate and
// the receiver to decrypt, or under the service's own key (SSE-SQS).
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
package sqs
