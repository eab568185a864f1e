//go:build linux || darwin

package sqlitefile

import (
	"path/filepath"
	"syscall"
)

// freeSpace returns how many bytes this user may still write beside a file.
func freeSpace(name string) (bytes int64, ok bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(name), &stat); err != nil {
		return 0, false
	}
	return int64(stat.Bavail) * int64(stat.Bsize), true
}
