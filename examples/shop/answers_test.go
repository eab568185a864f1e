package main

import (
	"time"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
	"github.com/leftfold/leftfold/operator/terminal"
)

// What operator's commands answer, as JSON.
type (
	eventAnswer struct {
		Schema int `json:"schema"`
		operator.Event
	}
	stateAnswer struct {
		Schema   int                 `json:"schema"`
		Stream   eventstore.StreamID `json:"stream"`
		Version  eventstore.Version  `json:"version"`
		Time     time.Time           `json:"time"`
		Customer `json:"state"`
	}
	verifyReport struct {
		Schema int `json:"schema"`
		operator.Verified
	}
	parkedStream struct {
		Schema int `json:"schema"`
		operator.Parked
	}
)

const (
	exitUsage       = int(terminal.WrongUse)
	exitNotFound    = int(terminal.NotThere)
	exitCheck       = int(terminal.CheckFailed)
	exitInterrupted = int(terminal.Interrupted)
)

// faults are those of a verification, in words.
func (v verifyReport) faults() (texts []string) {
	for _, f := range v.Faults {
		texts = append(texts, f.Fault)
	}
	return texts
}
