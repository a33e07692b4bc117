package sqs

import (
	"errors"
	"net/http"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/internal/api"
)

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch checks what all batches have in common: one to ten entries, with ids of their own.
func checkBatch(operation string, n int, id func(int) *string) error {
	switch {
	case n == 0:
		return api.Errorf("EmptyBatchRequest", "There should be at least one %sBatchRequestEntry in the request.", operation)
	case n > 10:
		return api.Errorf("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent %d.", n)
	}
	seen := map[string]bool{}
	for i := range n {
		this := aws.ToString(id(i))
		if !entryID.MatchString(this) {
			return api.Errorf("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[this] {
			return api.Errorf("BatchEntryIdsNotDistinct", "Id %s repeated.", this)
		}
		seen[this] = true
	}
	return nil
}

// failedEntry is how a batch tells of an entry that failed. What is no error of the API fails the batch.
func failedEntry(id *string, err error) (types.BatchResultErrorEntry, error) {
	var e *api.Error
	if !errors.As(err, &e) {
		return types.BatchResultErrorEntry{}, err
	}
	return types.BatchResultErrorEntry{Id: id, Code: &e.Code, Message: &e.Message, SenderFault: e.HTTPStatus() < http.StatusInternalServerError}, nil
}
