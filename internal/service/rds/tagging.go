package rds

import (
	"context"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"strongroom/arn"
	"strongroom/internal/api"
	fleet "strongroom/internal/resource/rds"
	"strongroom/internal/service/tagging"
	"strongroom/internal/state"
)

// tagged is a resource as tags see it.
type tagged struct {
	arn  string
	keys map[string][]string // condition keys
	tags map[string]string
	set  func(ctx context.Context, tx *state.Tx, tags map[string]string) error
}

// taggables find the caller's resources by the types that their ARNs name. What is not there is [state.ErrNotFound].
var taggables = map[string]func(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error){
	"db": func(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error) {
		row, err := tx.DBInstance(ctx, c.AccountID, c.Region, id)
		if err != nil {
			return tagged{}, err
		}
		i, err := load(ctx, tx, row)
		return tagged{"", fleet.InstanceConditions(row, i.database), row.Tags, func(ctx context.Context, tx *state.Tx, tags map[string]string) error {
			row.Tags = tags
			return tx.UpdateDBInstance(ctx, row)
		}}, err
	},
	"cluster": func(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error) {
		row, err := tx.DBCluster(ctx, c.AccountID, c.Region, id)
		return tagged{"", fleet.ClusterConditions(row), row.Tags, func(ctx context.Context, tx *state.Tx, tags map[string]string) error {
			row.Tags = tags
			return tx.UpdateDBCluster(ctx, row)
		}}, err
	},
	"snapshot":         snapshotTags(state.InstanceSnapshot),
	"cluster-snapshot": snapshotTags(state.ClusterSnapshot),
	"pg":               parameterGroupTags(state.InstanceParameters),
	"cluster-pg":       parameterGroupTags(state.ClusterParameters),
	"og": func(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error) {
		g, err := tx.OptionGroup(ctx, c.AccountID, c.Region, id)
		return tagged{"", groupConditions("og", g.Tags), g.Tags, func(ctx context.Context, tx *state.Tx, tags map[string]string) error {
			return tx.SetOptionGroupTags(ctx, g, tags)
		}}, err
	},
	"subgrp": func(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error) {
		g, err := tx.DBSubnetGroup(ctx, c.AccountID, c.Region, id)
		return tagged{"", groupConditions("subgrp", g.Tags), g.Tags, func(ctx context.Context, tx *state.Tx, tags map[string]string) error {
			g.Tags = tags
			return tx.UpdateDBSubnetGroup(ctx, g)
		}}, err
	},
}

func snapshotTags(kind string) func(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error) {
	return func(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error) {
		snap, err := tx.DBSnapshot(ctx, kind, c.AccountID, c.Region, id)
		return tagged{"", fleet.SnapshotConditions(snap), snap.Tags, func(ctx context.Context, tx *state.Tx, tags map[string]string) error {
			return tx.SetDBSnapshotTags(ctx, snap.Point, tags)
		}}, err
	}
}

func parameterGroupTags(kind string) func(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error) {
	return func(ctx context.Context, tx *state.Tx, c *api.Caller, id string) (tagged, error) {
		g, err := tx.DBParameterGroup(ctx, kind, c.AccountID, c.Region, id)
		return tagged{"", groupConditions(parameterGroupTypes[kind], g.Tags), g.Tags, func(ctx context.Context, tx *state.Tx, tags map[string]string) error {
			g.Tags = tags
			return tx.UpdateDBParameterGroup(ctx, g)
		}}, err
	}
}

// findTagged looks a resource of the caller up by its ARN.
func findTagged(ctx context.Context, tx *state.Tx, c *api.Caller, resource *string) (tagged, error) {
	a, err := arn.Parse(deref(resource))
	if err != nil || a.Service != "rds" {
		return tagged{}, errValue("Invalid resource name: %s", deref(resource))
	}
	kind, id := a.Split()
	look, known := taggables[kind]
	if !known || a.AccountID != c.AccountID || a.Region != c.Region {
		return tagged{}, errValue("The specified resource name does not match an RDS resource in this region.")
	}
	found, err := look(ctx, tx, c, id)
	if errors.Is(err, state.ErrNotFound) {
		return tagged{}, errTagged(kind, id)
	}
	found.arn = a.String()
	return found, err
}

