package iam

import (
	"encoding/json"

	"strongroom/internal/api"
	pages "strongroom/internal/page"
)

// encodeMessage seals what is to be known of a refusal by those in the account who may see it.
func encodeMessage(sealer *pages.Sealer, accountID string, message []byte) string {
	return sealer.Seal(messageScope(accountID), json.RawMessage(message))
}

// DecodeAuthorizationMessage opens the message that a refusal in the account carried.
func (s *Service) DecodeAuthorizationMessage(accountID, encoded string) (string, error) {
	var message json.RawMessage
	if err := s.Pages.Open(messageScope(accountID), encoded, &message); err != nil {
		return "", api.Errorf("InvalidAuthorizationMessageException", "Message is not valid")
	}
	return string(message), nil
}

func messageScope(accountID string) string { return "iam\n" + accountID + "\nauthorization message" }
