package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
)

// types carries out a command line on a file.
func types(t *testing.T, file, line string) (code terminal.Code, stdout, stderr string) {
	t.Helper()
	var out, talk strings.Builder
	code = terminal.Code(operate(t.Context(), file, strings.Fields(line), &out, &talk))
	return code, out.String(), talk.String()
}

func TestLookingMakesNoFileAndActingNeitherDoes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "boxoffice.db")
	for _, line := range []string{"status", "streams", "rebuild start guests --reason mended --yes", "send book {} --id key-1"} {
		code, _, stderr := types(t, file, line)
		assert.Equal(t, terminal.NotThere, code, "%s: %s", line, stderr)
		assert.Contains(t, stderr, file, line)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// The walk of docs/your-own-service.md, beside a service that runs.
func TestWhoeverOperatesTheOfficeLooksAndActsWhileItRuns(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "boxoffice.db")
	o := open(t, file)
	requireSaid := func(line, want string) {
		t.Helper()
		code, stdout, stderr := types(t, file, line)
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, want)
	}
	o.requireAnswer(200, "concert-opera@1", "POST", bookings, "key-1", seats("Ada", 1))
	requireSaid(`send book {"concert":"opera","guest":"Ada","seats":3} --id key-2`, "concert-opera@2")
	o.requireGuest("Ada", `{"name":"Ada","seats":4}`)
	requireSaid("status", "guests")
	requireSaid("events concert-opera --template {{.id}}={{.payload.guest}}", "concert-opera@1=Ada\nconcert-opera@2=Ada\n")
	requireSaid("state concert-opera", "Seats.Ada  4\n")
	requireSaid(`ask guest {"guest":"Ada"}`, `"seats": 4`)
	requireSaid("model", "guests v1")
	requireSaid("rebuild start guests --reason mended --yes --template {{.generation}}", "2\n")
	requireSaid("rebuild switch guests --reason mended --confirm guests", "readers of guests use generation 2")
	requireSaid("verify --views", "0 faults")
	o.requireGuest("Ada", `{"name":"Ada","seats":4}`)
}

func TestAFileWithoutTheRightToWriteCanBeLookedAt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "boxoffice.db")
	o := open(t, file)
	o.requireAnswer(200, "concert-opera@1", "POST", bookings, "key-1", seats("Ada", 4))
	require.NoError(t, o.stop())
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	service, err := opened(t.Context(), file, true)
	require.NoError(t, err)
	state, err := service.Views.State(t.Context(), GuestsV1.Name())
	require.NoError(t, err)
	_, err = service.Views.PutState(t.Context(), state)
	require.Error(t, err, "what looks can not write")
	require.NoError(t, service.Close())
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, before, after)
}
