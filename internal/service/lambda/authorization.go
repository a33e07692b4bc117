package lambda

import _ "embed"

// authorization is the service's part of the service authorization reference, see [api.Reference].
//
//go:embed authorization.txt
var authorization string
