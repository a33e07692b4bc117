package state

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Part of the state is kept a second time, outside the database, so that the recovery points can be found and opened without
// it: see internal/catalogue. It is cut into documents, each of which holds all rows of some tables that belong together.

// CatalogueSection is a kind of document.
type CatalogueSection struct {
	Kind   string
	Tables []catalogueTable // in an order in which rows can be inserted
}

// catalogueTable is a table and which of its rows belong to a document; $1, $2 … are the elements of the document's key.
type catalogueTable struct{ name, where string }

// CatalogueSections are the kinds of documents, in an order in which they can be put back. The triggers of
// migrations/0975_catalogue.sql note what changes of them.
var CatalogueSections = []CatalogueSection{
	{Kind: "settings", Tables: []catalogueTable{
		{"settings", ""},
	}},
	{Kind: "organization", Tables: []catalogueTable{
		{"organizations", "id = $1"},
		{"organizational_units", "organization_id = $1"},
		{"organization_service_access", "organization_id = $1"},
		{"organization_service_access_periods", "organization_id = $1"},
		{"delegated_administrators", "organization_id = $1"},
		{"organization_resource_policies", "organization_id = $1"},
		{"organization_policies", "organization_id = $1"},
		{"organization_policy_types", "organization_id = $1"},
		{"organization_policy_changes", "organization_id = $1"},
		{"handshakes", "organization_id = $1"},
	}},
	{Kind: "organization-resource", Tables: []catalogueTable{
		{"organization_tags", "organization_id = $1 AND resource_id = $2"},
		{"organization_policy_attachments", "organization_id = $1 AND target_id = $2"},
	}},
	{Kind: "account", Tables: []catalogueTable{
		{"accounts", "id = $1"},
		{"users", "account_id = $1"},
		{"access_keys", "account_id = $1"},
		{"user_groups", "account_id = $1"},
		{"user_group_members", "account_id = $1"},
		{"roles", "account_id = $1"},
		{"policies", "account_id = $1"},
		{"policy_versions", "policy_arn IN (SELECT arn FROM policies WHERE account_id = $1)"},
		{"policy_attachments", "account_id = $1"},
		{"inline_policies", "account_id = $1"},
		{"instance_profiles", "account_id = $1"},
		{"login_profiles", "account_id = $1"},
		{"password_policies", "account_id = $1"},
		{"account_aliases", "account_id = $1"},
		{"mfa_devices", "account_id = $1"},
		{"user_credentials", "account_id = $1"},
		{"backup_settings", "account_id = $1"},
		{"volume_settings", "account = $1"},
		{"db_parameter_groups", "account_id = $1"},
		{"db_subnet_groups", "account_id = $1"},
		{"option_groups", "account_id = $1"},
	}},
	{Kind: "key", Tables: []catalogueTable{
		{"kms_keys", "id = $1 AND region = $2"},
		{"kms_key_materials", "key_id = $1 AND region = $2"},
		{"kms_aliases", "key_id = $1 AND region = $2"},
	}},
	{Kind: "grants", Tables: []catalogueTable{
		{"kms_grants", "key_id = $1 AND region = $2"},
	}},
	{Kind: "vault", Tables: []catalogueTable{
		{"backup_vaults", "arn = $1"},
	}},
	{Kind: "plan", Tables: []catalogueTable{
		{"backup_plans", "id = $1"},
		{"backup_plan_versions", "plan_id = $1"},
		{"backup_rule_schedules", "plan_id = $1"},
		{"backup_selections", "plan_id = $1"},
	}},
	{Kind: "point", Tables: []catalogueTable{
		{"recovery_points", "arn = $1"},
	}},
	{Kind: "hold", Tables: []catalogueTable{
		{"legal_holds", "id = $1"},
	}},
	{Kind: "snapshot", Tables: []catalogueTable{
		{"snapshots", "id = $1"},
	}},
	{Kind: "db-snapshot", Tables: []catalogueTable{
		{"db_snapshots", "kind = $1 AND account_id = $2 AND region = $3 AND id = $4"},
	}},
	{Kind: "topic", Tables: []catalogueTable{
		{"sns_topics", "arn = $1"},
		{"sns_subscriptions", "topic_arn = $1"},
	}},
	{Kind: "bus", Tables: []catalogueTable{
		{"event_buses", "arn = $1"},
	}},
	{Kind: "rule", Tables: []catalogueTable{
		{"event_rules", "arn = $1"},
	}},
}

