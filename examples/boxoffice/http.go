package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/projection"
)

// service answers requests.
type service struct {
	concerts *aggregate.Repository[Concert, Event]
	views    projection.ViewStore
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /concerts/{concert}/bookings", s.book)
	mux.HandleFunc("DELETE /concerts/{concert}/bookings/{guest}", s.cancel)
	mux.HandleFunc("GET /guests/{guest}", s.guest)
	return mux
}

// booking is what a request to book asks for.
type booking struct {
	Guest string `json:"guest"`
	Seats int    `json:"seats"`
}

func (s *service) book(w http.ResponseWriter, r *http.Request) {
	seats, err := strconv.Atoi(r.FormValue("seats"))
	if err != nil {
		seats = 0 // which is refused
	}
	asked := booking{r.FormValue("guest"), seats}
	s.execute(w, r, asked, Book(asked.Guest, asked.Seats))
}

// cancellation is what a request to cancel asks for.
type cancellation struct {
	Guest string `json:"guest"`
}

func (s *service) cancel(w http.ResponseWriter, r *http.Request) {
	asked := cancellation{r.PathValue("guest")}
	s.execute(w, r, asked, Cancel(asked.Guest))
}

// execute carries out a command. A client that got no answer sends the request again
// with the same key, and it takes effect once; another request with that key is refused.
// So is one without a key, which could not be sent again without taking effect twice.
// What was asked for, which JSON must be able to show whole, tells one request from
// another, however the handler has read it.
func (s *service) execute(w http.ResponseWriter, r *http.Request, asked any, decide aggregate.Decision[Concert, Event]) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		http.Error(w, "a command needs the header Idempotency-Key, with a value of its own", http.StatusBadRequest)
		return
	}
	request, err := json.Marshal([]any{r.Method, r.URL.Path, asked})
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	commit, err := s.concerts.Execute(r.Context(), r.PathValue("concert"), decide,
		aggregate.CommandID(key), aggregate.CommandDigest(eventstore.DigestOf(request)))
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	if len(commit.Events) == 0 {
		fmt.Fprintln(w, "nothing to do")
		return
	}
	fmt.Fprintln(w, commit.EventID(0))
}

func (s *service) guest(w http.ResponseWriter, r *http.Request) {
	g, err := Guests.Get(r.Context(), s.views, projection.KeyOf(r.PathValue("guest")))
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	_ = json.NewEncoder(w).Encode(g) // fails only where the client is gone
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrIncomplete), errors.Is(err, eventstore.ErrInvalid), errors.Is(err, eventstore.ErrTooLarge):
		return http.StatusBadRequest
	case errors.Is(err, ErrSoldOut), errors.Is(err, ErrNoBooking), errors.Is(err, eventstore.ErrIDReused):
		return http.StatusConflict
	case errors.Is(err, projection.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, eventstore.ErrConflict), errors.Is(err, eventstore.ErrOutcomeUnknown), errors.Is(err, projection.ErrNotBuilt):
		return http.StatusServiceUnavailable // the same request may be sent again
	}
	return http.StatusInternalServerError
}
