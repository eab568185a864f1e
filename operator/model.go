package operator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// Model is which events there are, and what follows from them.
type Model struct {
	Types     []ModelType     `json:"types"`
	Consumers []ModelConsumer `json:"consumers"`
}

// ModelType is an event type.
type ModelType struct {
	Type string `json:"type"`
	// SchemaVersion is the one that is written today, Upcasts are older ones that are read.
	SchemaVersion int    `json:"schema_version"`
	Upcasts       []int  `json:"upcasts,omitempty"`
	GoType        string `json:"go_type"`
	// Handled are the projections and reactions that do something about it.
	Handled []string `json:"handled,omitempty"`
}

// ModelConsumer is a projection or a reaction.
type ModelConsumer struct {
	Name       string      `json:"name"`
	Reaction   bool        `json:"reaction,omitempty"`
	Version    int         `json:"version,omitempty"`
	Categories []string    `json:"categories"`
	Types      []string    `json:"types,omitempty"`
	AnyType    bool        `json:"any_type,omitempty"` // it handles every other type, too
	Views      []ModelView `json:"views,omitempty"`
}

// ModelView is a view of a projection.
type ModelView struct {
	View  string   `json:"view"`
	Kind  string   `json:"kind"`
	Types []string `json:"types"`
}

// ModelOf tells what a program declares. It reads no store, so that s needs none.
func ModelOf(s Service) Model {
	m := Model{Types: []ModelType{}, Consumers: []ModelConsumer{}}
	for _, c := range s.Consumers {
		m.Consumers = append(m.Consumers, consumerModel(c))
	}
	if s.Events == nil {
		return m
	}
	for _, t := range s.Events.Types() {
		m.Types = append(m.Types, ModelType{Type: t.Name, SchemaVersion: t.Schema, Upcasts: t.Upcasts, GoType: t.GoType, Handled: m.handling(t)})
	}
	return m
}

func consumerModel(c projection.Consumer) ModelConsumer {
	m := ModelConsumer{Name: c.Name(), Categories: categoriesOf(c)}
	if r, ok := c.(*projection.Reaction); ok {
		m.Reaction = true
		m.Types, m.AnyType = r.Handled()
		return m
	}
	p := c.(*projection.Projection)
	m.Version, m.Types = p.Version(), p.Handled()
	for _, v := range p.Declared() {
		m.Views = append(m.Views, ModelView{View: v.Name, Kind: string(v.Kind), Types: v.Types})
	}
	return m
}

func (m Model) handling(t eventstore.EventType) (names []string) {
	for _, c := range m.Consumers {
		if c.AnyType || slices.Contains(c.Types, t.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// Mermaid draws the model as a flowchart: event types to the views and reactions that handle
// them.
func (m Model) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	for i, t := range m.Types {
		ids[t.Type] = fmt.Sprintf("t%d", i)
		label := t.Type
		if t.SchemaVersion > 1 {
			label += fmt.Sprintf(" v%d", t.SchemaVersion)
		}
		fmt.Fprintf(&b, "  t%d([%q])\n", i, label)
	}
	for i, c := range m.Consumers {
		if c.Reaction {
			fmt.Fprintf(&b, "  c%d{{%q}}\n", i, c.Name)
			for _, t := range m.Types {
				if slices.Contains(t.Handled, c.Name) {
					fmt.Fprintf(&b, "  %s --> c%d\n", ids[t.Type], i)
				}
			}
			continue
		}
		fmt.Fprintf(&b, "  subgraph c%d [%q]\n", i, fmt.Sprintf("%s v%d", c.Name, c.Version))
		for j, v := range c.Views {
			fmt.Fprintf(&b, "    c%dv%d[(%q)]\n", i, j, v.View)
		}
		b.WriteString("  end\n")
		for j, v := range c.Views {
			for _, t := range v.Types {
				fmt.Fprintf(&b, "  %s --> c%dv%d\n", ids[t], i, j)
			}
		}
	}
	return b.String()
}