// NotInCatalogue are the tables that exist in the database alone, with the reason.
var NotInCatalogue = map[string]string{
	// What can be made again of what is kept.
	"backup_vault_counts": "counted anew", "legal_hold_points": "found anew from what the holds are for", "effective_policies": "evaluated anew",
	// Records of what happened.
	"events": "record", "event_resources": "record", "db_events": "record", "backup_jobs": "record", "copy_jobs": "record", "restore_jobs": "record",
	"create_account_requests": "record", "service_linked_role_deletions": "record", "principal_uses": "record", "access_key_uses": "record",
	"iam_reports": "record", "volume_modifications": "record", "object_tokens": "record",
	"archive_packs": "record of what was read", "archive_verifications": "record", "archive_domains": "kept anew from the archives",
	// Live resources: what recovery points are made of, not what they are restored with. Their content is not in the archives.
	"buckets": "live resource", "bucket_settings": "live resource", "objects": "live resource", "uploads": "live resource", "upload_parts": "live resource",
	"volumes": "live resource", "databases": "live resource", "db_instances": "live resource", "db_clusters": "live resource",
	"functions": "live resource", "function_versions": "live resource", "function_aliases": "live resource", "event_source_mappings": "live resource",
	"sqs_queues": "live resource", "trails": "live resource", "trail_files": "live resource", "trail_digests": "live resource",
	// Messages on their way.
	"deliveries": "message", "function_events": "message", "sqs_messages": "message", "sqs_sequence": "message", "sqs_deduplications": "message",
	"sqs_move_tasks": "message", "sns_deduplications": "message",
	"catalogue_changes": "about the catalogue itself", "catalogue_documents": "about the catalogue itself",
}

func sectionNamed(kind string) (CatalogueSection, error) {
	for _, s := range CatalogueSections {
		if s.Kind == kind {
			return s, nil
		}
	}
	return CatalogueSection{}, fmt.Errorf("the catalogue has no documents of the kind %q", kind)
}

// TableNames are the tables whose rows belong to a document of the section, in an order in which they can be put back.
func (s CatalogueSection) TableNames() (names []string) {
	for _, t := range s.Tables {
		names = append(names, t.name)
	}
	return names
}

// CatalogueChange says that a document of the catalogue has changed, and is to be stored as version Seq.
type CatalogueChange struct {
	Seq     int64
	Section string
	Key     string // JSON array
	Region  string // whose store it lies in; empty for what belongs to no Region
}

func scanCatalogueChange(s scanner) (c CatalogueChange, err error) {
	return c, s.Scan(&c.Seq, &c.Section, &c.Key, &c.Region)
}

// CatalogueChanges lists the changes that are not stored yet, the oldest first, behind a number.
func (tx *Tx) CatalogueChanges(ctx context.Context, after int64, limit int) ([]CatalogueChange, error) {
	return queryAll(ctx, tx, scanCatalogueChange, `SELECT seq, section, key, region FROM catalogue_changes WHERE seq > $1
		ORDER BY seq LIMIT $2`, after, limit)
}

// newestCatalogueChanges are the newest change that is not stored yet, and the newest of those that their makers wait for; 0 for none.
func (tx *Tx) newestCatalogueChanges(ctx context.Context) (newest, awaited int64, err error) {
	both, err := queryOne(ctx, tx, func(s scanner) (both [2]int64, err error) { return both, s.Scan(&both[0], &both[1]) },
		`SELECT COALESCE((SELECT MAX(seq) FROM catalogue_changes), 0), COALESCE((SELECT MAX(seq) FROM catalogue_changes WHERE awaited = 1), 0)`)
	return both[0], both[1], err
}

// CatalogueDocument is the version of a document that is stored; [ErrNotFound] if none is.
func (tx *Tx) CatalogueDocument(ctx context.Context, section, key string) (CatalogueChange, error) {
	return queryOne(ctx, tx, scanCatalogueChange, `SELECT seq, section, key, region FROM catalogue_documents
		WHERE section = $1 AND key = $2`, section, key)
}

// CatalogueDocuments lists the versions of documents that are stored.
func (tx *Tx) CatalogueDocuments(ctx context.Context) ([]CatalogueChange, error) {
	return queryAll(ctx, tx, scanCatalogueChange, `SELECT seq, section, key, region FROM catalogue_documents`)
}

