package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// None stands for what is not known: it is never 0.
const None = "–"

// Thousands prints 539391 as 539,391.
func Thousands[N int | int64 | uint64](n N) string { return grouped(strconv.FormatInt(int64(n), 10)) }

func grouped(digits string) string {
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Counted prints "1 row" and "2,518 rows". Where an s does not make the plural it is given.
func Counted(n int, one string, many ...string) string {
	if n == 1 {
		return "1 " + one
	}
	return Thousands(n) + " " + append(many, one+"s")[0]
}

// PerSecond prints a rate.
func PerSecond(n int, took time.Duration) string {
	return Thousands(int64(float64(n)/max(took.Seconds(), 1e-9))) + "/s"
}

// Age prints a duration in its greatest unit: 0.3 s, 41 s, 15 min, 3 h, 12 d.
func Age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return grouped(strconv.Itoa(int(d.Hours()/24))) + " d"
}

// Between prints a guess: 20–40 s, 3–5 min, 2 h.
func Between(least, most time.Duration) string {
	unit, name := time.Second, "s"
	switch {
	case most >= 2*time.Hour:
		unit, name = time.Hour, "h"
	case most >= 2*time.Minute:
		unit, name = time.Minute, "min"
	}
	low, high := int64(max(least, 0)/unit), int64((max(most, 0)+unit-1)/unit)
	if low == high {
		return fmt.Sprintf("%s %s", Thousands(high), name)
	}
	return fmt.Sprintf("%s–%s %s", Thousands(low), Thousands(high), name)
}

// Bar is how much of something is done, from 0 to 1, in so many columns.
func Bar(done float64, columns int) string {
	full := int(min(max(done, 0), 1) * float64(columns))
	return strings.Repeat("█", full) + strings.Repeat("░", columns-full)
}

// Dollars prints money: small sums with as many digits as they need.
func Dollars(sum float64) string {
	if sum > 0 && sum < 0.1 {
		return fmt.Sprintf("$%.2g", sum)
	}
	return fmt.Sprintf("$%.2f", sum)
}

// Bytes prints a size.
func Bytes(n uint64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%s bytes", Thousands(n))
	case n < 10<<20:
		return fmt.Sprintf("%s KB", Thousands(n>>10))
	}
	return fmt.Sprintf("%s MB", Thousands(n>>20))
}

// When prints a time as --time says.
func (t *Terminal) When(at time.Time) string {
	switch {
	case at.IsZero():
		return None
	case t.Time == "relative":
		if d := t.Now().Sub(at); d < 0 {
			return "in " + Age(-d)
		}
		return Age(t.Now().Sub(at)) + " ago"
	case t.Time == "local":
		return at.Local().Format(time.RFC3339)
	}
	return at.UTC().Format(time.RFC3339)
}

// Word quotes a word where a shell would take it for something else.
func Word(word string) string {
	plain := strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+@%:,./") == ""
	if plain && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Line returns a command line to be pasted into a shell.
func Line(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Word(w)
	}
	return strings.Join(quoted, " ")
}
