//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asNobody takes root its privilege to write everything.
func asNobody(cmd *exec.Cmd) {
	if os.Getuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
}

func TestWhatMayNotBeWrittenOrReadIsNamed(t *testing.T) {
	t.Parallel()
	s := newTranscript(t)
	s.put("sales.csv", csvRows)
	s.must("load", "sales.csv")
	s.must("project")
	s.put("secret.csv", csvRows)
	require.NoError(t, os.Chmod(filepath.Dir(s.dir), 0o755)) // else nobody comes as far as the file
	s.as = asNobody
	modes := func(note string, file, dir os.FileMode) {
		t.Helper()
		s.note(note)
		require.NoError(t, os.Chmod(s.path("shop.db"), file))
		require.NoError(t, os.Chmod(s.path("sales.csv"), 0o644))
		require.NoError(t, os.Chmod(s.path("secret.csv"), 0))
		require.NoError(t, os.Chmod(s.dir, dir))
	}
	t.Cleanup(func() { assert.NoError(t, os.Chmod(s.dir, 0o755)) })

	modes("a directory for the rejects is read-only", 0o666, 0o777)
	require.NoError(t, os.Mkdir(s.path("archive"), 0o555))
	s.types("load sales.csv --rejects archive/rejects.csv")
	modes("the file is read-only", 0o444, 0o777)
	s.types("load sales.csv")
	s.types("history 17850")
	for _, line := range []string{"streams", "state user-17850", "verify --views", "sweep --reason try_it --yes"} { // what only looks needs no right to write
		s.types(line)
	}
	modes("the file may not be read", 0, 0o777)
	s.types("streams")
	s.types("history 17850")
	modes("the directory is read-only", 0o444, 0o555)
	s.types("history 17850")
	s.types("load sales.csv --store sqlite:new.db")
	s.types("load secret.csv")
	s.compare("read-only")
}