// ReconcileCatalogue has versions to come be newer than the one given, and notes documents that are to be stored anew.
func (tx *Tx) ReconcileCatalogue(ctx context.Context, newest int64, again []CatalogueChange) error {
	if _, err := tx.exec(ctx, `UPDATE sqlite_sequence SET seq = $1 WHERE name = 'catalogue_changes' AND seq < $1`, newest); err != nil {
		return err
	}
	for _, c := range again {
		if _, err := tx.exec(ctx, `INSERT INTO catalogue_changes (section, key, region, awaited) VALUES ($1, $2, $3, 0)`, c.Section, c.Key, c.Region); err != nil {
			return err
		}
	}
	return nil
}

// HasCatalogue reports whether any document is known to be stored.
func (tx *Tx) HasCatalogue(ctx context.Context) (bool, error) {
	return queryOne(ctx, tx, func(s scanner) (has bool, err error) { return has, s.Scan(&has) },
		`SELECT EXISTS (SELECT 1 FROM catalogue_documents)`)
}

// PutCatalogueDocument notes that this version of a document is the one that is stored.
func (tx *Tx) PutCatalogueDocument(ctx context.Context, c CatalogueChange) error {
	_, err := tx.exec(ctx, `INSERT INTO catalogue_documents (section, key, region, seq) VALUES ($1, $2, $3, $4)
		ON CONFLICT (section, key) DO UPDATE SET region = excluded.region, seq = excluded.seq`, c.Section, c.Key, c.Region, c.Seq)
	return err
}

// DeleteCatalogueDocument notes that none is.
func (tx *Tx) DeleteCatalogueDocument(ctx context.Context, section, key string) error {
	_, err := tx.exec(ctx, `DELETE FROM catalogue_documents WHERE section = $1 AND key = $2`, section, key)
	return err
}

// DeleteCatalogueChanges forgets the changes of a document up to the version that is stored.
func (tx *Tx) DeleteCatalogueChanges(ctx context.Context, c CatalogueChange) error {
	_, err := tx.exec(ctx, `DELETE FROM catalogue_changes WHERE seq <= $1 AND section = $2 AND key = $3`, c.Seq, c.Section, c.Key)
	return err
}

// CatalogueHome notes that all documents of no Region are to be stored anew: what stores them has become another.
func (tx *Tx) CatalogueHome(ctx context.Context) error {
	_, err := tx.exec(ctx, `INSERT INTO catalogue_changes (section, key, region, awaited)
		SELECT section, key, region, 0 FROM catalogue_documents WHERE region = ''`)
	return err
}

// A CatalogueKeeper stores the documents of the catalogue outside the database.
type CatalogueKeeper interface {
	// Changed says that there may be changes to store. It does not wait.
	Changed()
	// Wait returns once the changes behind a number, up to another, are stored, or says why they are not.
	Wait(ctx context.Context, after, upTo int64) error
}

// KeepCatalogue has [DB.Update] tell the keeper of changes, and wait for it where something has changed that is not to be
// acknowledged before it is kept outside the database.
func (db *DB) KeepCatalogue(keeper CatalogueKeeper) { db.keeper.Store(&keeper) }

// NoteCatalogue runs fn in a transaction that may write what is known of stored documents, and does not wait for the keeper: the
// keeper itself calls it.
func (db *DB) NoteCatalogue(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	return run(ctx, db.writing, db.clock, fn)
}

// ErrNotKept says that a change was committed, but could not be stored outside the database.
var ErrNotKept = errors.New("the catalogue's second copy could not be written")

// UpdateKept is [DB.Update] for what must not be used before it is kept outside the database: keys, without which what they sealed
// would be lost with the database. Its error then wraps [ErrNotKept], and the change is there.
func (db *DB) UpdateKept(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	notKept, err := db.update(ctx, fn)
	if err == nil && notKept != nil {
		err = fmt.Errorf("%w: %w", ErrNotKept, notKept)
	}
	return err
}

// CatalogueRows are the rows of a document, by table: what a row holds by column. Numbers are int64 or float64, texts strings,
// and blobs [Blob].
type CatalogueRows map[string][]map[string]any

// Blob is a value of bytes in a document.
type Blob []byte

// MarshalJSON tells bytes from texts.
func (b Blob) MarshalJSON() ([]byte, error) { return json.Marshal(map[string][]byte{"bytes": b}) }

// rawText is a text that is no UTF-8, which JSON cannot hold.
type rawText []byte

// MarshalJSON tells it from other texts.
func (r rawText) MarshalJSON() ([]byte, error) { return json.Marshal(map[string][]byte{"text": r}) }

