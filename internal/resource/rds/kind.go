package rds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/arn"
	"strongroom/internal/api"
	"strongroom/internal/resource"
	"strongroom/internal/state"
	"strongroom/rules"
)

// sourceTag is the tag by which AWS Backup tells what a snapshot is of.
const sourceTag = "aws:backup:source-resource"

// awsbackup is the type of the snapshots that AWS Backup manages, and what their ids begin with:
// https://docs.aws.amazon.com/aws-backup/latest/devguide/access-control.html#resource-arns-table
const awsbackup = "awsbackup"

// NewKinds returns the kinds of protected resources that the fleet stands behind.
func NewKinds(f *Fleet, asOf rules.AsOf) []resource.Kind {
	aurora := newClusters(f, asOf, "Aurora", "aurora-postgresql", "aurora-mysql")
	aurora.likeliest = true
	return []resource.Kind{newInstances(f, asOf), aurora, newClusters(f, asOf, "DocumentDB", "docdb"), newClusters(f, asOf, "Neptune", "neptune")}
}

// snapshots are what the kinds of this package have in common: a recovery point is a snapshot in RDS's catalogue, whose content
// lies in the archive of its vault.
type snapshots struct {
	fleet        *Fleet
	asOf         rules.AsOf
	resourceType string
	kind         string // state.InstanceSnapshot, state.ClusterSnapshot
}

// Type implements [resource.Kind].
func (k *snapshots) Type() string { return k.resourceType }

// RecoveryPointARN implements [resource.Kind].
func (k *snapshots) RecoveryPointARN(d resource.Description, jobID string, _ state.Micros) arn.ARN {
	return k.pointARN(d.AccountID, d.Region, "job", jobID)
}

// CopyRecoveryPointARN implements [resource.Kind].
func (k *snapshots) CopyRecoveryPointARN(_ state.RecoveryPoint, accountID, region, copyJobID string) arn.ARN {
	return k.pointARN(accountID, region, "copyjob", copyJobID)
}

func (k *snapshots) pointARN(accountID, region, job, id string) arn.ARN {
	prefix := "snapshot:"
	if k.kind == state.ClusterSnapshot {
		prefix = "cluster-snapshot:"
	}
	return arn.New("rds", region, accountID, prefix+awsbackup+":"+job+"-"+strings.ToLower(id))
}

// snapshotID is the id of a recovery point's snapshot.
func snapshotID(pointARN string) (string, error) {
	a, err := arn.Parse(pointARN)
	return nameOf(a), err
}

// nameOf is the identifier in the ARN of an instance, a cluster or a snapshot.
func nameOf(a arn.ARN) string {
	_, name, _ := strings.Cut(a.Resource, ":")
	return name
}

// backup writes a database into the request's domain. access is what whoever takes a snapshot of it must be allowed, and of what
// the snapshot will tell of the instance or cluster.
func (k *snapshots) backup(ctx context.Context, c *api.Caller, d resource.Description, r resource.BackupRequest, access []api.Access, of state.DBSnapshot) (resource.Result, error) {
	if err := k.fleet.Door.Authorize(ctx, c, "rds", access...); err != nil {
		return resource.Result{}, err
	}
	if d.KeyARN != "" {
		// RDS reads the recovery point when it restores: whoever may take it lets RDS use its key for the vault.
		if err := k.fleet.grantVault(ctx, c, d.KeyARN, r.Domain.Vault().ID()); err != nil {
			return resource.Result{}, err
		}
	}
	summary, err := k.fleet.BackupInto(ctx, of.DatabaseID, r.Domain, r.Point, r.Progress)
	if err != nil {
		return resource.Result{}, err
	}
	facts, err := json.Marshal(of)
	return resource.Result{
		SizeBytes: int64(summary.LogicalBytes), Transferred: int64(summary.NewBytes), New: int64(summary.NewBytes), Stored: int64(summary.StoredBytes),
		Entries: int64(summary.Entries), State: string(facts),
	}, err
}

// sourceTags are the tags that AWS Backup gives to a snapshot of a resource.
func sourceTags(r arn.ARN) map[string]string { return map[string]string{sourceTag: r.String()} }

// takesSnapshots reports whether a backup of what has a status may begin. What is starting is waited for: so is every database
// after a restart of this server, or when its process has ended, which is no reason for a job to fail.
func takesSnapshots(status string) bool {
	return status == statusAvailable || status == "backing-up" || status == "starting" || status == "rebooting"
}

