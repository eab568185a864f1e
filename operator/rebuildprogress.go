package operator

import (
	"encoding/json"
	"time"

	"github.com/leftfold/leftfold/projection"
)

// RebuildProgress is how far a coordinator has come. In JSON its times are seconds:
// took_seconds, and left_seconds with least and most; and share is how much of the phase is
// done.
type RebuildProgress struct{ projection.RebuildProgress }

// MarshalJSON implements [json.Marshaler].
func (p RebuildProgress) MarshalJSON() ([]byte, error) {
	type span struct {
		Least float64 `json:"least"`
		Most  float64 `json:"most"`
	}
	text := struct {
		projection.RebuildProgress
		Took        *time.Duration   `json:"took,omitempty"` // hides that of the engine, as Left does
		Left        *projection.Span `json:"left,omitempty"`
		Share       float64          `json:"share"`
		TookSeconds float64          `json:"took_seconds"`
		LeftSeconds span             `json:"left_seconds,omitzero"`
	}{RebuildProgress: p.RebuildProgress, Share: p.Done(), TookSeconds: p.Took.Seconds(), LeftSeconds: span{p.Left.Least.Seconds(), p.Left.Most.Seconds()}}
	return json.Marshal(text)
}