// Empty reports whether there are none.
func (r CatalogueRows) Empty() bool {
	for _, rows := range r {
		if len(rows) > 0 {
			return false
		}
	}
	return true
}

// CatalogueRows reads what belongs to a document now.
func (tx *Tx) CatalogueRows(ctx context.Context, section, key string) (CatalogueRows, error) {
	s, err := sectionNamed(section)
	if err != nil {
		return nil, err
	}
	var args []any
	if err := json.Unmarshal([]byte(key), &args); err != nil {
		return nil, fmt.Errorf("the key %s of a document: %w", key, err)
	}
	all := CatalogueRows{}
	for _, t := range s.Tables {
		query := "SELECT * FROM " + t.name
		if t.where != "" {
			query += " WHERE " + t.where
		}
		rows, err := tx.queryContext(ctx, query, args...)
		if err != nil {
			return nil, translate(err)
		}
		if all[t.name], err = readCatalogueRows(rows); err != nil {
			return nil, translate(err)
		}
		if len(all[t.name]) == 0 {
			delete(all, t.name)
		}
	}
	return all, nil
}

func readCatalogueRows(rows *sql.Rows) (all []map[string]any, err error) {
	defer rows.Close() //nolint:errcheck // Err below tells
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := map[string]any{}
		for i, name := range columns {
			switch v := values[i].(type) {
			case []byte:
				row[name] = Blob(v)
			case bool: // the driver's word for what a column declared BOOLEAN holds
				row[name] = int64(0)
				if v {
					row[name] = int64(1)
				}
			case string:
				row[name] = v
				if !utf8.ValidString(v) {
					row[name] = rawText(v)
				}
			default:
				row[name] = v
			}
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// ParseCatalogueRows reads the JSON of rows.
func ParseCatalogueRows(text []byte) (CatalogueRows, error) {
	var raw map[string][]map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	all := CatalogueRows{}
	for table, rows := range raw {
		for _, from := range rows {
			row := map[string]any{}
			for column, value := range from {
				v, err := parseCatalogueValue(value)
				if err != nil {
					return nil, fmt.Errorf("%s.%s: %w", table, column, err)
				}
				row[column] = v
			}
			all[table] = append(all[table], row)
		}
	}
	return all, nil
}

func parseCatalogueValue(text json.RawMessage) (any, error) {
	if bytes.HasPrefix(text, []byte("{")) {
		var raw struct{ Bytes, Text []byte }
		err := json.Unmarshal(text, &raw)
		if raw.Text != nil {
			return string(raw.Text), err
		}
		return Blob(raw.Bytes), err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	number, is := v.(json.Number)
	if !is {
		return v, nil
	}
	if n, err := number.Int64(); err == nil {
		return n, nil
	}
	return number.Float64()
}

// InsertCatalogueRows puts the rows of a document back. Columns that a table no longer has are left out.
func (tx *Tx) InsertCatalogueRows(ctx context.Context, section string, all CatalogueRows) error {
	s, err := sectionNamed(section)
	if err != nil {
		return err
	}
	for _, t := range s.Tables {
		if len(all[t.name]) == 0 {
			continue
		}
		columns, err := tx.columns(ctx, t.name)
		if err != nil {
			return err
		}
		for _, row := range all[t.name] {
			if err := tx.insertCatalogueRow(ctx, t.name, columns, row); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
	}
	return nil
}

func (tx *Tx) insertCatalogueRow(ctx context.Context, table string, columns []string, row map[string]any) error {
	var names, marks []string
	var values []any
	for _, name := range columns {
		value, has := row[name]
		if !has {
			continue
		}
		if blob, is := value.(Blob); is {
			value = []byte(blob)
		}
		names, values = append(names, name), append(values, value)
		marks = append(marks, fmt.Sprintf("$%d", len(names)))
	}
	if len(names) == 0 {
		return errors.New("a row has no column that is known")
	}
	_, err := tx.exec(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", values...)
	return err
}

func (tx *Tx) columns(ctx context.Context, table string) ([]string, error) {
	return queryAll(ctx, tx, scanString, `SELECT name FROM pragma_table_info($1) ORDER BY cid`, table)
}

// CatalogueTables lists the tables of which the catalogue has rows.
func CatalogueTables() (all []string) {
	for _, s := range CatalogueSections {
		for _, t := range s.Tables {
			all = append(all, t.name)
		}
	}
	return all
}
