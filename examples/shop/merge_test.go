package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
)

// sent is the receipt of a command.
type sent struct {
	Schema int      `json:"schema"`
	ID     string   `json:"id"`
	Events []string `json:"events"`
	Token  string   `json:"token"`
}

// merge and email send these commands.
func (s *shop) merge(guest, user string) answer {
	s.Helper()
	return s.run("send", "merge", fmt.Sprintf(`{"guest":%q,"user":%q}`, guest, user), "--json")
}

func (s *shop) email(user, address string) answer {
	s.Helper()
	return s.run("send", "set-email", fmt.Sprintf(`{"user":%q,"email":%q}`, user, address), "--json")
}

// wrote is the events that a command has written.
func wrote(tb testing.TB, a answer) []string {
	tb.Helper()
	require.Zero(tb, a.code, a.stderr)
	return decode[sent](tb, a.stdout).Events
}

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
	require.NotEmpty(t, wrote(t, s.email(guest, "Ada@example.com")))
	assert.NotEmpty(t, wrote(t, s.merge(guest, user)))
	assert.Empty(t, wrote(t, s.merge(guest, user)), "it was merged before")
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

	assert.Equal(t, exitNotFound, s.merge("nobody", user).code)
	assert.Equal(t, exitUsage, s.merge(user, user).code)
	assert.Len(t, wrote(t, s.email(user, "ada@example.com")), 1, "the guest gave it back")
}

func TestEmailSaysWhoHasAnAddress(t *testing.T) {
	t.Parallel()
	s := sample(t)
	require.Len(t, wrote(t, s.email("20001", "ada@example.com")), 1)
	assert.Empty(t, wrote(t, s.email("20001", "ada@example.com")), "it is the customer's already")
	a := s.email("20002", "ADA@example.com")
	assert.Equal(t, int(terminal.Changed), a.code)
	assert.Contains(t, a.stderr, `claim \"email:ada@example.com\" is taken by user-20001@`)
	assert.Contains(t, a.stderr, `"refusal":"email-taken"`)
	assert.Equal(t, "ada@example.com", parse[stateAnswer](t, s.must("state", "user-20001", "--json")).Email)
}
