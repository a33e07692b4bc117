// Package eventsource is Lambda's event source mappings: it reads messages from queues of SQS and invokes functions with them.
//
// A mapping is a row, and while it is enabled a poller, which acts as the function's execution role: it receives a batch, leaves
// out what the filters do not want, invokes the function, and deletes what was processed. Whatever goes wrong between leaves the
// messages in the queue, which delivers them again once their visibility timeout is over, so that nothing is lost and the queue's
// redrive policy decides what comes of messages that can not be processed.
//
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
package eventsource
