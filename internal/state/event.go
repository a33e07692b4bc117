package state

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Event is one record of CloudTrail as one account sees it.
type Event struct {
	Seq         int64  // the order of writing, set by the store
	ID          string // a time-ordered uuid
	AccountID   string
	Region      string
	At          Micros
	Name        string
	Source      string
	ReadOnly    bool
	Username    string
	AccessKeyID string
	Resources   []EventResource
	Document    string // JSON
	Data        bool   // about objects or blocks: LookupEvents does not show it
}

// EventResource is a resource that an event is about. Type may be empty.
type EventResource struct {
	Type string `json:"type,omitempty"`
	Name string `json:"name"`
}

// EventAttribute is what events can be looked up by.
type EventAttribute string

// The attributes of events.
const (
	EventID           EventAttribute = "id"
	EventName         EventAttribute = "name"
	EventSource       EventAttribute = "source"
	EventReadOnly     EventAttribute = "read_only" // "true" or "false"
	EventUsername     EventAttribute = "username"
	EventAccessKeyID  EventAttribute = "access_key_id"
	EventResourceType EventAttribute = "type"
	EventResourceName EventAttribute = "resource"
)

// EventFilter chooses events of one account and Region.
type EventFilter struct {
	AccountID string
	Region    string
	From, To  Micros         // both included; To 0 means no end
	Attribute EventAttribute // none if empty
	Value     string
	// Before is the event that the wanted ones are older than; the newest are wanted if its ID is empty.
	Before struct {
		At Micros
		ID string
	}
	Limit int
}

// InsertEvents adds events.
func (tx *Tx) InsertEvents(ctx context.Context, events []Event) error {
	var rows, resources [][]any
	for _, e := range events {
		rows = append(rows, []any{
			e.ID, e.AccountID, e.Region, e.At, e.Name, e.Source, boolean(e.ReadOnly), e.Username, e.AccessKeyID,
			JSON[[]EventResource]{e.Resources},
			e.Document, boolean(e.Data),
		})
		for i, r := range e.Resources {
			if !e.Data && !slices.ContainsFunc(e.Resources[:i], func(other EventResource) bool { return other.Name == r.Name }) {
				resources = append(resources, []any{e.ID, e.AccountID, e.Region, e.At, r.Type, r.Name})
			}
		}
	}
	err := tx.insertRows(ctx, `INSERT INTO events (id, account_id, region, at, name, source, read_only, username, access_key_id,
		resources, document, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, rows)
	if err != nil {
		return err
	}
	return tx.insertRows(ctx, `INSERT INTO event_resources (event_id, account_id, region, at, type, name) VALUES ($1, $2, $3, $4, $5, $6)`, resources)
}

// insertRows runs one statement, prepared once, for many rows.
func (tx *Tx) insertRows(ctx context.Context, insert string, rows [][]any) error {
	statement, err := tx.sql.PrepareContext(ctx, insert)
	if err != nil {
		return translate(err)
	}
	defer statement.Close() //nolint:errcheck // it goes with the transaction at the latest
	for _, row := range rows {
		if _, err := statement.ExecContext(ctx, row...); err != nil {
			return translate(err)
		}
	}
	return nil
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Events lists events, the newest first.
func (tx *Tx) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	from, at, id := "events e", "e.at", "e.id"
	var where []string
	switch f.Attribute {
	case "":
	case EventResourceName:
		from, at, id = "event_resources r JOIN events e ON e.id = r.event_id", "r.at", "r.event_id"
		where = append(where, "r.name = "+arg(f.Value), "r.account_id = "+arg(f.AccountID), "r.region = "+arg(f.Region))
	case EventResourceType:
		where = append(where, "EXISTS (SELECT 1 FROM event_resources r WHERE r.event_id = e.id AND r.type = "+arg(f.Value)+")")
	case EventReadOnly:
		where = append(where, "e.read_only = "+arg(boolean(f.Value == "true")))
	case EventID, EventName, EventSource, EventUsername, EventAccessKeyID:
		where = append(where, "e."+string(f.Attribute)+" = "+arg(f.Value))
	default:
		return nil, fmt.Errorf("events have no attribute %q", f.Attribute)
	}
	where = append(where, "e.data = 0", "e.account_id = "+arg(f.AccountID), "e.region = "+arg(f.Region), at+" >= "+arg(f.From))
	if f.To != 0 {
		where = append(where, at+" <= "+arg(f.To))
	}
	if f.Before.ID != "" {
		where = append(where, "("+at+", "+id+") < ("+arg(f.Before.At)+", "+arg(f.Before.ID)+")")
	}
	return queryAll(ctx, tx, scanEvent, selectEvent+` FROM `+from+` WHERE `+strings.Join(where, " AND ")+
		` ORDER BY `+at+` DESC, `+id+` DESC LIMIT `+arg(f.Limit), args...)
}

const selectEvent = `SELECT e.seq, e.id, e.account_id, e.region, e.at, e.name, e.source, e.read_only, e.username, e.access_key_id, e.resources,
	e.document, e.data`

// EventsAfter lists at most limit events of the accounts, of any kind, that were written after the one of number after up to
// the one of number to, in the order of writing.
func (tx *Tx) EventsAfter(ctx context.Context, accountIDs []string, after, to int64, limit int) ([]Event, error) {
	f := new(filter).add("seq > ?", after).add("seq <= ?", to).in("account_id", accountIDs)
	where, args := f.sql(0)
	return queryAll(ctx, tx, scanEvent, selectEvent+` FROM events e`+where+fmt.Sprintf(` ORDER BY seq LIMIT %d`, limit), args...)
}

// LastEvent is the number of the event that was written last; 0 if there was none.
func (tx *Tx) LastEvent(ctx context.Context) (int64, error) {
	return queryOne(ctx, tx, func(s scanner) (seq int64, err error) {
		err = s.Scan(&seq)
		return seq, err
	}, `SELECT COALESCE(MAX(seq), 0) FROM events`)
}

func scanEvent(s scanner) (e Event, err error) {
	var readOnly, data int
	var resources JSON[[]EventResource]
	err = s.Scan(&e.Seq, &e.ID, &e.AccountID, &e.Region, &e.At, &e.Name, &e.Source, &readOnly, &e.Username, &e.AccessKeyID, &resources, &e.Document, &data)
	e.ReadOnly, e.Data, e.Resources = readOnly != 0, data != 0, resources.V
	return e, err
}

// DeleteEvents removes at most limit events that are older than before, and reports how many.
func (tx *Tx) DeleteEvents(ctx context.Context, before Micros, limit int) (int64, error) {
	return tx.exec(ctx, `DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE at < $1 ORDER BY at LIMIT $2)`, before, limit)
}
