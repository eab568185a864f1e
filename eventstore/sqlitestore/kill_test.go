package sqlitestore_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
)

// A process that is killed during its appends has lost nothing that it was told,
// left nothing half, and stands in nobody's way.
func TestNothingThatWasAcknowledgedIsLostWhenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	const seed = 20260501
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := newPath(t)
	acks := map[string]string{}
	for round := range 6 {
		cmd, out := startChild(t, path, fmt.Sprint(round), 0)
		lines := bufio.NewScanner(out)
		for range random.IntN(200) + 1 {
			require.True(t, lines.Scan())
			acknowledged(t, acks, lines.Text())
		}
		// From here the moment is the timer's, anywhere in a transaction.
		kill := time.AfterFunc(time.Duration(random.IntN(3_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		for lines.Scan() { // what it printed until it died
			acknowledged(t, acks, lines.Text())
		}
		kill.Stop()
		require.EqualError(t, cmd.Wait(), "signal: killed")

		s := openStore(t, path)
		assertStored(t, s, acks)
		must(t, s, write(eventstore.Any, stream(t, 0), fmt.Sprintf("after round %d", round), "1"))
		require.NoError(t, s.Close())
	}
	var sound string
	require.NoError(t, direct(t, path).QueryRow("PRAGMA integrity_check").Scan(&sound))
	assert.Equal(t, "ok", sound)
	assert.Greater(t, len(acks), 6)
}
