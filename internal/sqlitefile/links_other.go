//go:build !unix

package sqlitefile

import "os"

// linksOf returns how many names a file has, as far as this system tells.
func linksOf(os.FileInfo) uint64 { return 1 }
