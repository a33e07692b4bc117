// Package codec turns the AWS protocols' requests into the SDK's input structs and its output structs into responses:
// JSON, query strings, EC2's and S3's XML, and what REST puts into paths, queries and headers. A type is looked at once
// by reflection, with what [strongroom/internal/wire/model] knows of it, and the plan kept.
//
// The package knows the shapes only. Which operation a request is, who may call and how errors are told is the
// business of package wire.
package codec
