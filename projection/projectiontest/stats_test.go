package projectiontest

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
	"regexp"
)

var num = regexp.MustCompile(`[0-9]+`)

func stat(w *world) {
	if os.Getenv("KITSTAT") == "" {
		return
	}
	f, _ := os.OpenFile(os.Getenv("KITSTAT"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	defer f.Close()
	seen := map[string]bool{}
	for _, l := range w.trace {
		t := l.text
		if i := strings.Index(t, ": "); i >= 0 {
			t = t[i+2:]
		}
		if !strings.Contains(t, "generation") && !strings.Contains(t, "clears") && !strings.HasPrefix(t, "refused") && !strings.Contains(t, "stops") && !strings.Contains(t, "found") {
			continue
		}
		t = num.ReplaceAllString(t, "N")
		if len(t) > 110 { t = t[:110] }
		t = strings.ReplaceAll(t, "\n", " ")
		if !seen[t] {
			seen[t] = true
			fmt.Fprintln(f, t)
		}
	}
	fmt.Fprintf(f, "lossy %v\n", w.lossy)
	fmt.Fprintf(f, "generations %d\n", len(w.generations))
}

func init() { onPlayed = stat; _ = sort.Strings; _ = testing.Verbose }
