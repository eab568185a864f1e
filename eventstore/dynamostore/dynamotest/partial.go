package dynamotest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// sizeOfBatch returns the number of elements of a batch.
func sizeOfBatch(body []byte) int {
	var request struct{ RequestItems map[string]json.RawMessage }
	if json.Unmarshal(body, &request) != nil {
		return 0
	}
	n := 0
	for _, of := range request.RequestItems {
		n += len(listOf(of))
	}
	return n
}

// listOf returns the elements of a table's part of a batch.
func listOf(of json.RawMessage) []json.RawMessage {
	var writes []json.RawMessage
	if json.Unmarshal(of, &writes) == nil {
		return writes
	}
	var keys struct{ Keys []json.RawMessage }
	if json.Unmarshal(of, &keys) == nil {
		return keys.Keys
	}
	return nil
}

// withList returns a table's part with other elements.
func withList(of json.RawMessage, list []json.RawMessage) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(of, &fields) != nil {
		return json.Marshal(list)
	}
	keys, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	fields["Keys"] = keys
	return json.Marshal(fields)
}

// divide splits a batch: of each table the first half, rounded up, and the rest.
func divide(body []byte) (first []byte, rest map[string]json.RawMessage, err error) {
	var request map[string]json.RawMessage
	var tables map[string]json.RawMessage
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(request["RequestItems"], &tables); err != nil {
		return nil, nil, err
	}
	taken := map[string]json.RawMessage{}
	rest = map[string]json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		list := listOf(tables[name])
		n := (len(list) + 1) / 2
		if taken[name], err = withList(tables[name], list[:n]); err != nil {
			return nil, nil, err
		}
		if n < len(list) {
			if rest[name], err = withList(tables[name], list[n:]); err != nil {
				return nil, nil, err
			}
		}
	}
	if request["RequestItems"], err = json.Marshal(taken); err != nil {
		return nil, nil, err
	}
	first, err = json.Marshal(request)
	return first, rest, err
}

var unprocessedField = map[string]string{"BatchWriteItem": "UnprocessedItems", "BatchGetItem": "UnprocessedKeys"}

// unprocessed names all of a batch as unprocessed.
func unprocessed(w http.ResponseWriter, operation string, body []byte) {
	var request struct{ RequestItems json.RawMessage }
	if err := json.Unmarshal(body, &request); err != nil {
		fail(w)
		return
	}
	respond(w, http.StatusOK, map[string]any{unprocessedField[operation]: request.RequestItems, "Responses": map[string]any{}})
}

// partial carries a part of a batch out, and names the rest as unprocessed.
func (p *Proxy) partial(w http.ResponseWriter, r *http.Request, operation string, body []byte) {
	first, rest, err := divide(body)
	if err != nil {
		fail(w)
		return
	}
	a, err := p.forward(r.Context(), r, first)
	if err != nil {
		cut(w)
		return
	}
	if a.status == http.StatusOK {
		if a.body, err = addUnprocessed(a.body, unprocessedField[operation], rest); err != nil {
			fail(w)
			return
		}
	}
	a.send(w)
}

// addUnprocessed adds to what the server has left over by itself.
func addUnprocessed(body []byte, field string, rest map[string]json.RawMessage) ([]byte, error) {
	var fields, left map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	if len(fields[field]) > 0 {
		if err := json.Unmarshal(fields[field], &left); err != nil {
			return nil, err
		}
	}
	for name, of := range left {
		list := listOf(of)
		if more, ok := rest[name]; ok {
			list = append(list, listOf(more)...)
		}
		with, err := withList(of, list)
		if err != nil {
			return nil, err
		}
		rest[name] = with
	}
	var err error
	if fields[field], err = json.Marshal(rest); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}
