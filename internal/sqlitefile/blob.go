package sqlitefile

import "fmt"

// Blob is where bytes are scanned to that will be kept. Scanned into a []byte,
// database/sql copies them once more, for drivers that use their memory again. Ours
// copies each value out of SQLite's into memory of its own, which a test holds.
type Blob []byte

// Scan implements [database/sql.Scanner].
func (b *Blob) Scan(value any) error {
	switch v := value.(type) {
	case []byte:
		*b = v
	case string:
		*b = Blob(v)
	case nil:
		*b = nil
	default:
		return fmt.Errorf("%T is no blob", value)
	}
	return nil
}
