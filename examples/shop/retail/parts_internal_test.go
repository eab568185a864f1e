package retail

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/examples/shop/money"
)

// event has the fields of the shop's events.
type event struct {
	PurchaseID  string      `json:"purchaseId"`
	InvoiceID   string      `json:"invoiceId"`
	ProductID   string      `json:"productId"`
	Description string      `json:"description"`
	Quantity    int64       `json:"quantity"`
	UnitPrice   money.Money `json:"unitPrice"`
	Amount      money.Money `json:"amount"`
	Country     string      `json:"country"`
	Date        time.Time   `json:"date"`
}

func TestAFullPartFitsIntoACommitWhateverItsTextIs(t *testing.T) {
	t.Parallel()
	backslashes := strings.Repeat(`\`, 256)
	for name, raw := range map[string]string{
		"ordinary": `536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom`,
		"shortest": `1,A,,1,2010-12-01 08:26:00,1,,`,
		"escaped":  `"5` + strings.Repeat(`""`, 49) + `",` + backslashes + "," + strings.Repeat("\x01", 500) + ",1000000000,2010-12-01 08:26:00,0." + strings.Repeat("9", 29) + ",,\u2028",
		"long":     `1,` + strings.Repeat("é", 128) + "," + strings.Repeat("\u2028<&>", 5_000) + ",1,2010-12-01 08:26:00," + strings.Repeat("9", 30) + "," + strings.Repeat("9", 256) + ",\t",
	} {
		r, flt := decodeRow(raw, nil)
		require.Nil(t, flt, name)
		id := eventstore.EventID{Stream: stream(t, r.user), Version: 1<<63 - 1}
		payload, err := eventstore.JSON{}.Marshal(event{
			id.String(), r.invoice, r.line.ProductID, r.line.Description, r.line.Quantity, r.line.UnitPrice, r.line.Amount(),
			r.line.Country, r.line.Date,
		})
		require.NoError(t, err)
		require.True(t, json.Valid(payload))
		took := len(payload) + len("PURCHASE_RETURNED") + 8 // what the frame adds
		assert.LessOrEqual(t, took, eventBytes(r), name)
		t.Logf("%s: an event of %d bytes, counted as %d", name, took, eventBytes(r))
	}
}

func stream(t *testing.T, user string) eventstore.StreamID {
	t.Helper()
	id, err := eventstore.NewStreamID("user", user)
	require.NoError(t, err, "every user is a stream")
	return id
}
