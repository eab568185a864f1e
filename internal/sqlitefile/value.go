package sqlitefile

import "errors"

// ErrType: a row holds a value of another type than its column has: somebody else wrote
// it, since SQLite takes any. The values are not in the error.
var ErrType = errors.New("a row holds a value of a wrong type")

// Int is where a whole number is scanned to.
type Int int64

// Scan implements [database/sql.Scanner].
func (i *Int) Scan(value any) error {
	v, ok := value.(int64)
	if !ok {
		return ErrType
	}
	*i = Int(v)
	return nil
}

// Text is where a string is scanned to.
type Text string

// Scan implements [database/sql.Scanner].
func (t *Text) Scan(value any) error {
	v, ok := value.(string)
	if !ok {
		return ErrType
	}
	*t = Text(v)
	return nil
}

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
		return ErrType
	}
	return nil
}
