package dynamotable

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// S returns a string as an attribute.
func S(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// B returns bytes as an attribute, which shares them.
func B(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

// N returns a whole number as an attribute.
func N[T ~int | ~int64 | ~uint64](n T) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
}

// L returns strings as a list.
func L(all []string) types.AttributeValue {
	list := make([]types.AttributeValue, len(all))
	for i, s := range all {
		list[i] = S(s)
	}
	return &types.AttributeValueMemberL{Value: list}
}

// Reader reads the attributes of an item. What can not be read is zero, and the first
// such failure stays in Err.
type Reader struct {
	Item Item
	Err  error
}

func (r *Reader) fail(name, want string) {
	if r.Err == nil {
		r.Err = fmt.Errorf("the attribute %q is not %s", name, want)
	}
}

// String returns a string, which has to be there.
func (r *Reader) String(name string) string {
	v, ok := r.Item[name].(*types.AttributeValueMemberS)
	if !ok {
		r.fail(name, "a string")
		return ""
	}
	return v.Value
}

// Bytes returns bytes, which have to be there.
func (r *Reader) Bytes(name string) []byte {
	v, ok := r.Item[name].(*types.AttributeValueMemberB)
	if !ok {
		r.fail(name, "binary")
		return nil
	}
	return v.Value
}

// Int returns a whole number, which has to be there.
func (r *Reader) Int(name string) int64 {
	v, ok := r.Item[name].(*types.AttributeValueMemberN)
	if !ok {
		r.fail(name, "a number")
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		r.fail(name, "a whole number")
		return 0
	}
	return n
}

// Strings returns a list of strings, which has to be there.
func (r *Reader) Strings(name string) (all []string) {
	list, ok := r.Item[name].(*types.AttributeValueMemberL)
	if !ok {
		r.fail(name, "a list")
		return nil
	}
	for _, v := range list.Value {
		text, ok := v.(*types.AttributeValueMemberS)
		if !ok {
			r.fail(name, "a list of strings")
			return nil
		}
		all = append(all, text.Value)
	}
	return all
}

// Has reports whether an attribute is there.
func (r *Reader) Has(name string) bool {
	_, ok := r.Item[name]
	return ok
}
