package archtest

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a service links panics only where its comment says so.
func TestAPanicIsDocumented(t *testing.T) {
	t.Parallel()
	n := 0
	err := eachSource("../..", func(name string, source []byte) error {
		dir := module + "/" + path.Dir(name)
		if strings.HasSuffix(name, "_test.go") || under(dir, "examples") || isKit(dir) {
			return nil
		}
		n++
		found, err := silentPanics(name, source)
		for _, place := range found {
			t.Errorf(`%s; return an error, or say "Panics if" in its comment`, place)
		}
		return err
	})
	require.NoError(t, err)
	assert.Greater(t, n, 40, "otherwise nothing was looked at")
}

func TestASilentPanicIsFound(t *testing.T) {
	t.Parallel()
	found, err := silentPanics("a.go", []byte(`package a

// Must returns v. Panics
// if there is an error.
func Must(v int, err error) int {
	if err != nil {
		panic(err)
	}
	return v
}

// Serve keeps a panic to itself.
func Serve() func() {
	defer func() { _ = recover() }()
	return func() { panic("off") }
}
`))
	require.NoError(t, err)
	assert.Equal(t, []string{"a.go:15:18: Serve panics"}, found)
}
