package cloudtrail

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Limits of https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html
const (
	maxSelectors     = 5
	maxDataResources = 250
	maxConditions    = 500
)

const (
	objectType   = "AWS::S3::Object"
	snapshotType = "AWS::EC2::Snapshot"
)

// fields of advanced selectors, by what their values are.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
var selectorFields = []string{
	"eventCategory", "eventName", "eventSource", "eventType", "readOnly", "resources.ARN", "resources.type", "sessionCredentialFromConsole", "userIdentity.arn",
}

func errSelectors(format string, args ...any) error {
	return api.Errorf("InvalidEventSelectorsException", format, args...)
}

// GetEventSelectors shows which events a trail has.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html
func (s *Service) GetEventSelectors(ctx context.Context, c *api.Caller, in *cloudtrail.GetEventSelectorsInput) (*cloudtrail.GetEventSelectorsOutput, error) {
	t, err := s.read(ctx, c, in.TrailName)
	if err != nil {
		return nil, err
	}
	if len(t.Selectors.Advanced) > 0 {
		return &cloudtrail.GetEventSelectorsOutput{TrailARN: new(t.ARN), AdvancedEventSelectors: t.Selectors.Advanced}, nil
	}
	return &cloudtrail.GetEventSelectorsOutput{TrailARN: new(t.ARN), EventSelectors: basicOf(t.Selectors)}, nil
}

