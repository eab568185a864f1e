package dynamotest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// transaction is one under way, of which reads are not to see every item.
type transaction struct {
	unseen [][]byte // items, in one form of writing
}

// halfVisible carries a transaction out and holds its answer back. Reads that begin
// meanwhile do not see every second of the items that it puts, beginning with the second:
// so of a commit and its parts they see the commit.
func (p *Proxy) halfVisible(w http.ResponseWriter, r *http.Request, body []byte) {
	var request struct {
		TransactItems []struct {
			Put struct{ Item json.RawMessage }
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		fail(w)
		return
	}
	half := &transaction{}
	for i, item := range request.TransactItems {
		if i%2 == 1 && item.Put.Item != nil {
			half.unseen = append(half.unseen, canonical(item.Put.Item))
		}
	}
	p.mu.Lock()
	p.hidden[half] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.hidden, half)
		p.mu.Unlock()
	}()
	a, err := p.forward(context.WithoutCancel(r.Context()), r, body)
	if err != nil {
		cut(w)
		return
	}
	if a.status == http.StatusOK {
		select {
		case <-time.After(p.Delay):
		case <-r.Context().Done():
		}
	}
	a.send(w)
}

// canonical writes an item in one way, whatever the order of its attributes.
func canonical(item json.RawMessage) []byte {
	var value any
	if json.Unmarshal(item, &value) != nil {
		return item
	}
	text, _ := json.Marshal(value) // it came from JSON
	return text
}

// halves returns the transactions of which reads that begin now see a part.
func (p *Proxy) halves() []*transaction {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*transaction
	for half := range p.hidden {
		all = append(all, half)
	}
	return all
}

// hide takes unseen items out of the answer to a read. TransactGetItems sees a
// transaction whole, and so does GetItem its one item.
func hide(half []*transaction, operation string, body []byte) []byte {
	if len(half) == 0 || operation != "Query" && operation != "Scan" && operation != "BatchGetItem" {
		return body
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	if operation == "BatchGetItem" {
		var tables map[string][]json.RawMessage
		if json.Unmarshal(fields["Responses"], &tables) != nil {
			return body
		}
		for name := range tables {
			tables[name] = without(tables[name], half)
		}
		fields["Responses"], _ = json.Marshal(tables) // it came from JSON
	} else {
		var items []json.RawMessage
		if json.Unmarshal(fields["Items"], &items) != nil {
			return body
		}
		items = without(items, half)
		fields["Items"], _ = json.Marshal(items)
		fields["Count"], _ = json.Marshal(len(items))
	}
	hidden, _ := json.Marshal(fields)
	return hidden
}

func without(items []json.RawMessage, half []*transaction) []json.RawMessage {
	return slices.DeleteFunc(items, func(item json.RawMessage) bool {
		text := canonical(item)
		return slices.ContainsFunc(half, func(t *transaction) bool {
			return slices.ContainsFunc(t.unseen, func(unseen []byte) bool { return bytes.Equal(unseen, text) })
		})
	})
}