// errTagged is how RDS says that a resource is not there.
func errTagged(kind, id string) *api.Error {
	switch kind {
	case "db":
		return errInstanceNotFound(id)
	case "snapshot":
		return errSnapshotNotFound(id)
	case "cluster":
		return errClusterNotFound(id)
	case "cluster-snapshot":
		return errClusterSnapshotNotFound(id)
	case "pg":
		return errParameterGroupNotFound(state.InstanceParameters, id)
	case "cluster-pg":
		return errParameterGroupNotFound(state.ClusterParameters, id)
	case "og":
		return errOptionGroupNotFound(id)
	case "subgrp":
		return errSubnetGroupNotFound(id)
	}
	return errValue("The specified resource name does not match an RDS resource in this region.")
}

// AddTagsToResource sets tags of a resource.
func (s *Service) AddTagsToResource(ctx context.Context, c *api.Caller, in *rds.AddTagsToResourceInput) (*rds.AddTagsToResourceOutput, error) {
	add, err := tagsFrom(c, in.Tags)
	if err != nil {
		return nil, err
	}
	return &rds.AddTagsToResourceOutput{}, s.retag(ctx, c, in.ResourceName, func(tags map[string]string) { maps.Copy(tags, add) })
}

func (s *Service) addTagsAccess(ctx context.Context, c *api.Caller, in *rds.AddTagsToResourceInput) ([]api.Access, error) {
	tags, err := tagsFrom(c, in.Tags)
	if err != nil {
		return unfound(err, c, "AddTagsToResource", in.ResourceName)
	}
	accesses, err := s.taggedAccess(ctx, c, "AddTagsToResource", in.ResourceName)
	for i := range accesses {
		accesses[i].Context = fleet.WithRequestTags(accesses[i].Context, tags)
	}
	return accesses, err
}

// RemoveTagsFromResource removes tags of a resource.
func (s *Service) RemoveTagsFromResource(ctx context.Context, c *api.Caller, in *rds.RemoveTagsFromResourceInput) (*rds.RemoveTagsFromResourceOutput, error) {
	return &rds.RemoveTagsFromResourceOutput{}, s.retag(ctx, c, in.ResourceName, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

func (s *Service) removeTagsAccess(ctx context.Context, c *api.Caller, in *rds.RemoveTagsFromResourceInput) ([]api.Access, error) {
	accesses, err := s.taggedAccess(ctx, c, "RemoveTagsFromResource", in.ResourceName)
	for i := range accesses {
		if len(in.TagKeys) > 0 {
			accesses[i].Context = maps.Clone(accesses[i].Context)
			if accesses[i].Context == nil {
				accesses[i].Context = map[string][]string{}
			}
			accesses[i].Context["aws:TagKeys"] = in.TagKeys
		}
	}
	return accesses, err
}

// ListTagsForResource tells the tags of a resource by key.
func (s *Service) ListTagsForResource(ctx context.Context, c *api.Caller, in *rds.ListTagsForResourceInput) (*rds.ListTagsForResourceOutput, error) {
	if len(in.Filters) > 0 {
		return nil, errValue("Unrecognized filter name: %s", deref(in.Filters[0].Name))
	}
	out := &rds.ListTagsForResourceOutput{}
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		found, err := findTagged(ctx, tx, c, in.ResourceName)
		out.TagList = tagsOf(found.tags)
		return err
	})
	return out, err
}

func (s *Service) listTagsAccess(ctx context.Context, c *api.Caller, in *rds.ListTagsForResourceInput) ([]api.Access, error) {
	return s.taggedAccess(ctx, c, "ListTagsForResource", in.ResourceName)
}

func (s *Service) taggedAccess(ctx context.Context, c *api.Caller, action string, resource *string) ([]api.Access, error) {
	var found tagged
	err := s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		found, err = findTagged(ctx, tx, c, resource)
		return err
	})
	if err != nil {
		return unfound(err, c, action, resource)
	}
	return []api.Access{{Action: "rds:" + action, Resource: found.arn, Context: found.keys}}, nil
}

// unfound is the question to the policies about a resource that a call names and that was not found: it is another account's, or
// its own to answer for.
func unfound(err error, c *api.Caller, action string, resource *string) ([]api.Access, error) {
	if api.Code(err) == "" {
		return nil, err
	}
	a, malformed := arn.Parse(deref(resource))
	if kind, _ := a.Split(); malformed != nil || a.Service != "rds" || taggables[kind] == nil {
		return []api.Access{{Action: "rds:" + action, Resource: fleet.InstanceARN(c.AccountID, c.Region, "*")}}, nil
	}
	return []api.Access{{Action: "rds:" + action, Resource: a.String(), ResourceAccountID: a.AccountID}}, nil
}

