package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Finding is what a doctor's check came to.
type Finding struct {
	// Check is what was looked at.
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	// Says is what was found, Fix what to do about it.
	Says string `json:"says,omitempty"`
	Fix  string `json:"fix,omitempty"`
}

// Doctor looks at what keeps services from working: does the store answer, does this program
// know the types of the events, are the projections those that were built, do workers
// report, is one paused or parked, do clocks agree; and what the stores stand on, see [eventstore.Diagnoser]. What it
// fails to look at it says; without [Service.Events] it does not look at types, and without a
// projection's code not at the version. It returns an error only where ctx has ended. Cost: the status,
// and the last commits of some streams.
func (o *Operator) Doctor(ctx context.Context) ([]Finding, error) {
	d := doctor{o: o}
	reached := d.reach(ctx)
	d.stores(ctx)
	if !reached {
		return d.findings, context.Cause(ctx)
	}
	d.eventTypes(ctx)
	if o.service.Views != nil {
		d.projections(ctx)
	}
	return d.findings, context.Cause(ctx)
}

type doctor struct {
	o        *Operator
	findings []Finding
	newest   time.Time // of the commits of the sample
}

func (d *doctor) ok(check, format string, args ...any) {
	d.findings = append(d.findings, Finding{Check: check, OK: true, Says: fmt.Sprintf(format, args...)})
}

func (d *doctor) bad(check, fix, format string, args ...any) {
	d.findings = append(d.findings, Finding{Check: check, Says: fmt.Sprintf(format, args...), Fix: fix})
}

// failed notes that something could not be looked at.
func (d *doctor) failed(check string, err error) {
	d.bad(check, eventstore.Hint(err), "%v", err)
}

func (d *doctor) reach(ctx context.Context) bool {
	began := time.Now()
	if _, err := d.o.service.Store.Head(ctx, ActivityStream); err != nil {
		d.failed("the store answers", err)
		return false
	}
	d.ok("the store answers", "in %s", time.Since(began).Round(10*time.Microsecond))
	return true
}

// stores asks the stores what they stand on. What two of them share is told once.
func (d *doctor) stores(ctx context.Context) {
	seen := map[string]bool{}
	for _, of := range []struct {
		name  string
		asked any
	}{{"store", d.o.service.Store}, {"views", d.o.service.Views}, {"tail", d.o.service.Tailer}} {
		diagnoser, ok := of.asked.(eventstore.Diagnoser)
		if !ok {
			continue
		}
		for _, f := range diagnoser.Diagnose(ctx) {
			found := Finding{Check: of.name + ": " + f.Check, OK: f.OK, Says: f.Detail, Fix: f.Hint}
			if text := f.Check + f.Detail; !seen[text] {
				seen[text] = true
				d.findings = append(d.findings, found)
			}
		}
	}
}

// The size of the sample in which event types are looked at.
const (
	sampleStreams = 20
	sampleCommits = 5
)

// eventTypes looks for events that the program can not decode, among the last ones of some
// streams of each category.
func (d *doctor) eventTypes(ctx context.Context) {
	const check = "the program knows the event types"
	directory, ok := d.o.service.Store.(eventstore.Directory)
	if !ok || d.o.service.Events == nil {
		return
	}
	looked, unknown := 0, map[string]eventstore.EventID{}
	for _, category := range d.o.categories {
		streams := 0
		for stream, err := range directory.Streams(ctx, category, eventstore.StreamID{}) {
			if err != nil {
				d.failed(check, err)
				return
			}
			if err := d.lastEvents(ctx, stream, &looked, unknown); err != nil {
				d.failed(check, err)
				return
			}
			if streams++; streams == sampleStreams {
				break
			}
		}
	}
	if len(unknown) == 0 {
		d.ok(check, "of %d events that were looked at", looked)
		return
	}
	var names []string
	for name, id := range unknown {
		names = append(names, fmt.Sprintf("%s, as in %s", name, id))
	}
	slices.Sort(names)
	d.bad(check, "register them, or deploy the program that does", "it does not know %s", strings.Join(names, "; "))
}

func (d *doctor) lastEvents(ctx context.Context, stream eventstore.StreamID, looked *int, unknown map[string]eventstore.EventID) error {
	commits := 0
	for c, err := range d.o.service.Store.ReadBackward(ctx, stream, 0) {
		if err != nil {
			return err
		}
		if c.Time.After(d.newest) {
			d.newest = c.Time
		}
		for i, e := range c.Events {
			*looked++
			if !d.o.service.Events.Knows(e.Type, e.Schema) {
				unknown[fmt.Sprintf("%s schema %d", e.Type, e.Schema)] = c.EventID(i)
			}
		}
		if commits++; commits == sampleCommits {
			break
		}
	}
	return nil
}

func (d *doctor) projections(ctx context.Context) {
	status, err := d.o.Status(ctx)
	if err != nil {
		d.failed("the views answer", err)
		return
	}
	if len(status.Projections) == 0 {
		return
	}
	for i := range status.Projections {
		p := &status.Projections[i]
		d.generations(p)
		d.paused(p)
		d.parked(p)
	}
	d.workers(status)
	d.clocks(status)
}

