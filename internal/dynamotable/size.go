package dynamotable

import (
	"maps"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is an item as the SDK has it.
type Item = map[string]types.AttributeValue

// The limits of DynamoDB, in bytes, items, and bytes of one request.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const (
	MaxItemBytes        = 400 << 10
	MaxTransactionBytes = 4 << 20
	MaxTransactionItems = 100
	MaxBatchGetKeys     = 100
	MaxBatchWriteItems  = 25
)

// WriteUnits returns what a write of an item of that size costs: one unit for each
// KB that it begins. A transaction costs twice as much.
func WriteUnits(size int) int { return max(1, (size+1023)/1024) }

// PutUnits returns what it costs to put an item that was not there, with its entry in the
// table's index. A transaction does not write the index: that follows, at the usual price.
func PutUnits(item Item, inTransaction bool) int {
	units := WriteUnits(SizeOf(item))
	if inTransaction {
		units *= 2
	}
	if _, listed := item[DirectoryKey]; listed {
		units++
	}
	return units
}

// sets takes each attribute that an update sets, and the name of its value.
var sets = regexp.MustCompile(`(#?\w+) = (:\w+)`)

// Updated returns what an update is known to leave: its key, and the attributes that it
// sets to values of its own.
func Updated(key Item, expression string, names map[string]string, values Item) Item {
	item := maps.Clone(key)
	for _, set := range sets.FindAllStringSubmatch(expression, -1) {
		name := set[1]
		if named, ok := names[name]; ok {
			name = named
		}
		if value := values[set[2]]; value != nil {
			item[name] = value
		}
	}
	return item
}

// ReadUnits returns what reading so many bytes with one request costs: a unit for
// each 4 KB strongly consistent, half as much eventually.
func ReadUnits(size int, strong bool) float64 {
	units := float64(max(1, (size+4095)/4096))
	if !strong {
		units /= 2
	}
	return units
}

// SizeOf returns an item's size as DynamoDB counts it.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func SizeOf(item Item) int {
	n := 0
	for name, value := range item {
		n += len(name) + sizeOfValue(value)
	}
	return n
}

func sizeOfValue(value types.AttributeValue) int {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return sizeOfNumber(v.Value)
	case *types.AttributeValueMemberSS:
		n := 0
		for _, s := range v.Value {
			n += len(s)
		}
		return n
	case *types.AttributeValueMemberL:
		n := 3
		for _, e := range v.Value {
			n += 1 + sizeOfValue(e)
		}
		return n
	case *types.AttributeValueMemberM:
		n := 3
		for name, e := range v.Value {
			n += 1 + len(name) + sizeOfValue(e)
		}
		return n
	}
	return 1 // a boolean or null
}

// sizeOfNumber is about one byte for two significant digits, one for the exponent,
// and one for a minus sign; Amazon gives no closer rule.
func sizeOfNumber(text string) int {
	sign := 0
	if strings.HasPrefix(text, "-") {
		sign = 1
	}
	digits := strings.TrimRight(strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(text, "-"), ".", ""), "0"), "0")
	return sign + (len(digits)+1)/2 + 1
}
