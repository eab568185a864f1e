package terminal

import (
	"errors"
	"fmt"
	"text/template/parse"
)

// checkFields refuses a template whose dot has this shape and that names a field which is not
// in it.
func checkFields(root parse.Node, shape any) error {
	c := fieldCheck{root: shape}
	c.walk(root, shape)
	if c.wrong == nil {
		return nil
	}
	return wrongTemplate(errors.Join(c.wrong...))
}

type fieldCheck struct {
	root  any // what $ is
	wrong []error
}

// walk looks at the fields of a part of a template, in each branch of it.
func (c *fieldCheck) walk(node parse.Node, dot any) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil { // as where there is no else
			for _, part := range n.Nodes {
				c.walk(part, dot)
			}
		}
	case *parse.ActionNode:
		c.pipe(n.Pipe, dot)
	case *parse.IfNode:
		c.pipe(n.Pipe, dot)
		c.walk(n.List, dot)
		c.walk(n.ElseList, dot)
	case *parse.WithNode:
		c.walk(n.List, c.pipe(n.Pipe, dot))
		c.walk(n.ElseList, dot)
	case *parse.RangeNode:
		var each any
		if list, ok := c.pipe(n.Pipe, dot).([]any); ok {
			each = list[0]
		}
		c.walk(n.List, each)
		c.walk(n.ElseList, dot)
	}
}

// pipe returns the shape of what it comes to, where that is a field alone.
func (c *fieldCheck) pipe(p *parse.PipeNode, dot any) (shape any) {
	for _, command := range p.Cmds {
		for _, arg := range command.Args {
			shape = c.arg(arg, dot)
		}
	}
	if len(p.Cmds) > 1 || len(p.Cmds[0].Args) > 1 {
		return nil
	}
	return shape
}

func (c *fieldCheck) arg(node parse.Node, dot any) any {
	switch n := node.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return c.field(dot, n.Ident, n)
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			return c.field(c.root, n.Ident[1:], n)
		}
	case *parse.PipeNode:
		return c.pipe(n, dot)
	case *parse.ChainNode:
		return c.field(c.arg(n.Node, dot), n.Field, n)
	}
	return nil
}

// field returns the shape of a field, nil where that is not known.
func (c *fieldCheck) field(of any, names []string, node parse.Node) any {
	for _, name := range names {
		if of == nil {
			return nil
		}
		fields, _ := of.(map[string]any)
		next, there := fields[name]
		if !there {
			c.wrong = append(c.wrong, fmt.Errorf("--template: %s: there is no field %q", node, name))
			return nil
		}
		of = next
	}
	return of
}
