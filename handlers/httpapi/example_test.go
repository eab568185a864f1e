package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/leftfold/leftfold/aggregate"
	"github.com/leftfold/leftfold/eventstore/memstore"
	"github.com/leftfold/leftfold/handlers/command"
	"github.com/leftfold/leftfold/handlers/dispatch"
	"github.com/leftfold/leftfold/handlers/httpapi"
)

func Example() {
	repository := aggregate.NewRepository(memstore.New(), concerts, aggregate.Options{})
	commands := command.NewBus(dispatch.Options{
		Refusals: []dispatch.Refusal{{Err: errSoldOut, Code: "sold-out"}},
	})
	command.Register(commands, "book", "Takes seats at a concert", command.On(repository, book))
	api := httpapi.New(commands, nil, httpapi.Options{
		Authenticate: httpapi.Public,
		Routes:       []httpapi.Route{{Pattern: "POST /concerts/{concert}/bookings", Name: "book"}},
	})

	send := func(key, body string) {
		r := httptest.NewRequest("POST", "/concerts/opera/bookings", strings.NewReader(body))
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		fmt.Println(w.Code, http.StatusText(w.Code), strings.ReplaceAll(strings.TrimSpace(w.Body.String()), ",", ", "))
	}
	send("17", `{"guest":"Ada","seats":4}`)
	send("17", `{"guest":"Ada","seats":4}`) // the answer was lost
	send("17", `{"guest":"Bob","seats":4}`) // another command
	send("18", `{"guest":"Bob","seats":7}`)
	// Output:
	// 200 OK {"id":"17", "events":["concert-opera@1"], "token":"eyJzIjoiY29uY2VydC1vcGVyYSIsInQiOnsiQk9PS0VEIjoxfX0"}
	// 200 OK {"id":"17", "events":["concert-opera@1"], "token":"eyJzIjoiY29uY2VydC1vcGVyYSIsInQiOnsiQk9PS0VEIjoxfX0"}
	// 422 Unprocessable Entity {"title":"Unprocessable Entity", "status":422, "class":"id-reused", "code":"id-reused", "detail":"the ID belongs to another command", "hint":"another command needs another ID", "kind":"command", "name":"book", "id":"17", "stream":"concert-opera"}
	// 409 Conflict {"title":"Conflict", "status":409, "class":"refused", "code":"sold-out", "detail":"not enough seats are left: 4 of 10 are taken", "kind":"command", "name":"book", "id":"18"}
}
