package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
)

// sample returns a shop with the sample in it.
func sample(t *testing.T) *shop {
	t.Helper()
	path, err := filepath.Abs("sample.csv")
	require.NoError(t, err)
	s := newShop(t)
	s.must("load", path)
	return s
}

func TestAGuestsPurchasesAreTheUsersInOneStep(t *testing.T) {
	t.Parallel()
	s := sample(t)
	s.must("project")
	guest, user := "20001", "20002"
	before := s.must("state", "user-"+guest, "--json")
	g, u := parse[stateAnswer](t, before), parse[stateAnswer](t, s.must("state", "user-"+user, "--json"))
	require.Positive(t, g.PurchaseCount)
	s.must("email", guest, "Ada@example.com")
	assert.Contains(t, s.must("merge", guest, user), "wrote ")
	assert.Equal(t, guest+" was merged into "+user+" before\n", s.must("merge", guest, user))
	s.must("project")
	after := parse[stateAnswer](t, s.must("state", "user-"+user, "--json"))
	assert.Equal(t, g.PurchaseCount+u.PurchaseCount, after.PurchaseCount)
	assert.Equal(t, g.TotalSpent.Add(u.TotalSpent), after.TotalSpent)
	history := parse[historyAnswer](t, s.must("history", user, "--json"))
	assert.Equal(t, after.PurchaseCount, history.PurchaseCount)
	assert.Equal(t, after.TotalSpent, history.TotalSpent)
	assert.Equal(t, exitNotFound, s.run("history", guest).code, "the guest has no history any more")
	taken := 0
	for _, p := range history.Purchases {
		if strings.HasPrefix(p.PurchaseID, "user-"+guest+"@") {
			taken++
		}
	}
	assert.Positive(t, taken)
	assert.Contains(t, s.must("verify"), ", 0 faults")

	a := s.run("merge", "nobody", user)
	assert.Equal(t, exitNotFound, a.code)
	a = s.run("merge", user, user)
	assert.Equal(t, exitUsage, a.code)
	assert.Contains(t, s.must("email", user, "ada@example.com"), "wrote 1 event", "the guest gave it back")
}

func TestEmailSaysWhoHasAnAddress(t *testing.T) {
	t.Parallel()
	s := sample(t)
	s.must("email", "20001", "ada@example.com")
	assert.Equal(t, "20001 had this address before\n", s.must("email", "20001", "ada@example.com"))
	a := s.run("email", "20002", "ADA@example.com")
	assert.Equal(t, int(terminal.Changed), a.code)
	assert.Contains(t, a.stderr, `claim "email:ada@example.com" is taken by user-20001@`)
	assert.Equal(t, "ada@example.com", parse[stateAnswer](t, s.must("state", "user-20001", "--json")).Email)
}
