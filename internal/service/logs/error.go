package logs

import "strongroom/internal/api"

func invalid(format string, args ...any) *api.Error {
	return api.Errorf("InvalidParameterException", format, args...)
}

func noGroup() *api.Error {
	return api.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
}

func noStream() *api.Error {
	return api.Errorf("ResourceNotFoundException", "The specified log stream does not exist.")
}
