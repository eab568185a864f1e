package projection

import "sync"

// mostInFlight is how many writes are on their way at once: enough that a store is never
// without one, which may write several together.
const mostInFlight = 4

// inFlight are writes that go on beside the work that finds the next ones. The zero value is
// ready. Its methods are called by one goroutine.
type inFlight struct {
	group sync.WaitGroup
	slots chan struct{}

	mu     sync.Mutex
	failed error
}

// next begins a write when there is room for it, unless an earlier one has failed.
func (f *inFlight) next(write func() error) error {
	if f.slots == nil {
		f.slots = make(chan struct{}, mostInFlight)
	}
	f.slots <- struct{}{}
	if err := f.err(); err != nil {
		<-f.slots
		return err
	}
	f.group.Go(func() {
		defer func() { <-f.slots }()
		if err := write(); err != nil {
			f.fail(err)
		}
	})
	return nil
}

// fail keeps the first failure.
func (f *inFlight) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = err
	}
}

func (f *inFlight) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// settle waits for all that was begun, and returns what failed first.
func (f *inFlight) settle() error {
	f.group.Wait()
	return f.err()
}