// generations looks whether what was built is what this program would build, where it has
// the code.
func (d *doctor) generations(s *ProjectionStatus) {
	c, err := d.o.consumer(s.Projection)
	check := s.Projection + " is built by this program's code"
	if err != nil {
		check = s.Projection + " is built"
	}
	g, built := s.Active()
	p, isProjection := c.(*projection.Projection)
	code, carried := p, false // of the generation's version
	if isProjection {
		code, carried = p.Carried(g.Version)
	}
	rebuild := "rebuild start " + s.Projection
	switch {
	case s.Condition == NotStarted:
	case !built:
		d.bad(check, "run a worker, or a sweep, of a program that carries it", "it was never built")
	case s.Reaction:
	case isProjection && !carried && g.Version > p.Version():
		d.bad(check, fmt.Sprintf("deploy the program that has version %d", g.Version), "readers use generation %d of version %d, and this program has version %d: it is too old", g.Number, g.Version, p.Version())
	case isProjection && !carried:
		d.bad(check, fmt.Sprintf("let the program carry version %d, too, by projection.Replaces; then build version %d, with: %s", g.Version, p.Version(), rebuild),
			"generation %d is of version %d, this program has version %d", g.Number, g.Version, p.Version())
	case isProjection && g.Fingerprint != code.Fingerprint():
		d.bad(check, "undo the change, and make it in a new version that replaces this one; then build that, with: "+rebuild,
			"generation %d of version %d was built with other categories, event types or views", g.Number, g.Version)
	case g.Role == projection.Building && s.Rebuild != nil && s.Rebuild.built():
		d.bad(check, "compare it, and switch readers to it, with: rebuild switch "+s.Projection, "generation %d is built, and waits for the switch", g.Number)
	case g.Role == projection.Building && s.Rebuild != nil:
		d.bad(check, "let the rebuild run to its end; how it is, says: rebuild status "+s.Projection, "generation %d is still being built", g.Number)
	case g.Role == projection.Building:
		d.bad(check, "let a worker run until its first sweep has ended", "generation %d is still being built", g.Number)
	case isProjection && code != p && !slices.ContainsFunc(s.Generations, func(g GenerationStatus) bool { return g.Version == p.Version() }):
		d.ok(check, "generation %d, version %d; %s builds version %d", g.Number, g.Version, rebuild, p.Version())
	default:
		d.ok(check, "generation %d, version %d", g.Number, g.Version)
	}
	for _, g := range s.Generations {
		if g.Frozen {
			d.frozen(s.Projection, g)
		}
	}
}

func (d *doctor) frozen(name string, g GenerationStatus) {
	fix := fmt.Sprintf("deploy a program that carries version %d, by projection.Replaces", g.Version)
	if g.Role == projection.Previous {
		fix += fmt.Sprintf("; or give it up, with: rebuild retire %s --generation %d", name, g.Number)
	}
	d.bad(name+" has no frozen generation", fix, "no worker carries generation %d, version %d", g.Number, g.Version)
}

func (d *doctor) paused(s *ProjectionStatus) {
	if s.Paused != nil {
		d.bad(s.Projection+" is fed", "resume it, with: resume "+s.Projection, "it is paused since %s", s.Paused.Since.Format(time.RFC3339))
	}
}

func (d *doctor) parked(s *ProjectionStatus) {
	if s.Parked > 0 {
		d.bad(s.Projection+" has no parked stream", "look at them with: parked list", "%d streams wait since %s", s.Parked, s.ParkedSince.Format(time.RFC3339))
	}
}

// workers looks whether they report, and of which builds they are.
func (d *doctor) workers(status Status) {
	const check = "workers report"
	builds, silent := map[string]bool{}, []string{}
	for _, p := range status.Projections {
		if p.Condition == NotStarted {
			continue
		}
		heard := false
		for _, b := range p.Workers {
			if !b.Ended && status.At.Sub(b.At) <= Silence {
				heard, builds[b.Build] = true, true
			}
		}
		if !heard {
			silent = append(silent, p.Projection)
		}
	}
	if len(silent) > 0 {
		d.bad(check, "start a worker; functions report only while they work", "none has in the last %s for %s", Silence, strings.Join(silent, ", "))
	} else {
		d.ok(check, "")
	}
	if len(builds) > 1 {
		var names []string
		for b := range builds {
			names = append(names, b)
		}
		slices.Sort(names)
		d.bad("workers are of one build", "wait until the deployment is done, or finish it", "there are %s", strings.Join(names, ", "))
	}
}

// skew is how far apart clocks may be.
const skew = 5 * time.Second

// clocks looks for times that have not come yet on this machine.
func (d *doctor) clocks(status Status) {
	const check = "clocks agree"
	const fix = "let the machines' clocks be set by NTP; ages and lag are wrong until then"
	for _, p := range status.Projections {
		for _, b := range p.Workers {
			if ahead := b.At.Sub(status.At); ahead > skew {
				d.bad(check, fix, "worker %s is %s ahead of this machine", b.Worker, ahead.Round(time.Second))
				return
			}
		}
	}
	if ahead := d.newest.Sub(status.At); ahead > skew {
		d.bad(check, fix, "a commit was made %s from now, by this machine's clock", ahead.Round(time.Second))
		return
	}
	d.ok(check, "as far as heartbeats and commits tell")
}
