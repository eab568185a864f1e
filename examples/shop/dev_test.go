package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// devShop is a running shop dev.
type devShop struct {
	testing.TB
	cmd   *exec.Cmd
	lines *bufio.Scanner
	try   []tryLine
}

// tryLine is what a line to be pasted asks for.
type tryLine struct{ url, body string }

var tryPattern = regexp.MustCompile(`curl (\S+)(?: -d '(.+)')?$`)

// develop starts shop dev and reads what it proposes to try.
func (s *shop) develop(args ...string) *devShop {
	s.Helper()
	program, err := binary()
	require.NoError(s, err)
	if s.store != "" {
		args = append(args, "--store", s.store)
	}
	ctx, cancel := context.WithTimeout(s.Context(), 3*time.Minute) // what is never shown is not waited for until all tests end
	s.Cleanup(cancel)
	d := &devShop{TB: s, cmd: exec.CommandContext(ctx, program, append([]string{"dev", "--listen", "127.0.0.1:0"}, args...)...)}
	d.cmd.Dir, d.cmd.Env = s.dir, append(os.Environ(), s.env...)
	d.cmd.Stderr = os.Stderr
	out, err := d.cmd.StdoutPipe()
	require.NoError(s, err)
	require.NoError(s, d.cmd.Start())
	s.Cleanup(func() { _ = d.cmd.Process.Kill() })
	d.lines = bufio.NewScanner(out)
	for len(d.try) < 3 {
		line := d.line()
		if match := tryPattern.FindStringSubmatch(line); match != nil {
			d.try = append(d.try, tryLine{match[1], match[2]})
		}
	}
	require.Empty(s, d.line())
	return d
}

func (d *devShop) line() string {
	d.Helper()
	require.True(d, d.lines.Scan(), "it has ended")
	return d.lines.Text()
}

// paste does what curl does with a line.
func (d *devShop) paste(l tryLine) string {
	d.Helper()
	answer, err := http.Get(l.url)
	if l.body != "" {
		answer, err = http.Post(l.url, "application/x-www-form-urlencoded", strings.NewReader(l.body))
	}
	require.NoError(d, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(d, err)
	require.Equal(d, http.StatusOK, answer.StatusCode, string(body))
	return string(body)
}

// Times are another each time, and so are the widths of columns that hold them.
var (
	stamps = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)
	clocks = regexp.MustCompile(`^\d\d:\d\d:\d\d`)
	delays = regexp.MustCompile(`\d+\.\d ms$`)
	gaps   = regexp.MustCompile(`  +`)
)

// shows expects the next lines of the report.
func (d *devShop) shows(want ...string) {
	d.Helper()
	for _, w := range want {
		line := stamps.ReplaceAllString(d.line(), "T")
		line = delays.ReplaceAllString(clocks.ReplaceAllString(line, "CLOCK"), "N ms")
		assert.Equal(d, w, gaps.ReplaceAllString(strings.TrimSpace(line), "  "))
	}
}

func (d *devShop) end() {
	d.Helper()
	require.NoError(d, d.cmd.Process.Signal(os.Interrupt))
	for d.lines.Scan() {
		assert.Empty(d, d.lines.Text())
	}
	assert.NoError(d, d.cmd.Wait())
}

func TestWhileItIsDevelopedTheShopShowsWhatEachEventChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		kept bool
		on   func(t *testing.T) *shop
	}{
		{"in a file", nil, true, func(t *testing.T) *shop { return newShop(t) }},
		{"in memory", []string{"--memory"}, false, func(t *testing.T) *shop { return newShop(t) }},
		{"on DynamoDB, by the function", nil, true, func(t *testing.T) *shop {
			return withDynamoDB(t, server.Endpoint(t))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.on(t)
			d := s.develop(c.args...)
			assert.Contains(t, d.paste(d.try[0]), `"events":["user-17850@1"]`)
			d.shows("CLOCK  user-17850@1  PURCHASE_MADE  85123A ×6  2 write units, new stream")
			d.showsRows(
				"product-stats  85123A  new: productId 85123A  totalSales 15.3  purchaseCount 1  unitsSold 6  totalReturned 0  returnCount 0  unitsReturned 0  lastUpdated T  N ms",
				"purchase-history  user-17850  new: userId 17850  totalSpent 15.3  totalReturned 0  purchaseCount 1  returnCount 0  N ms",
				"purchases  17850 / 000000000001  new: purchaseId user-17850@1  productId 85123A  quantity 6  amount 15.3  date T  returned 0  N ms")
			assert.Contains(t, d.paste(d.try[1]), `"events":["user-17850@2"]`)
			d.shows("CLOCK  user-17850@2  PURCHASE_RETURNED  85123A ×2  1 write unit")
			d.showsRows(
				"product-stats  85123A  totalReturned 0 → 5.1  returnCount 0 → 1  unitsReturned 0 → 2  lastUpdated T → T  N ms",
				"purchase-history  user-17850  totalReturned 0 → 5.1  returnCount 0 → 1  N ms",
				"purchases  17850 / 000000000001  returned 0 → 2  N ms")
			assert.Contains(t, d.paste(d.try[2]), `"totalSpent":15.3,"totalReturned":5.1,`)
			d.end()
			if c.kept {
				assert.Equal(t, 2, strings.Count(s.must("events", "user-17850", "--json"), "\n"))
			}
		})
	}
}

// showsRows expects the rows of an event. The projections work at once, so they come in the
// order of their projections only within one.
func (d *devShop) showsRows(want ...string) {
	d.Helper()
	var got []string
	for range want {
		line := stamps.ReplaceAllString(d.line(), "T")
		_, row, _ := strings.Cut(gaps.ReplaceAllString(delays.ReplaceAllString(strings.TrimSpace(line), "N ms"), "  "), "  ")
		got = append(got, row)
	}
	assert.ElementsMatch(d, want, got)
}

func TestShopDevMakesNoTablesInAnAccount(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = []string{"AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL="}
	a := s.run("dev", "--listen", "127.0.0.1:0", "--store", "dynamodb:shop")
	assert.Equal(t, 2, a.code)
	assert.Regexp(t, `^error: shop dev works on a DynamoDB on this machine, and not on dynamodb\.eu-central-1\.amazonaws\.com\nhint: make dynamodb-local`, a.stderr)
	assert.Empty(t, a.stdout)
}
