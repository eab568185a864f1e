package projectiontest

import (
	"slices"
	"testing"
)

const (
	// mostShrinking is how many schedules are tried to find a shorter one, fewer where each
	// has a rebuild.
	mostShrinking, mostShrinkingOfRebuilds = 1500, 500
	// freshTries is how many new schedules are tried of a smaller scene in which
	// the old one does not fail.
	freshTries = 10
)

// shrinker makes a schedule that fails smaller: less history, fewer workers, fewer
// choices, as long as the same promise is broken.
type shrinker struct {
	t       *testing.T
	scene   *scene
	choices []byte
	promise string
	left    int    // how many schedules may still be tried
	seed    uint64 // of new schedules
}

func (s *shrinker) shrink() {
	for before := 0; s.left > 0 && s.scene.size() != before; {
		before = s.scene.size()
		s.fewerCommits()
		s.fewerEvents()
		s.fewerWorkers() // the more there are, the sooner they meet
		s.fewerCoordinators()
		s.fewerChoices()
	}
}

// size is what a reader has to keep in mind.
func (s *scene) size() int {
	size := s.workers + s.coordinators
	for _, w := range s.writes {
		size += 1 + len(w.Events)
	}
	return size
}

func (s *shrinker) fails(sc *scene, c *choices) bool {
	if s.left == 0 {
		return false
	}
	s.left--
	if w := play(s.t, sc, c); w.promise != s.promise {
		return false
	}
	s.scene, s.choices = sc, c.made()
	return true
}

// failsSomehow tries the schedule on another scene, and some new ones.
func (s *shrinker) failsSomehow(sc *scene) bool {
	if s.fails(sc, replay(s.choices)) {
		return true
	}
	for range freshTries {
		s.seed++
		if s.fails(sc, record(s.seed)) {
			return true
		}
	}
	return false
}

func (s *shrinker) fewerWorkers() {
	for n := 1; n < s.scene.workers; n++ {
		sc := *s.scene
		if sc.workers = n; s.failsSomehow(&sc) {
			return
		}
	}
}

func (s *shrinker) fewerCoordinators() {
	for n := 1; n < s.scene.coordinators; n++ {
		sc := *s.scene
		if sc.coordinators = n; s.failsSomehow(&sc) {
			return
		}
	}
}

func (s *shrinker) fewerCommits() {
	for size := len(s.scene.writes) / 2; size >= 1; size /= 2 {
		for from := 0; from < len(s.scene.writes); {
			writes := s.scene.writes
			if !s.failsSomehow(s.scene.with(slices.Delete(slices.Clone(writes), from, min(from+size, len(writes))))) {
				from += size
			}
		}
	}
}

func (s *shrinker) fewerEvents() {
	for i := range s.scene.writes {
		for j := 0; j < len(s.scene.writes[i].Events) && len(s.scene.writes[i].Events) > 1; {
			writes := slices.Clone(s.scene.writes)
			writes[i].Events = slices.Delete(slices.Clone(writes[i].Events), j, j+1)
			if !s.failsSomehow(s.scene.with(writes)) {
				j++
			}
		}
	}
}

// fewerChoices deletes stretches of the choices, then makes single ones harmless.
func (s *shrinker) fewerChoices() {
	for size := len(s.choices); size >= 1; size /= 2 {
		for from := 0; from < len(s.choices); {
			candidate := slices.Delete(slices.Clone(s.choices), from, min(from+size, len(s.choices)))
			if !s.fails(s.scene, replay(candidate)) {
				from += size
			}
		}
	}
	for i := 0; i < len(s.choices); i++ {
		if s.choices[i] == 0 {
			continue
		}
		candidate := slices.Clone(s.choices)
		candidate[i] = 0
		s.fails(s.scene, replay(candidate))
	}
}
