package state

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// Micros is a time as columns hold it: microseconds since 1970, UTC; 0 means none.
type Micros int64

// MicrosOf converts t; the zero time becomes 0.
func MicrosOf(t time.Time) Micros {
	if t.IsZero() {
		return 0
	}
	return Micros(t.UnixMicro())
}

// Time converts back; 0 becomes the zero time.
func (m Micros) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).UTC()
}

// Ptr is Time for the SDK's optional fields: nil for none.
func (m Micros) Ptr() *time.Time {
	if m == 0 {
		return nil
	}
	t := m.Time()
	return &t
}

// JSON is a column that holds V as JSON text.
type JSON[T any] struct{ V T }

// Value implements driver.Valuer.
func (j JSON[T]) Value() (driver.Value, error) {
	text, err := json.Marshal(j.V)
	return string(text), err
}

// Scan implements sql.Scanner.
func (j *JSON[T]) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(src), &j.V)
	case []byte:
		return json.Unmarshal(src, &j.V)
	}
	return fmt.Errorf("a JSON column holds %T", src)
}