// PutEventSelectors says which events a trail has from now on, in one of two forms.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html
func (s *Service) PutEventSelectors(ctx context.Context, c *api.Caller, in *cloudtrail.PutEventSelectorsInput) (*cloudtrail.PutEventSelectorsOutput, error) {
	var chosen state.TrailSelectors
	var err error
	switch {
	case len(in.EventSelectors) > 0 && len(in.AdvancedEventSelectors) > 0, len(in.EventSelectors)+len(in.AdvancedEventSelectors) == 0:
		return nil, errSelectors("Either EventSelectors or AdvancedEventSelectors must be given, and not both.")
	case len(in.EventSelectors) > 0:
		chosen.Basic, err = checkBasic(in.EventSelectors)
	default:
		chosen.Advanced, err = in.AdvancedEventSelectors, checkAdvanced(in.AdvancedEventSelectors)
	}
	if err != nil {
		return nil, err
	}
	s.Recorder.Flush(ctx)
	t, err := s.change(ctx, c, in.TrailName, func(_ context.Context, _ *state.Tx, t *state.Trail) error {
		t.Selectors = chosen
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.PutEventSelectorsOutput{TrailARN: new(t.ARN), AdvancedEventSelectors: t.Selectors.Advanced}
	if len(t.Selectors.Advanced) == 0 {
		out.EventSelectors = basicOf(t.Selectors)
	}
	return out, nil
}

// checkBasic holds basic selectors against their rules and fills in the defaults.
func checkBasic(selectors []types.EventSelector) ([]types.EventSelector, error) {
	if len(selectors) > maxSelectors {
		return nil, errSelectors("A trail has at most %d event selectors, not %d.", maxSelectors, len(selectors))
	}
	resources := 0
	complete := slices.Clone(selectors)
	for i, sel := range selectors {
		switch sel.ReadWriteType {
		case "":
			complete[i].ReadWriteType = types.ReadWriteTypeAll
		case types.ReadWriteTypeAll, types.ReadWriteTypeReadOnly, types.ReadWriteTypeWriteOnly:
		default:
			return nil, errSelectors("ReadWriteType %s is not valid.", sel.ReadWriteType)
		}
		if sel.IncludeManagementEvents == nil {
			complete[i].IncludeManagementEvents = new(true)
		}
		if sel.DataResources == nil {
			complete[i].DataResources = []types.DataResource{}
		}
		if sel.ExcludeManagementEventSources == nil {
			complete[i].ExcludeManagementEventSources = []string{}
		}
		for _, source := range sel.ExcludeManagementEventSources {
			if source != "kms.amazonaws.com" && source != "rdsdata.amazonaws.com" {
				return nil, errSelectors("ExcludeManagementEventSources cannot name %s.", source)
			}
		}
		for _, data := range sel.DataResources {
			if err := checkDataType(aws.ToString(data.Type)); err != nil {
				return nil, err
			}
			if aws.ToString(data.Type) != objectType {
				return nil, errSelectors("Data resources of the type %s need advanced event selectors.", aws.ToString(data.Type))
			}
			for _, value := range data.Values {
				if !strings.HasPrefix("arn:aws:s3:::", value) && !strings.HasPrefix(value, "arn:aws:s3:::") || len(value) < len("arn:aws:s3") {
					return nil, errSelectors("Value %s for DataResources.Values is invalid.", value)
				}
			}
			resources += len(data.Values)
		}
	}
	if resources > maxDataResources {
		return nil, errSelectors("A trail has at most %d data resources, not %d.", maxDataResources, resources)
	}
	return complete, nil
}

// checkDataType takes the types of data events that Strongroom has.
func checkDataType(name string) error {
	switch name {
	case objectType, snapshotType:
		return nil
	case "":
		return errSelectors("A data resource has no type.")
	}
	return api.NotImplemented("Recording data events of " + name)
}

// checkAdvanced holds advanced selectors against the rules of
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html
func checkAdvanced(selectors []types.AdvancedEventSelector) error {
	conditions := 0
	for _, sel := range selectors {
		var category, kind string
		seen := map[string]bool{}
		for _, f := range sel.FieldSelectors {
			field := aws.ToString(f.Field)
			lists := [][]string{f.Equals, f.NotEquals, f.StartsWith, f.NotStartsWith, f.EndsWith, f.NotEndsWith}
			values := slices.Concat(lists...)
			conditions += len(values)
			switch {
			case !slices.Contains(selectorFields, field):
				return errSelectors("The field %s is not one of event selectors.", field)
			case seen[field]:
				return errSelectors("The field %s can be used only once in a selector.", field)
			case len(values) == 0:
				return errSelectors("The field %s has no condition.", field)
			case (field == "eventCategory" || field == "readOnly" || field == "resources.type") && (len(f.Equals) != 1 || len(values) != 1):
				return errSelectors("The field %s has exactly one value, for Equals.", field)
			case field == "readOnly" && f.Equals[0] != "true" && f.Equals[0] != "false":
				return errSelectors("The value %s of readOnly is not valid.", f.Equals[0])
			}
			seen[field] = true
			switch field {
			case "eventCategory":
				category = f.Equals[0]
			case "resources.type":
				kind = f.Equals[0]
			}
		}
		switch category {
		case "Management":
			if kind != "" || seen["resources.ARN"] {
				return errSelectors("Selectors of management events name no resources.")
			}
		case "Data":
			if err := checkDataType(kind); err != nil {
				return err
			}
		case "":
			return errSelectors("Every selector needs the field eventCategory.")
		case "NetworkActivity":
			return api.NotImplemented("Recording network activity events")
		default:
			return errSelectors("The value %s of eventCategory is not valid.", category)
		}
	}
	if conditions > maxConditions {
		return errSelectors("A trail has at most %d conditions over all its selectors, not %d.", maxConditions, conditions)
	}
	return nil
}

// basicOf are the selectors of a trail that has no advanced ones: all management events unless something else was put.
func basicOf(t state.TrailSelectors) []types.EventSelector {
	if len(t.Basic) > 0 {
		return t.Basic
	}
	return []types.EventSelector{{
		ReadWriteType: types.ReadWriteTypeAll, IncludeManagementEvents: new(true), DataResources: []types.DataResource{}, ExcludeManagementEventSources: []string{},
	}}
}

// wants reports whether the selectors choose an event, of which d is the record.
func wants(t state.TrailSelectors, e state.Event, d document) bool {
	if len(t.Advanced) > 0 {
		return slices.ContainsFunc(t.Advanced, func(sel types.AdvancedEventSelector) bool { return wantsAdvanced(sel, e, d) })
	}
	return slices.ContainsFunc(basicOf(t), func(sel types.EventSelector) bool { return wantsBasic(sel, e, d) })
}

// wantsData reports whether the selectors choose any data events at all.
func wantsData(t state.TrailSelectors) bool {
	return slices.ContainsFunc(t.Basic, func(sel types.EventSelector) bool { return len(sel.DataResources) > 0 }) ||
		slices.ContainsFunc(t.Advanced, func(sel types.AdvancedEventSelector) bool {
			return slices.ContainsFunc(sel.FieldSelectors, func(f types.AdvancedFieldSelector) bool {
				return aws.ToString(f.Field) == "eventCategory" && slices.Contains(f.Equals, "Data")
			})
		})
}

func wantsBasic(sel types.EventSelector, e state.Event, d document) bool {
	if sel.ReadWriteType == types.ReadWriteTypeReadOnly && !e.ReadOnly || sel.ReadWriteType == types.ReadWriteTypeWriteOnly && e.ReadOnly {
		return false
	}
	if !e.Data {
		return aws.ToBool(sel.IncludeManagementEvents) && !slices.Contains(sel.ExcludeManagementEventSources, e.Source)
	}
	return slices.ContainsFunc(sel.DataResources, func(data types.DataResource) bool {
		return slices.ContainsFunc(d.Resources, func(r resource) bool {
			return r.Type == aws.ToString(data.Type) && slices.ContainsFunc(data.Values, func(prefix string) bool { return strings.HasPrefix(r.ARN, prefix) })
		})
	})
}

func wantsAdvanced(sel types.AdvancedEventSelector, e state.Event, d document) bool {
	for _, f := range sel.FieldSelectors {
		var values []string
		switch field := aws.ToString(f.Field); field {
		case "eventCategory":
			values = []string{d.EventCategory}
		case "eventName":
			values = []string{e.Name}
		case "eventSource":
			values = []string{e.Source}
		case "eventType":
			values = []string{d.EventType}
		case "readOnly":
			values = []string{strconv.FormatBool(e.ReadOnly)}
		case "userIdentity.arn":
			values = []string{d.UserIdentity.ARN}
		case "sessionCredentialFromConsole":
			values = []string{"false"}
		default:
			for _, r := range d.Resources {
				if field == "resources.type" {
					values = append(values, r.Type)
				} else {
					values = append(values, r.ARN)
				}
			}
		}
		if !slices.ContainsFunc(values, func(v string) bool { return holds(f, v) }) {
			return false
		}
	}
	return true
}

// holds reports whether a value is among those that a field's conditions ask for, and none that they exclude.
func holds(f types.AdvancedFieldSelector, value string) bool {
	is := func(want string) bool { return value == want }
	begins := func(want string) bool { return strings.HasPrefix(value, want) }
	ends := func(want string) bool { return strings.HasSuffix(value, want) }
	if slices.ContainsFunc(f.NotEquals, is) || slices.ContainsFunc(f.NotStartsWith, begins) || slices.ContainsFunc(f.NotEndsWith, ends) {
		return false
	}
	return len(f.Equals)+len(f.StartsWith)+len(f.EndsWith) == 0 ||
		slices.ContainsFunc(f.Equals, is) || slices.ContainsFunc(f.StartsWith, begins) || slices.ContainsFunc(f.EndsWith, ends)
}
