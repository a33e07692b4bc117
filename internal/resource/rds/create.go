package rds

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"

	"strongroom/internal/api"
	"strongroom/internal/state"
)

// Spec says what database is to be made.
type Spec struct {
	ID             string // DbiResourceId or DbClusterResourceId, see [NewID]
	Engine         string // as RDS names it
	MasterUsername string
	MasterPassword string // empty where Source is given: the database keeps its own
	Name           string // of the database that is made at first; "" for none
	KeyARN         string // of the KMS key, see [Fleet.ResolveKey]; "" for none
	Parameters     map[string]string
	// Source is the snapshot that it is made from; nil for a new one. Its key is the caller's to use.
	Source *state.DBSnapshot
}

// NewID makes the resource id of an instance ("db-") or a cluster ("cluster-"), as RDS does: 26 letters and digits.
func NewID(prefix string) string {
	var b [17]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return prefix + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])[:26]
}

// Plan prepares a database in the name of a caller, who must be able to use its key, and its source's. Nothing of it is there
// until [Fleet.Enter] is called in a transaction, and [Fleet.Tend] after its commit; if it comes to neither, [Fleet.Forget]
// takes back what was prepared.
func (f *Fleet) Plan(ctx context.Context, c *api.Caller, s Spec) (state.Database, error) {
	if !f.Enabled {
		return state.Database{}, api.NotImplemented("Running databases, which is switched off in the configuration of this server (databases.enabled),")
	}
	version, err := f.Version(ctx, s.Engine)
	if err != nil {
		return state.Database{}, err
	}
	d := state.Database{
		ID: s.ID, AccountID: c.AccountID, Region: c.Region, Engine: s.Engine, EngineVersion: version, MasterUsername: s.MasterUsername,
		Name: s.Name, KeyARN: s.KeyARN, Parameters: s.Parameters, Phase: state.DatabaseNew, Wanted: state.DatabaseRunning, Status: "creating",
	}
	if s.Source != nil {
		d.Phase, d.Source = state.DatabaseFilling, s.Source.Source()
		if err := f.GrantArchive(ctx, c, s.Source.DomainKeyARN, Location(d.Source)); err != nil {
			return state.Database{}, err
		}
	}
	if s.MasterPassword != "" {
		if d.Password, err = f.Keeper.Encrypt(ctx, []byte(s.MasterPassword)); err != nil {
			return state.Database{}, err
		}
	}
	if d.KeyARN != "" {
		if d.WrappedKey, d.GrantID, err = f.newKey(ctx, c, d.KeyARN, d.ID); err != nil {
			return state.Database{}, err
		}
	}
	return d, nil
}

// Enter gives a planned database its port, the one asked for if it can be had, and enters its row.
func (f *Fleet) Enter(ctx context.Context, tx *state.Tx, d state.Database, port int) (state.Database, error) {
	var err error
	if d.Port, err = f.choosePort(ctx, tx, port); err != nil {
		return d, err
	}
	d.CreatedAt = tx.Now
	return d, tx.InsertDatabase(ctx, d)
}

// Forget takes back what [Fleet.Plan] prepared, and returns err.
func (f *Fleet) Forget(ctx context.Context, d state.Database, err error) error {
	return errors.Join(err, f.revoke(context.WithoutCancel(ctx), d))
}

// SealPassword wraps a master password for [state.Tx.SetDatabasePassword].
func (f *Fleet) SealPassword(ctx context.Context, password string) ([]byte, error) {
	return f.Keeper.Encrypt(ctx, []byte(password))
}
