package commands_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/commands"
)

// Each form that the refusal of another one names is taken, and a date is the moment at
// which the day starts in UTC.
func TestAMomentIsTakenInEachFormThatIsNamed(t *testing.T) {
	t.Parallel()
	_, err := commands.ParseMoment("noon")
	require.Error(t, err)
	for form, moment := range map[string]string{
		"2011-01-31": "2011-01-31T00:00:00Z", "2011-01-31 12:00": "2011-01-31T12:00:00Z", "2011-01-31 12:00:00": "2011-01-31T12:00:00Z",
		"2011-01-31T12:00:00Z": "2011-01-31T12:00:00Z", "2011-01-31T12:00:00+01:00": "2011-01-31T11:00:00Z",
	} {
		assert.ErrorContains(t, err, form)
		got, err := commands.ParseMoment(form)
		require.NoError(t, err)
		assert.Equal(t, moment, got.UTC().Format(time.RFC3339Nano))
	}
}
