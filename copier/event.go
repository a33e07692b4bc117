package copier

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Kinds of events of AWS Backup that the copier hears.
const (
	copyJobEvent = "Copy Job State Change"
	pointEvent   = "Recovery Point State Change"
	// scheduledEvent is what a rule or a schedule of EventBridge sends; it starts a reconciliation.
	scheduledEvent = "Scheduled Event"
)

// An event is one of EventBridge, as far as the copier reads it.
// https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html
type event struct {
	ID         string          `json:"id"`
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// detail are the fields of both kinds of events.
type detail struct {
	State                     string   `json:"state"`  // of a copy job
	Status                    string   `json:"status"` // of a recovery point
	CopyJobID                 string   `json:"copyJobId"`
	SourceVaultARN            string   `json:"sourceBackupVaultArn"`
	DestinationVaultARN       string   `json:"destinationBackupVaultArn"`
	VaultARN                  string   `json:"backupVaultArn"`
	DestinationPointARN       maybeARN `json:"destinationRecoveryPointArn"`
	ResourceARN, ResourceType string
}

// A maybeARN is an ARN, or an empty object as long as there is none.
type maybeARN string

// UnmarshalJSON takes a string, and anything else for nothing.
func (m *maybeARN) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) == nil {
		*m = maybeARN(s)
	}
	return nil
}

// errNotAnEvent is that a message holds no event.
var errNotAnEvent = errors.New("the message is not an event of EventBridge")

func parseEvent(body string) (event, detail, error) {
	var e event
	var d detail
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.DetailType == "" {
		return e, d, errNotAnEvent
	}
	if len(e.Detail) > 0 {
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			return e, d, fmt.Errorf("%w: its detail: %w", errNotAnEvent, err)
		}
	}
	return e, d, nil
}

// resource is the first resource that an event names.
func (e event) resource() string {
	if len(e.Resources) == 0 {
		return ""
	}
	return e.Resources[0]
}
