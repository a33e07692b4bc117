// Package logs is CloudWatch Logs: groups of streams of events, which programs write and people read and search.
//
// Events lie in a store of their own, in chunks as they came, compressed and sealed. A chunk is written once and read whole;
// calls that come at the same time are written in one transaction (see [Service.put]).
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/Welcome.html
package logs
