package events

import (
	"strongroom/internal/api"
)

func noBus(name string) error {
	return api.Errorf("ResourceNotFoundException", "Event bus %s does not exist.", name)
}

func noRule(name, bus string) error {
	return api.Errorf("ResourceNotFoundException", "Rule %s does not exist on EventBus %s.", name, bus)
}

func invalid(format string, args ...any) error {
	return api.Errorf("ValidationException", format, args...)
}

// invalidParameter names a parameter and why its value is none.
func invalidParameter(name, reason string) error {
	return invalid("Parameter %s is not valid. Reason: %s", name, reason)
}
