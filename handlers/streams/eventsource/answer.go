package eventsource

import (
	"encoding/json"
	"fmt"
	"slices"
)

// leftOf returns what is to be repeated by an answer: the records from the lowest on that
// it names. An answer that names none, or is empty, means success. One that names a record
// wrongly, or that is no JSON, fails the whole batch.
func leftOf(b []message, answer []byte) ([]message, error) {
	if len(answer) == 0 {
		return nil, nil
	}
	var content *struct {
		BatchItemFailures []map[string]*string `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &content); err != nil {
		return nil, fmt.Errorf("the answer is not understood: %w", err)
	}
	if content == nil {
		return nil, nil
	}
	first := len(b)
	for _, failure := range content.BatchItemFailures {
		sequence := failure["itemIdentifier"]
		if sequence == nil || *sequence == "" {
			return nil, fmt.Errorf("the answer names a record without an itemIdentifier")
		}
		i := slices.IndexFunc(b, func(m message) bool { return compareSequences(m.record.Change.SequenceNumber, *sequence) == 0 })
		if i < 0 {
			return nil, fmt.Errorf("the answer names the record %s, which is not in the batch", *sequence)
		}
		first = min(first, i)
	}
	return b[first:], nil
}
