package dynamofeed

import "time"

// Status is what a feed knows of itself, for alarms. It says nothing of other workers.
type Status struct {
	// Shards counts those that this worker reads. Free counts those that it could read
	// and that nobody does: it is 0 but for moments.
	Shards, Free int
	// Behind is how long ago everything was taken over that the shards held then, of the
	// shard that is furthest behind: about a second while all goes well. It grows while
	// reads fail, while handle is busy with the same batch, and while catching up. An
	// alarm belongs far below the 24 hours after which records are trimmed.
	Behind time.Duration
	// Failing counts the streams of which something comes again.
	Failing int
	// Trimmed counts the batches that reported lost announcements, and Corrupt the records
	// that must not be: a commit that was changed or removed, an item that is none of
	// ours. Each is logged as an error, and nothing else happens to it. Both count from
	// Open, and a record that is read again counts again.
	Trimmed, Corrupt int
}

// Status returns how the feed stands, at once. Before its Run and after it there are no
// shards.
func (f *Feed) Status() Status {
	s := Status{Trimmed: int(f.trimmed.Load()), Corrupt: int(f.corrupt.Load())}
	if r := f.current.Load(); r != nil {
		s.Shards, s.Behind, s.Failing = r.ledger.status(time.Now())
		s.Free = int(r.free.Load())
	}
	return s
}
