package httpapi

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/leftfold/leftfold/handlers/dispatch"
)

// Route is an address of a command or a query. New panics if it is no pattern of
// [http.ServeMux] with a method, or contradicts another one; if the name is that of
// nothing, or of a command and a query; if a wildcard is no field of what is named; or if
// the method GET would carry out a command.
type Route struct {
	// Pattern is one of [http.ServeMux], such as POST /concerts/{concert}/bookings. What
	// stands for a wildcard is the field of that name.
	Pattern string
	// Name is that of the command or the query.
	Name string
}

// lookUp returns what a route names. Panics if that is nothing, or two things.
func (a *api) lookUp(route Route) *dispatch.Entry {
	c, q := a.commands.Entry(route.Name), a.queries.Entry(route.Name)
	switch {
	case c != nil && q != nil:
		panic(fmt.Sprintf("httpapi: route %q: %q is a command and a query", route.Pattern, route.Name))
	case c != nil:
		return c
	case q != nil:
		return q
	}
	panic(fmt.Sprintf("httpapi: route %q: there is no command and no query %q", route.Pattern, route.Name))
}

var wildcard = regexp.MustCompile(`\{([^}.$]+)(?:\.\.\.)?\}`)

// handle serves an address. Panics if the pattern is wrong, or does not fit what is named.
func (a *api) handle(pattern string, e *dispatch.Entry) {
	method, _, hasMethod := strings.Cut(pattern, " ")
	switch {
	case !hasMethod:
		panic(fmt.Sprintf("httpapi: route %q has no method", pattern))
	case e.Kind == dispatch.Command && (method == http.MethodGet || method == http.MethodHead):
		panic(fmt.Sprintf("httpapi: route %q: a command is not carried out by %s", pattern, method))
	}
	var wildcards []string
	for _, match := range wildcard.FindAllStringSubmatch(pattern, -1) {
		if !e.HasField(match[1]) {
			panic(fmt.Sprintf("httpapi: route %q: %s %q has no field %q", pattern, e.Kind, e.Name, match[1]))
		}
		wildcards = append(wildcards, match[1])
	}
	serve := a.query
	if e.Kind == dispatch.Command {
		serve = a.command
	}
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		actor, err := a.opts.Authenticate(r)
		if err != nil {
			a.refuse(w, r, unauthenticated(err))
			return
		}
		r, err = withMetadata(r, actor)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		content, err := a.content(w, r, e, wildcards)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		serve(w, r, e, content)
	})
}
