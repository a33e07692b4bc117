package wire

import (
	"fmt"
	"slices"
	"strings"

	"strongroom/internal/api"
	"strongroom/internal/wire/codec"
	"strongroom/internal/wire/model"
)

// validate checks in against the model's constraints and answers with the service's own error, which names the field.
func (d *desk) validate(op *api.Operation, in any) error {
	enums := d.model.Protocol != model.RESTXML && d.model.Protocol != model.EC2 && d.model.Name != "sqs" // it tells itself
	found := slices.DeleteFunc(d.codec.Check(in, enums), func(v codec.Violation) bool {
		// Which events there are to choose from, AWS Backup tells in words of its own.
		return d.model.Name == "backup" && op.Name == "PutBackupVaultNotifications" && v.Breach == codec.WrongEnum
	})
	if len(found) == 0 {
		return nil
	}
	first := found[0]
	switch d.model.Name {
	case "backup":
		code := "InvalidParameterValueException"
		if first.Breach == codec.Missing {
			code = "MissingParameterValueException"
		}
		return api.Errorf(code, "%s", summary(found))
	case "ebs":
		e := api.Errorf("ValidationException", "%s", summary(found))
		e.Members = map[string]string{"Reason": ebsReasons[first.Member]}
		if e.Members["Reason"] == "" {
			e.Members["Reason"] = "INVALID_PARAMETER_VALUE"
		}
		return e
	case "cloudtrail":
		if op.Name == "LookupEvents" && first.Member == "MaxResults" {
			return api.Errorf("InvalidMaxResultsException", "%s", summary(found))
		}
	case "organizations":
		e := api.Errorf("InvalidInputException", "%s", summary(found))
		e.Members = map[string]string{"Reason": organizationsReasons[first.Breach]}
		return e
	case "tagging", "logs":
		return api.Errorf("InvalidParameterException", "%s", summary(found))
	case "sqs":
		if first.Breach == codec.Missing {
			return api.Errorf("MissingParameter", "The request must contain the parameter %s.", first.Member)
		}
		return api.Errorf("InvalidParameterValue", "%s", summary(found))
	case "rds":
		// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html
		if first.Breach == codec.Missing {
			return api.Errorf("MissingParameter", "The request must contain the parameter %s.", first.Member)
		}
		return api.Errorf("InvalidParameterValue", "%s", summary(found))
	case "sns":
		return api.Errorf("InvalidParameter", "Invalid parameter: %s", summary(found))
	}
	switch d.model.Protocol {
	case model.Query:
		return api.Errorf("ValidationError", "%s", summary(found))
	case model.EC2:
		return api.Errorf("MissingParameter", "The request must contain the parameter %s", first.Member)
	case model.RESTXML:
		if strings.Contains(first.Path, ".") || d.codec.Payload(op.In) == codec.Document {
			return api.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
		}
		e := api.Errorf("InvalidRequest", "Missing required parameter %s", first.Member)
		e.Members = map[string]string{"ArgumentName": first.Member}
		return e
	default:
		return api.Errorf("ValidationException", "%s", summary(found))
	}
}

// organizationsReasons are the values of InvalidInputException's Reason.
var organizationsReasons = map[codec.Breach]string{
	codec.Missing:      "INPUT_REQUIRED",
	codec.TooShort:     "MIN_LENGTH_EXCEEDED",
	codec.TooLong:      "MAX_LENGTH_EXCEEDED",
	codec.TooSmall:     "MIN_VALUE_EXCEEDED",
	codec.TooBig:       "MAX_VALUE_EXCEEDED",
	codec.WrongPattern: "INVALID_PATTERN",
	codec.WrongEnum:    "INVALID_ENUM",
}

// ebsReasons are the values of ValidationException's Reason that belong to a member.
var ebsReasons = map[string]string{
	"SnapshotId":       "INVALID_SNAPSHOT_ID",
	"FirstSnapshotId":  "INVALID_SNAPSHOT_ID",
	"SecondSnapshotId": "INVALID_SNAPSHOT_ID",
	"ParentSnapshotId": "INVALID_SNAPSHOT_ID",
	"BlockToken":       "INVALID_BLOCK_TOKEN",
	"NextToken":        "INVALID_PAGE_TOKEN",
	"BlockIndex":       "INVALID_BLOCK",
	"VolumeSize":       "INVALID_VOLUME_SIZE",
	"Tags":             "INVALID_TAG",
}

// summary is how AWS tells of broken constraints.
func summary(found []codec.Violation) string {
	plural := "s"
	if len(found) == 1 {
		plural = ""
	}
	texts := make([]string, 0, len(found))
	for _, v := range found {
		texts = append(texts, v.String())
	}
	return fmt.Sprintf("%d validation error%s detected: %s", len(found), plural, strings.Join(texts, "; "))
}
