package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/operator/terminal"
)

var (
	explainedEvents = regexp.MustCompile(`with ([\d,]+) events`)
	explainedRow    = regexp.MustCompile(`(?m)^(\S+)  +(as it happens|swept)  +([\d.]+)  `)
	explainedWhy    = regexp.MustCompile(`(?m)^(\S+), (as it happens|swept): ([\d,]+) write units in [\d,]+ slices?: (.*)$`)
	explainedPart   = regexp.MustCompile(`([\d,]+) for `)
)

// requireSums computes the table from the lines that explain it: the parts of each add up
// to its units, and those, by event, are the table's.
func (s *shop) requireSums(said string) {
	s.Helper()
	events, err := strconv.ParseFloat(strings.ReplaceAll(explainedEvents.FindStringSubmatch(said)[1], ",", ""), 64)
	require.NoError(s, err)
	rows := explainedRow.FindAllStringSubmatch(said, -1)
	whys := explainedWhy.FindAllStringSubmatch(said, -1)
	require.Len(s, rows, 2*len(firstEdition.all()))
	require.Len(s, whys, len(rows))
	for i, why := range whys {
		require.Equal(s, rows[i][1:3], why[1:3])
		sum := 0
		for _, part := range explainedPart.FindAllStringSubmatch(why[4], -1) {
			n, err := strconv.Atoi(strings.ReplaceAll(part[1], ",", ""))
			require.NoError(s, err)
			sum += n
		}
		assert.Equal(s, why[3], terminal.Thousands(sum), why[0])
		assert.Equal(s, rows[i][3], fmt.Sprintf("%.3f", float64(sum)/events), why[0])
	}
}

func TestExplainReadsWell(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.must("load", s.data(20))
	said := s.must("explain")
	assert.Contains(t, said, "An append takes ")
	assert.Contains(t, said, "product-stats     swept")
	assert.Contains(t, said, "Prices are those of us-east-1")
	s.requireSums(said)
	for line := range strings.SplitSeq(said, "\n") {
		assert.LessOrEqual(t, len(line), 160)
	}
	a := s.run("explain", "--commits", "0")
	assert.Equal(t, exitUsage, a.code)
	assert.Contains(t, a.stderr, "it takes at least 1")
}
