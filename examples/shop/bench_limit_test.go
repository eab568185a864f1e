package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/internal/frame"
)

// Both projections, written down by hand with nothing but the driver: read everything
// in the order in which it lies in the file, fold it, write the final rows.

type bareHistory struct {
	PurchaseHistory
	purchases []barePurchase
	last      int64
}

type barePurchase struct {
	PurchaseEntry
	version int64
}

type bareFold struct {
	products map[string]*ProductStats
	users    map[string]*bareHistory
	revs     map[string]string // of the rows of products
}

// projectBare writes the final rows of both projections, in so many transactions.
func projectBare(path string, transactions int) error {
	ctx := context.Background()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=1; PRAGMA checkpoint_fullfsync=1"); err != nil {
		return err
	}
	f := bareFold{map[string]*ProductStats{}, map[string]*bareHistory{}, map[string]string{}}
	if err := f.read(ctx, conn); err != nil {
		return err
	}
	return f.write(ctx, conn, transactions)
}

func (f *bareFold) read(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, "SELECT stream, version, frame, events FROM commits ORDER BY position")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var stream string
		var version int64
		var header, text []byte
		if err := rows.Scan(&stream, &version, &header, &text); err != nil {
			return err
		}
		events, err := frame.Decode(header, text, nil)
		if err != nil {
			return err
		}
		for i, e := range events {
			event, err := decodeBare(e)
			if err != nil {
				return err
			}
			f.fold(strings.TrimPrefix(stream, customerCategory+"-"), version+int64(i), event)
		}
	}
	return rows.Err()
}

// decodeBare decodes an event without a registry.
func decodeBare(e eventstore.Event) (CustomerEvent, error) {
	if e.Type == "PURCHASE_MADE" {
		var made PurchaseMade
		err := json.Unmarshal(e.Payload, &made)
		return made, err
	}
	var returned PurchaseReturned
	err := json.Unmarshal(e.Payload, &returned)
	return returned, err
}

func (f *bareFold) fold(id string, version int64, event CustomerEvent) {
	user := f.users[id]
	if user == nil {
		user = &bareHistory{PurchaseHistory: PurchaseHistory{UserID: id}}
		f.users[id] = user
	}
	user.last = version
	switch e := event.(type) {
	case PurchaseMade:
		product := f.product(e.Line)
		product.TotalSales = product.TotalSales.Add(e.Amount)
		product.UnitsSold += e.Quantity
		product.PurchaseCount++
		user.TotalSpent = user.TotalSpent.Add(e.Amount)
		user.PurchaseCount++
		user.purchases = append(user.purchases, barePurchase{PurchaseEntry{PurchaseID: e.PurchaseID, ProductID: e.ProductID,
			Quantity: e.Quantity, Amount: e.Amount, Date: e.Date}, version})
	case PurchaseReturned:
		product := f.product(e.Line)
		product.TotalReturned = product.TotalReturned.Add(e.Amount)
		product.UnitsReturned += e.Quantity
		product.ReturnCount++
		user.TotalReturned = user.TotalReturned.Add(e.Amount)
		user.ReturnCount++ // returns of the file do not name a purchase
	}
}

func (f *bareFold) product(l Line) *ProductStats {
	product := f.products[l.ProductID]
	if product == nil {
		product = &ProductStats{}
		f.products[l.ProductID] = product
	}
	product.seen(l)
	f.revs[l.ProductID] = l.PurchaseID
	return product
}

// bareWriter writes rows in transactions of one size.
type bareWriter struct {
	begin, commit, row, checkpoint *sql.Stmt
	size, open                     int
}

func (w *bareWriter) exec(statement *sql.Stmt, args ...any) (err error) {
	if w.open == 0 {
		_, err = w.begin.Exec()
	}
	if err == nil {
		_, err = statement.Exec(args...)
	}
	if w.open++; err == nil && w.open == w.size {
		return w.end()
	}
	return err
}

func (w *bareWriter) end() error {
	w.open = 0
	_, err := w.commit.Exec()
	return err
}

func (w *bareWriter) put(place int, partition, sort, rev string, content any) error {
	text, err := eventstore.JSON{}.Marshal(content)
	if err != nil {
		return err
	}
	return w.exec(w.row, place, partition, sort, rev, string(text))
}

// barePlaces are numbered: checkpoints and rows of product-stats, checkpoints and rows
// of purchase-history, purchases.
const barePlaces = `INSERT INTO places(id, projection, generation, view) VALUES (1, 'product-stats', 1, ''), (2, 'product-stats', 1, 'product-stats'),
	(3, 'purchase-history', 1, ''), (4, 'purchase-history', 1, '@purchase-history'), (5, 'purchase-history', 1, 'purchases')`

func (f *bareFold) write(ctx context.Context, conn *sql.Conn, transactions int) (err error) {
	if _, err := conn.ExecContext(ctx, barePlaces); err != nil {
		return err
	}
	rows := len(f.products) + 3*len(f.users)
	for _, u := range f.users {
		rows += len(u.purchases)
	}
	w := bareWriter{size: (rows + transactions - 1) / transactions}
	for statement, query := range map[**sql.Stmt]string{
		&w.begin: "BEGIN IMMEDIATE", &w.commit: "COMMIT",
		&w.row:        "INSERT INTO rows(place, partition, sort, rev, content) VALUES (?, ?, ?, ?, ?)",
		&w.checkpoint: "INSERT INTO checkpoints(place, stream, version) VALUES (?, ?, ?)",
	} {
		if *statement, err = conn.PrepareContext(ctx, query); err != nil {
			return err
		}
		defer (*statement).Close()
	}
	for _, id := range slices.Sorted(maps.Keys(f.products)) {
		err = errors.Join(err, w.put(2, id, "", f.revs[id], f.products[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(f.users)) {
		u := f.users[id]
		stream := customerCategory + "-" + id
		err = errors.Join(err, w.exec(w.checkpoint, 1, stream, u.last), w.exec(w.checkpoint, 3, stream, u.last),
			w.put(4, stream, "", fmt.Sprintf("%s@%d", stream, u.last), u.PurchaseHistory))
		for _, p := range u.purchases {
			err = errors.Join(err, w.put(5, id, fmt.Sprintf("%012d", p.version), p.PurchaseID, p.PurchaseEntry))
		}
	}
	if w.open > 0 {
		err = errors.Join(err, w.end())
	}
	return err
}
