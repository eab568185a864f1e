//go:build !linux && !darwin

package sqlitefile

func freeSpace(string) (bytes int64, ok bool) { return 0, false }
