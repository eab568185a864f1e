package commands_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/storetest"
	"github.com/leftfold/leftfold/operator/terminal"
	"github.com/leftfold/leftfold/projection"
)

func TestAnActionShowsItsPlanAsksAndIsRecorded(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.mend()
		for _, line := range []string{"parked try totals", "parked try totals order-3", "parked retry totals order-3 --dry-run", "parked retry totals --all --dry-run --json", "parked retry totals",
			"parked retry totals order-1 --reason 'it is mended'", "parked retry totals order-3", "parked retry totals order-3 --reason why", "parked retry totals order-3 --reason 'it is mended'"} {
			p.types(line)
		}
		p.note("on a terminal, where the answer is: no")
		p.width, p.answers, p.env["NO_COLOR"] = 100, "no\n", "1"
		p.types("parked retry totals order-3 --reason 'it is mended' --actor anna@ops")
		p.answers = "y\n"
		p.note("and: yes")
		p.env["LEFTFOLD_ACTOR"] = "anna@ops"
		p.types("parked retry totals order-3 --reason 'it is mended'")
		p.width = 0
		p.types("parked retry totals --all --reason 'it is mended' --yes")
		p.types("sweep --reason 'is all there?' --yes --json")
		p.types("parked retry totals --all --reason 'it is mended' --yes --actor bo")
		p.note("somebody puts it right")
		p.totals, p.mended = newProgram(t).totals, nil
		p.types("parked list --quiet")
		p.types("activity")
		p.types("activity --limit 1 --json")
		p.types("status")
		p.compare("act")
	})
}

func TestAnActionThatCanNotBeRecordedIsNotDone(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.mend()
		p.store = readOnly{p.store}
		require.Equal(t, terminal.Refused, p.types("parked retry totals --all --reason 'it is mended' --yes"))
		assert.Contains(t, p.text.String(), "retry was not begun, since it could not be recorded: "+errReadOnly.Error())
		p.types("parked list --quiet")
		assert.Contains(t, p.text.String(), "order-3@2")
	})
}

func TestASkipIsConfirmedByTheEventAndListedForEver(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.order("4", "tea", 3, "")
		p.order("4", "cup", -1, "")
		const because = " --actor anna@ops --reason 'a test order, INC-2231'"
		for _, line := range []string{"parked skip totals order-4", "parked skip totals order-9@1", "parked skip totals order-4@2", "parked skip stats order-4@1",
			"parked skip totals order-4@1 --yes", "parked skip totals order-4@1 --dry-run", "parked skip totals order-4@1 --dry-run --json", "parked skip totals order-4@1 --confirm order-4@1",
			"parked skip totals order-4@1" + because, "parked skip totals order-4@1 --confirm order-4@2" + because} {
			p.types(line)
		}
		p.note("on a terminal, where somebody types another name, then the right one")
		p.width, p.env["NO_COLOR"], p.answers = 100, "1", "order-4\n"
		p.types("parked skip totals order-4@1" + because)
		p.answers = "a test order, INC-2231\norder-4@1\n"
		p.types("parked skip totals order-4@1 --actor anna@ops")
		p.width = 0
		p.note("the stream is parked again, at the next event that fails; and the first is done once more")
		for _, line := range []string{"parked skip totals order-4@1 --confirm order-4@1" + because, "parked skip totals order-4@1 --json --confirm order-4@1" + because,
			"parked skip totals order-4@3 --json --confirm order-4@3" + because,
			"parked skips", "parked skips totals --json", "parked skips --quiet", "projections totals", "verify --views",
			"parked unskip totals order-4@1 --dry-run", "parked unskip totals order-3@2 --yes" + because, "parked unskip totals order-4@1 --yes" + because,
			"parked unskip totals order-4@1 --yes" + because, "parked skips --wide", "activity"} {
			p.types(line)
		}
		p.compare("skip")
	})
}

func TestAGroupOfParkedStreamsIsNamedByWhatFailed(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.order("3", "tea", 1, "")
		p.mend()
		for _, line := range []string{"parked try totals --error '\"tea\"'", "parked try totals --type CANCELLED", "parked try totals order-3 --type ORDERED",
			"parked retry totals --all --type ORDERED --dry-run", "parked retry totals --all --error '\"tea\"' --yes --reason 'it is mended' --actor anna@ops",
			"parked retry totals --all --error '\"tea\"' --yes --reason 'it is mended'", "parked retry totals --error tea", "parked retry totals --all --error '\"tea\"' --json --yes --reason 'it is mended'"} {
			p.types(line)
		}
		p.compare("group")
	})
}