// Added implements [resource.Kind]: the recovery point becomes a snapshot in RDS's catalogue. Of its database a copy tells what
// its source does.
func (k *snapshots) Added(ctx context.Context, tx *state.Tx, p state.RecoveryPoint) (err error) {
	var s state.DBSnapshot
	if p.SourcePointARN != "" {
		s, err = tx.DBSnapshotByRecoveryPoint(ctx, p.SourcePointARN)
	} else {
		err = json.Unmarshal([]byte(p.KindState), &s)
	}
	if err != nil {
		return fmt.Errorf("what %s is a snapshot of: %w", p.ARN, err)
	}
	if s.ID, err = snapshotID(p.ARN); err != nil {
		return err
	}
	s.Kind, s.AccountID, s.Region, s.Type, s.Status, s.Progress, s.Message = k.kind, p.AccountID, p.Region, awsbackup, "available", 100, ""
	s.Point, s.VaultRegion, s.VaultAccount, s.Vault, s.DomainKeyARN = p.ArchivePointID, p.Region, p.AccountID, p.VaultName, p.ArchiveKeyARN
	s.RecoveryPoint, s.CopiedFrom, s.SharedWith = p.ARN, p.SourcePointARN, nil
	s.SizeBytes, s.StoredBytes = p.SizeBytes, p.StoredBytes
	if s.KeyARN = ""; p.IsEncrypted {
		s.KeyARN = p.KeyARN
	}
	source, err := arn.Parse(p.ResourceARN)
	if err != nil {
		return err
	}
	s.Tags = sourceTags(source)
	maps.Copy(s.Tags, p.Tags)
	s.OriginalAt, s.CreatedAt = p.CreatedAt, tx.Now
	return tx.InsertDBSnapshot(ctx, s)
}

// Removed implements [resource.Kind].
func (k *snapshots) Removed(ctx context.Context, tx *state.Tx, p state.RecoveryPoint) error {
	s, err := tx.DBSnapshotByRecoveryPoint(ctx, p.ARN)
	if err != nil {
		return ignoreNotFound(err)
	}
	return tx.DeleteDBSnapshot(ctx, s.Point)
}

// snapshot finds the snapshot of a recovery point.
func (k *snapshots) snapshot(ctx context.Context, p state.RecoveryPoint) (s state.DBSnapshot, err error) {
	err = k.fleet.DB.View(ctx, func(ctx context.Context, tx *state.Tx) (err error) {
		s, err = tx.DBSnapshotByRecoveryPoint(ctx, p.ARN)
		return err
	})
	return s, err
}

// MayRemove implements [resource.Native]. The caller needs rds:DeleteDBSnapshot, or rds:DeleteDBClusterSnapshot, on the
// snapshot, which nobody copies or restores any more when it may go.
func (k *snapshots) MayRemove(ctx context.Context, c *api.Caller, p state.RecoveryPoint) error {
	remove := "rds:DeleteDBSnapshot"
	if k.kind == state.ClusterSnapshot {
		remove = "rds:DeleteDBClusterSnapshot"
	}
	if err := k.ask(ctx, c, p, remove); err != nil {
		return err
	}
	return ignoreNotFound(k.fleet.DB.Update(ctx, func(ctx context.Context, tx *state.Tx) error {
		s, err := tx.DBSnapshotByRecoveryPoint(ctx, p.ARN)
		if err != nil {
			return err
		}
		used, err := inUse(ctx, tx, s)
		if err != nil {
			return err
		}
		if used {
			return resource.ErrInUse
		}
		return tx.SetDBSnapshotDeleting(ctx, s.Point)
	}))
}

// ReadTags implements [resource.TagReader]: a copy takes the snapshot's tags along, which its role must be able to list.
func (k *snapshots) ReadTags(ctx context.Context, c *api.Caller, p state.RecoveryPoint) error {
	const list = "rds:ListTagsForResource"
	err := k.ask(ctx, c, p, list)
	if api.Refused(err) == nil {
		return err
	}
	return refuse(rules.TagsDenied.Refuse(rules.Values{"role": c.RoleARN, "account": c.AccountID, "action": list}), err)
}

// ask asks whether a caller may do something with the snapshot of a recovery point, if it is there.
func (k *snapshots) ask(ctx context.Context, c *api.Caller, p state.RecoveryPoint, action string) error {
	s, err := k.snapshot(ctx, p)
	if err != nil {
		return ignoreNotFound(err)
	}
	return k.fleet.Door.Authorize(ctx, c.In(p.Region), "rds", api.Access{
		Action: action, Resource: SnapshotARN(s.Kind, s.AccountID, s.Region, s.ID), ResourceAccountID: s.AccountID, Context: SnapshotConditions(s),
	})
}

// undescribable is what a job says whose role may not look at the resource; other errors stay as they are.
func (k *snapshots) undescribable(err error, c *api.Caller, r arn.ARN) error {
	if api.Code(err) != "AccessDenied" {
		return err
	}
	return refuse(rules.RefuseDescribe(k.asOf, rules.Values{"role": c.RoleARN, "account": c.AccountID, "resource": r.String()}), err)
}

// refuse is the refusal of a job by a service, with the error that the service gave.
func refuse(refusal *rules.Refusal, cause error) error {
	return &api.Error{Code: "AccessDeniedException", Message: refusal.Message, Status: 403, Err: errors.Join(refusal, cause)}
}

// tagList is tags as RDS takes them, in order.
func tagList(tags map[string]string) []rdstypes.Tag {
	var list []rdstypes.Tag
	for _, name := range sortedKeys(tags) {
		value := tags[name]
		list = append(list, rdstypes.Tag{Key: &name, Value: &value})
	}
	return list
}
