package projection

import (
	"cmp"
	"slices"

	"github.com/leftfold/leftfold/eventstore"
)

// delivery is what a batch says of one stream.
type delivery struct {
	stream eventstore.StreamID
	// reach is the last version that was announced: it must be applied, or be
	// known to be, before the delivery is done.
	reach eventstore.Version
	// commits are those whose content came along, in order, each once.
	commits []*commit
	// announcements are given back if the delivery is not done.
	announcements []eventstore.Announcement
}

// gather groups announcements by stream and puts them in order.
func gather(announcements []eventstore.Announcement) []*delivery {
	var deliveries []*delivery
	byStream := map[eventstore.StreamID]*delivery{}
	for _, a := range announcements {
		d := byStream[a.Stream]
		if d == nil {
			d = &delivery{stream: a.Stream}
			byStream[a.Stream] = d
			deliveries = append(deliveries, d)
		}
		d.announcements = append(d.announcements, a)
		d.reach = max(d.reach, a.Last)
		if a.Commit != nil {
			d.commits = append(d.commits, &commit{Commit: *a.Commit})
		}
	}
	for _, d := range deliveries {
		slices.SortFunc(d.commits, func(a, b *commit) int { return cmp.Compare(a.First, b.First) })
		d.commits = slices.CompactFunc(d.commits, func(a, b *commit) bool { return a.First == b.First })
	}
	return deliveries
}

// after returns the commits that follow a checkpoint without a gap: the first one
// holds the version behind it, wherever in the commit that is.
func (d *delivery) after(c eventstore.Version) []*commit {
	i, _ := slices.BinarySearchFunc(d.commits, c+1, func(x *commit, v eventstore.Version) int {
		return cmp.Compare(x.Last(), v)
	})
	rest := d.commits[i:]
	n := 0
	for n < len(rest) && rest[n].First <= c+1 {
		c = rest[n].Last()
		n++
	}
	return rest[:n]
}
