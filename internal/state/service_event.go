package state

// ServiceEvent is an event of a service's own, for the default event bus of an account and Region.
type ServiceEvent struct {
	AccountID  string
	Region     string
	Source     string // aws.backup
	DetailType string // Backup Job State Change
	Resources  []string
	Detail     any    // becomes a JSON object
	At         Micros // 0: when the transaction began
}
