package commands

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/operator"
)

// A completion must not keep a shell waiting, and never scans.
const (
	completionTime = 300 * time.Millisecond
	mostProposed   = 50
)

// completeProjection proposes names that are known without opening anything.
func (m *mounted) completeProjection(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) == 0 {
		for _, c := range m.Service.Consumers {
			names = append(names, c.Name())
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (m *mounted) completeCategory(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return m.Service.AllCategories(), cobra.ShellCompDirectiveNoFileComp
}

// completeStream proposes categories, and the streams of one once it is typed.
func (m *mounted) completeStream(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	category, id, whole := strings.Cut(typed, "-")
	if !whole {
		var names []string
		for _, c := range append([]string{operator.ActivityCategory}, m.Service.AllCategories()...) {
			names = append(names, c+"-")
		}
		return names, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}
	return m.proposed(cmd, func(ctx context.Context, o *operator.Operator) (names []string, err error) {
		q := operator.StreamQuery{Category: category, Limit: mostProposed}
		if id != "" {
			if q.After, err = eventstore.NewStreamID(category, id); err != nil {
				return nil, err
			}
			names = append(names, typed) // it may be whole
		}
		page, err := o.Streams(ctx, q)
		for _, s := range page.Streams {
			if strings.HasPrefix(s.Stream.String(), typed) {
				names = append(names, s.Stream.String())
			}
		}
		return names, err
	})
}

// completeParked proposes a projection, then the streams that are parked in it.
func (m *mounted) completeParked(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return m.completeProjection(cmd, args, typed)
	}
	return m.proposed(cmd, func(ctx context.Context, o *operator.Operator) (names []string, err error) {
		groups, err := o.Parked(ctx, args[0])
		for _, g := range groups {
			for _, p := range g.Streams {
				names = append(names, p.Stream.String())
			}
		}
		return names, err
	})
}

// completeParkedEvent proposes a projection, then the events that failed in it.
func (m *mounted) completeParkedEvent(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return m.completeProjection(cmd, args, typed)
	}
	return m.proposed(cmd, func(ctx context.Context, o *operator.Operator) (names []string, err error) {
		groups, err := o.Parked(ctx, args[0])
		for _, g := range groups {
			for _, p := range g.Streams {
				names = append(names, p.ID().String())
			}
		}
		return names, err
	})
}

// completeSkip proposes a projection, then the events that it passes over.
func (m *mounted) completeSkip(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return m.completeProjection(cmd, args, typed)
	}
	return m.proposed(cmd, func(ctx context.Context, o *operator.Operator) (names []string, err error) {
		skips, err := o.Skips(ctx, args[0])
		for _, s := range skips {
			names = append(names, s.Event.String())
		}
		return names, err
	})
}

// proposed opens the service for a moment. What can not be found in time is not proposed.
func (m *mounted) proposed(cmd *cobra.Command, find func(context.Context, *operator.Operator) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	if err := settle(cmd, m.Terminal); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	var names []string
	err := m.with(ctx, func(o *operator.Operator) (err error) {
		names, err = find(ctx, o)
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
