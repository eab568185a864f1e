//go:build unix

package sqlitefile

import (
	"os"
	"syscall"
)

// linksOf returns how many names a file has.
func linksOf(info os.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink)
	}
	return 1
}