// retag changes the tags of a resource as they are now.
func (s *Service) retag(ctx context.Context, c *api.Caller, resource *string, change func(map[string]string)) error {
	return s.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		found, err := findTagged(ctx, tx, c, resource)
		if err != nil {
			return err
		}
		tags := maps.Clone(found.tags)
		if tags == nil {
			tags = map[string]string{}
		}
		change(tags)
		if len(tags) > maxTags {
			return errValue("A resource cannot have more than %d tags.", maxTags)
		}
		return found.set(ctx, tx, tags)
	})
}

var _ tagging.Provider = (*Service)(nil)

// ResourceTypes implements [tagging.Provider].
func (s *Service) ResourceTypes() []string {
	return []string{"rds:db", "rds:cluster", "rds:snapshot", "rds:cluster-snapshot", "rds:pg", "rds:cluster-pg", "rds:og", "rds:subgrp"}
}

// List implements [tagging.Provider].
func (s *Service) List(ctx context.Context, accountID, region string) (all []tagging.Tagged, err error) {
	err = s.DB.View(ctx, func(ctx context.Context, tx *state.Tx) error {
		instances, err := tx.DBInstances(ctx, accountID, region)
		if err != nil {
			return err
		}
		for _, i := range instances {
			all = append(all, tagging.Tagged{ARN: fleet.InstanceARN(accountID, region, i.ID), Tags: i.Tags})
		}
		clusters, err := tx.DBClusters(ctx, accountID, region)
		if err != nil {
			return err
		}
		for _, k := range clusters {
			all = append(all, tagging.Tagged{ARN: fleet.ClusterARN(accountID, region, k.ID), Tags: k.Tags})
		}
		for _, kind := range []string{state.InstanceSnapshot, state.ClusterSnapshot} {
			snapshots, err := tx.DBSnapshots(ctx, kind, accountID, region)
			if err != nil {
				return err
			}
			for _, snap := range snapshots {
				all = append(all, tagging.Tagged{ARN: fleet.SnapshotARN(kind, accountID, region, snap.ID), Tags: snap.Tags})
			}
		}
		groups, err := groupTags(ctx, tx, accountID, region)
		all = append(all, groups...)
		return err
	})
	return all, err
}

// groupTags lists the groups of an account and Region.
func groupTags(ctx context.Context, tx *state.Tx, accountID, region string) (all []tagging.Tagged, err error) {
	for kind := range parameterGroupTypes {
		groups, err := tx.DBParameterGroups(ctx, kind, accountID, region)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			all = append(all, tagging.Tagged{ARN: parameterGroupARN(g), Tags: g.Tags})
		}
	}
	subnets, err := tx.DBSubnetGroups(ctx, accountID, region)
	if err != nil {
		return nil, err
	}
	for _, g := range subnets {
		all = append(all, tagging.Tagged{ARN: subnetGroupARN(g), Tags: g.Tags})
	}
	options, err := tx.OptionGroups(ctx, accountID, region)
	for _, g := range options {
		all = append(all, tagging.Tagged{ARN: optionGroupARN(g), Tags: g.Tags})
	}
	return all, err
}

// Tag implements [tagging.Provider] by the caller's own rds:AddTagsToResource.
func (s *Service) Tag(ctx context.Context, c *api.Caller, resource string, tags map[string]string) error {
	_, err := api.Call[rds.AddTagsToResourceOutput](ctx, s.Door, c, &rds.AddTagsToResourceInput{ResourceName: &resource, Tags: tagsOf(tags)})
	return err
}

// Untag implements [tagging.Provider] by the caller's own rds:RemoveTagsFromResource.
func (s *Service) Untag(ctx context.Context, c *api.Caller, resource string, keys []string) error {
	_, err := api.Call[rds.RemoveTagsFromResourceOutput](ctx, s.Door, c, &rds.RemoveTagsFromResourceInput{ResourceName: &resource, TagKeys: keys})
	return err
}

func (s *Service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("", s.AddTagsToResource, s.addTagsAccess),
		api.Op("", s.RemoveTagsFromResource, s.removeTagsAccess),
		api.Op("", s.ListTagsForResource, s.listTagsAccess),
	}
}