func TestWhatSomebodyElseDoesMeanwhileIsSaid(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.mend()
		p.width, p.env["NO_COLOR"], p.env["LEFTFOLD_ACTOR"] = 100, "1", "anna@ops"
		engine := p.engine()
		p.asked = func() { require.NoError(t, engine.Retry(t.Context(), "totals", p.stream("order-3"))) }
		p.answers = "y\n"
		p.types("parked retry totals order-3 --reason 'it is mended'")
		p.totals, p.mended = newProgram(t).totals, nil
		p.asked = func() {
			p.mended = projection.MustNew("totals", 1, registry, projection.Follow("order"), view(-9, "too little"))
			require.NoError(t, p.engine().Retry(t.Context(), "totals", p.stream("order-4")))
		}
		p.answers = "order-4@1\n"
		require.Equal(t, terminal.Changed, p.types("parked skip totals order-4@1 --reason 'a test order'"))
		p.types("activity")
		p.compare("meanwhile")
	})
}

// faulty is a store whose appends fail by a plan.
type faulty struct {
	memory
	faults *storetest.Faulty
}

func (f faulty) Append(ctx context.Context, w eventstore.Write) (eventstore.Commit, error) {
	return f.faults.Append(ctx, w)
}

func TestAnActionWhoseEndCanNotBeRecordedIsDoneAllTheSame(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.mend()
		whole := p.store
		p.store = faulty{whole, storetest.NewFaulty(whole, storetest.Sequence(storetest.None, storetest.Refused))}
		require.Equal(t, terminal.Done, p.types("parked retry totals order-3 --reason 'it is mended' --yes --actor anna@ops"))
		p.types("parked list --quiet")
		p.types("activity")
		p.store = faulty{whole, storetest.NewFaulty(whole, storetest.Sequence(storetest.AnswerLost, storetest.RequestLost))}
		p.note("lost answers are made sure of")
		p.types("sweep --reason 'is all there?' --yes --json --actor anna@ops")
		p.types("activity")
		p.compare("unrecorded")
	})
}

// interrupting is a view store that ends a command when its turn comes.
type interrupting struct {
	projection.ViewStore
	after  int
	cancel context.CancelCauseFunc
}

func (i *interrupting) Apply(ctx context.Context, s projection.Slice) error {
	if i.after--; i.after < 0 {
		i.cancel(context.Canceled)
		return context.Cause(ctx)
	}
	return i.ViewStore.Apply(ctx, s)
}

func TestASweepThatIsInterruptedSaysHowToGoOn(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.mend()
		for _, id := range []string{"6", "7", "8"} {
			p.order(id, "tea", 1, "")
		}
		views := p.views
		ctx, cancel := context.WithCancelCause(t.Context())
		p.views = &interrupting{views, 0, cancel}
		p.ctx = ctx
		require.Equal(t, terminal.Interrupted, p.types("sweep totals --reason 'is all there?' --yes --actor anna@ops"))
		p.views, p.ctx = views, nil
		for _, line := range []string{"activity", "activity --template '{{.id}}: {{.result}}|{{.error}}|{{.build}}'", "sweep totals --from x --reason 'is all there?' --yes", "sweep mails --dry-run", "sweep totals --dry-run", "sweep totals --reason 'is all there?' --json --quiet",
			"sweep totals --reason 'is all there?' --yes --actor anna@ops --from '{\"after\":\"order-7\",\"generations\":{\"totals\":[1]}}'", "sweep --reason 'and the rest?' --yes --actor anna@ops"} {
			p.types(line)
		}
		p.compare("sweep")
	})
}

func TestStreamsOfTheServiceAreThoseOfItsCategories(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		p.mend()
		p.types("parked retry totals --all --reason 'it is mended' --yes --actor anna@ops")
		for _, line := range []string{"streams --quiet", "streams leftfold", "events leftfold-operator", "verify", "doctor"} {
			p.types(line)
		}
		p.compare("own")
	})
}

// A script whose variable is not set must not mean all.
func TestAnEmptyChoiceOfParkedStreamsIsNotAllOfThem(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.fill()
		for _, line := range []string{"parked retry totals --all --error= --yes --reason 'it is mended'", "parked retry totals --all --type= --yes --reason 'it is mended'", "parked try totals --error="} {
			require.Equal(t, terminal.WrongUse, p.types(line), line)
		}
		require.Contains(t, p.text.String(), "--error is empty; without it all streams are meant")
	})
}
