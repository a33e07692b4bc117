package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// A row struct names its columns by tags: `db:"created_at"`, or `db:"tags,json"` for a field that is kept as JSON text.
// The functions of this file read and write whole rows by them.

type column struct {
	name  string
	index int
	json  bool
}

var rowColumns sync.Map // reflect.Type → []column

func columnsOf(t reflect.Type) []column {
	if known, ok := rowColumns.Load(t); ok {
		return known.([]column)
	}
	var columns []column
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("db")
		if !ok {
			continue
		}
		name, kind, _ := strings.Cut(tag, ",")
		columns = append(columns, column{name: name, index: i, json: kind == "json"})
	}
	known, _ := rowColumns.LoadOrStore(t, columns)
	return known.([]column)
}

// selectRow is "SELECT its columns FROM table ".
func selectRow[T any](table string) string {
	columns := columnsOf(reflect.TypeFor[T]())
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM " + table + " "
}

// scanRow reads what selectRow selects.
func scanRow[T any](s scanner) (T, error) {
	var row T
	v := reflect.ValueOf(&row).Elem()
	columns := columnsOf(v.Type())
	dest := make([]any, len(columns))
	for i, c := range columns {
		dest[i] = v.Field(c.index).Addr().Interface()
		if c.json {
			dest[i] = &jsonColumn{dest[i]}
		}
	}
	return row, s.Scan(dest...)
}

// jsonColumn scans JSON text into what it points to.
type jsonColumn struct{ into any }

func (j *jsonColumn) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(src), j.into)
	case []byte:
		return json.Unmarshal(src, j.into)
	}
	return fmt.Errorf("a JSON column holds %T", src)
}

// rowValues are the values of the row's columns, in the order of columnsOf.
func rowValues(row any) ([]column, []any, error) {
	v := reflect.ValueOf(row)
	columns := columnsOf(v.Type())
	values := make([]any, len(columns))
	for i, c := range columns {
		values[i] = v.Field(c.index).Interface()
		if c.json {
			text, err := json.Marshal(values[i])
			if err != nil {
				return nil, nil, fmt.Errorf("column %s: %w", c.name, err)
			}
			values[i] = string(text)
		}
	}
	return columns, values, nil
}

// insertRow inserts a whole row; [ErrExists] if its key or a unique name is taken.
func insertRow(ctx context.Context, tx *Tx, table string, row any) error {
	columns, values, err := rowValues(row)
	if err != nil {
		return err
	}
	names, marks := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], marks[i] = c.name, fmt.Sprintf("$%d", i+1)
	}
	_, err = tx.exec(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", values...)
	return err
}

// updateRow writes a whole row where the filter holds, and reports how many rows that were.
func updateRow(ctx context.Context, tx *Tx, table string, row any, f *filter) (int64, error) {
	columns, values, err := rowValues(row)
	if err != nil {
		return 0, err
	}
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = fmt.Sprintf("%s = $%d", c.name, i+1)
	}
	where, args := f.sql(len(columns))
	return tx.exec(ctx, "UPDATE "+table+" SET "+strings.Join(sets, ", ")+where, append(values, args...)...)
}

// filter collects conditions that all must hold.
type filter struct {
	conditions []string // with ? for each argument
	args       []any
}

// add adds a condition; its arguments stand as ? in it.
func (f *filter) add(condition string, args ...any) *filter {
	f.conditions = append(f.conditions, condition)
	f.args = append(f.args, args...)
	return f
}

// eq demands column = value unless the value is zero, which means any.
func (f *filter) eq(name string, value any) *filter {
	if reflect.ValueOf(value).IsZero() {
		return f
	}
	return f.add(name+" = ?", value)
}

// in demands that the column holds one of the values.
func (f *filter) in(name string, values []string) *filter {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	if len(args) == 0 {
		return f.add("1 = 0")
	}
	return f.add(name+" IN (?"+strings.Repeat(", ?", len(args)-1)+")", args...)
}

// between demands after < column < before; zero bounds are open.
func (f *filter) between(name string, after, before Micros) *filter {
	if after != 0 {
		f.add(name+" > ?", after)
	}
	if before != 0 {
		f.add(name+" < ?", before)
	}
	return f
}

// sql renders the WHERE clause with placeholders numbered behind the first n.
func (f *filter) sql(n int) (string, []any) {
	if len(f.conditions) == 0 {
		return "", nil
	}
	var b strings.Builder
	b.WriteString(" WHERE ")
	for _, r := range strings.Join(f.conditions, " AND ") {
		if r == '?' {
			n++
			fmt.Fprintf(&b, "$%d", n)
			continue
		}
		b.WriteRune(r)
	}
	return b.String(), f.args
}

// selectWhere reads the rows that the filter lets through; tail is ORDER BY and the like.
func selectWhere[T any](ctx context.Context, tx *Tx, table string, f *filter, tail string) ([]T, error) {
	where, args := f.sql(0)
	return queryAll(ctx, tx, scanRow[T], selectRow[T](table)+where+" "+tail, args...)
}

// Cursor is where a list that is sorted newest first goes on: behind the row with this time and id. The zero cursor is
// the list's beginning.
type Cursor struct {
	At Micros
	ID string
}

// page reads at most limit rows, newest first, behind the cursor; a limit of 0 reads all.
func page[T any](ctx context.Context, tx *Tx, table, at, id string, f *filter, after Cursor, limit int) ([]T, error) {
	if after != (Cursor{}) {
		// The first condition, which follows from the second, lets an index begin where the page does.
		f.add(at+" <= ?", after.At)
		f.add("("+at+" < ? OR ("+at+" = ? AND "+id+" < ?))", after.At, after.At, after.ID)
	}
	tail := "ORDER BY " + at + " DESC, " + id + " DESC"
	if limit > 0 {
		tail += fmt.Sprintf(" LIMIT %d", limit)
	}
	return selectWhere[T](ctx, tx, table, f, tail)
}

func joinAnd(conditions []string) string { return strings.Join(conditions, " AND ") }

// updateGuarded writes a row whose filter guards it; [ErrConflict] if the guard does not hold.
func updateGuarded(ctx context.Context, tx *Tx, table string, row any, f *filter) error {
	n, err := updateRow(ctx, tx, table, row, f)
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// ErrConflict says that a row is not (any more) in the state that a change was meant for.
var ErrConflict = errors.New("the row has changed")
