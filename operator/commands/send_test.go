package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/storetest"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/operator/terminal"
)

// receiptToken is that of a command that was carried out.
func receiptToken(t *testing.T, p *program) string {
	t.Helper()
	bus := p.commands(aggregate.NewRepository[order, ordered](p.store, orders, aggregate.Options{}))
	receipt, err := bus.Dispatch(t.Context(), command.Request{Name: "order", ID: "four", Content: []byte(`{"order":"9","item":"tea","count":5}`)})
	require.NoError(t, err)
	text, err := receipt.Tokens.MarshalText()
	require.NoError(t, err)
	return string(text)
}

func TestCommandsAreSentAndQueriesAsked(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		p.env["LEFTFOLD_ACTOR"] = "anna@ops"
		p.sweep()
		for _, line := range []string{"send", "ask", "send --json", "send order '{\"order\":\"7\",\"item\":\"tea\",\"count\":2}' --id one", "send order '{\"count\":2,\"order\":\"7\",\"item\":\"tea\"}' --id one --json",
			"send order '{\"order\":\"7\",\"item\":\"tea\",\"count\":3}' --id one", "events order-7 --wide"} {
			p.types(line)
		}
		p.note("what comes over stdin")
		p.answers = `{"order":"8","item":"tea","count":1}`
		p.types("send order - --id two --quiet")
		p.answers = ""
		p.note("what is refused, and why")
		for _, line := range []string{"send order '{\"order\":\"7\",\"item\":\"tea\",\"count\":10}' --id three", "send order '{\"order\":\"7\",\"item\":\"tea\",\"count\":10}' --id three --json",
			"send order '{\"order\":\"7\"}' --id three", "send order '{\"item' --id three", "send order '{\"items\":1}' --id three", "send ordr {}", "ask totals {}", "ask total"} {
			p.types(line)
		}
		p.note("a view shows what was written once it is up to date")
		token := "'" + receiptToken(t, p) + "'"
		require.Equal(t, terminal.Failed, p.types("ask total '{\"item\":\"tea\"}' --token "+token))
		p.sweep()
		for _, line := range []string{"ask total '{\"item\":\"tea\"}' --token " + token, "ask total '{\"item\":\"tea\"}' --json", "ask total '{\"item\":\"tea\"}' --template {{.count}}", "ask total '{\"item\":\"mug\"}'",
			"ask total '{\"item\":\"tea\"}' --token x"} {
			p.types(line)
		}
		p.compare("send")
	})
}

func TestACommandWhoseOutcomeIsUnknownSaysHowToSendTheSameAgain(t *testing.T) {
	bubble(t, func(t *testing.T, p *program) {
		whole := p.store
		p.store = faulty{whole, storetest.NewFaulty(whole, storetest.Sequence(storetest.AnswerLost))}
		const line = "send order '{\"order\":\"7\",\"item\":\"tea\",\"count\":2}' --id one"
		require.Equal(t, terminal.OutcomeUnknown, p.types(line))
		require.Equal(t, terminal.Done, p.types(line))
		p.types("events order-7 --quiet")
		p.compare("unknown")
	})
}
