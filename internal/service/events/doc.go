// Package events is the Amazon EventBridge of the house: event buses, their rules, and what these send to their targets.
//
// An event is not kept by itself. When it is put on a bus, the rules are held against it, and in the same transaction one
// delivery is made for each target of each rule that matches; package delivery brings them. So an event that was accepted
// will be delivered or dead-lettered, and one that interests nobody leaves nothing.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is.html
package events
