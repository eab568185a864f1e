package projection

import "time"

// Span is how long something takes, between two guesses.
type Span struct {
	Least time.Duration `json:"least"`
	Most  time.Duration `json:"most"`
}

const (
	// paceWindow is by how much of the past the rest is guessed.
	paceWindow = time.Minute
	// paceLeast is of how much of it there has to be something.
	paceLeast = 5 * time.Second
	// paceEvery is how far apart two marks are, at least.
	paceEvery = time.Second
	// paceDoubt widens a guess.
	paceDoubt = 1.15
)

// pace guesses how long a phase takes yet by the last minute.
type pace struct {
	phase Phase
	marks []mark
}

// mark is how much was done at a moment.
type mark struct {
	at   time.Time
	done float64
}

// left takes note of what is done, and returns what is left, zero where that can not be
// told.
func (p *pace) left(now time.Time, progress RebuildProgress) Span {
	done := progress.Done()
	if n := len(p.marks); progress.Phase != p.phase || n > 0 && done < p.marks[n-1].done {
		p.phase, p.marks = progress.Phase, nil
	}
	if n := len(p.marks); n == 0 || now.Sub(p.marks[n-1].at) >= paceEvery {
		p.marks = append(p.marks, mark{now, done})
	}
	for now.Sub(p.marks[0].at) > paceWindow {
		p.marks = p.marks[1:]
	}
	if now.Sub(p.marks[0].at) < paceLeast {
		return Span{}
	}
	all, late := p.since(0, now, done), p.since(len(p.marks)/2, now, done)
	if min(all, late) <= 0 {
		return Span{}
	}
	return Span{seconds((1 - done) / max(all, late) / paceDoubt), seconds((1 - done) / min(all, late) * paceDoubt)}
}

// since returns what was done a second since a mark.
func (p *pace) since(i int, now time.Time, done float64) float64 {
	took := now.Sub(p.marks[i].at).Seconds()
	if took <= 0 {
		return 0
	}
	return (done - p.marks[i].done) / took
}

func seconds(n float64) time.Duration {
	const most = 365 * 24 * time.Hour
	return time.Duration(min(n*float64(time.Second), float64(most)))
}
