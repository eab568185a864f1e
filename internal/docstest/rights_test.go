package docstest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// policy is what we use of a policy of IAM.
type policy struct {
	Version   string
	Statement []struct {
		Sid, Effect string
		Action      oneOrMore
		Resource    oneOrMore
		Principal   map[string]string
	}
}

// oneOrMore is a list, or its one element.
type oneOrMore []string

func (l *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// grants are the actions that are allowed, as "role resource action".
type grants map[string]bool

func (g grants) add(role, resource string, actions ...string) {
	for _, action := range actions {
		g[role+" "+resource+" "+action] = true
	}
}

func (g grants) sorted() []string { return slices.Sorted(maps.Keys(g)) }

// resourceARN is what a policy names of ours.
var resourceARN = regexp.MustCompile(`^arn:aws:dynamodb:REGION:ACCOUNT:table/(\S+)$`)

// resources returns what a row of the table of rights means, as policies name it.
func resources(row string) (found []string) {
	for _, table := range []string{"PREFIX-events", "PREFIX-views", "PREFIX-leases"} {
		switch {
		case strings.Contains(row, table+"/stream/*"):
			found = append(found, table+"/stream/*")
		case strings.Contains(row, table):
			found = append(found, table)
			if strings.Contains(row, "and its indexes") {
				found = append(found, table+"/index/*")
			}
		}
	}
	return found
}

func docPage(t *testing.T, name string) page {
	t.Helper()
	all := pages(t)
	i := slices.IndexFunc(all, func(p page) bool { return p.name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return all[i]
}

// policies returns the policies of a page that are about tables: those with statements
// for a resource.
func policies(t *testing.T, p page) (found []policy) {
	t.Helper()
	for _, b := range p.blocks {
		if b.language != "json" || !strings.Contains(b.text, `"Statement"`) {
			continue
		}
		decoder := json.NewDecoder(strings.NewReader(b.text))
		decoder.DisallowUnknownFields()
		var next policy
		require.NoError(t, decoder.Decode(&next), b.text)
		require.Equal(t, "2012-10-17", next.Version)
		if next.Statement[0].Principal == nil {
			found = append(found, next)
		}
	}
	return found
}

// granted returns what policies allow of tables and streams. A role is how its Sid begins.
func granted(t *testing.T, all []policy, roles ...string) grants {
	t.Helper()
	g := grants{}
	for _, p := range all {
		for _, s := range p.Statement {
			require.Equal(t, "Allow", s.Effect)
			i := slices.IndexFunc(roles, func(role string) bool { return strings.HasPrefix(s.Sid, role) })
			require.GreaterOrEqual(t, i, 0, "the role of %q", s.Sid)
			for _, resource := range s.Resource {
				match := resourceARN.FindStringSubmatch(resource)
				if match == nil {
					require.Contains(t, resource, "arn:aws:logs:")
					continue
				}
				for _, action := range s.Action {
					name, ok := strings.CutPrefix(action, "dynamodb:")
					require.True(t, ok, action)
					g.add(strings.ToLower(roles[i]), match[1], name)
				}
			}
		}
	}
	return g
}

// tabled returns what the table of docs/dynamodb.md says of the roles.
func tabled(t *testing.T, roles ...string) grants {
	t.Helper()
	g := grants{}
	section := docPage(t, "docs/dynamodb.md").section("Rights")
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z]+) \| (.+) \| (.+) \|$`).FindAllStringSubmatch(section, -1) {
		if !slices.Contains(roles, row[1]) {
			continue
		}
		for _, action := range captures(codePattern, row[3]) {
			for _, resource := range resources(row[2]) {
				g.add(row[1], resource, strings.TrimPrefix(action, "dynamodb:"))
			}
		}
	}
	return g
}

func TestThePoliciesAllowWhatTheTableOfRightsSays(t *testing.T) {
	t.Parallel()
	said := tabled(t, "commands", "workers", "queries")
	require.Greater(t, len(said), 25)
	assert.Equal(t, said.sorted(), granted(t, policies(t, docPage(t, "docs/dynamodb.md")), "Commands", "Workers", "Queries").sorted())
}

// Functions may do to the tables what workers may. Lambda reads the stream in the
// projector's name, and there are no leases.
func TestThePolicyOfFunctionsAllowsWhatTheTableOfRightsSays(t *testing.T) {
	t.Parallel()
	said := grants{}
	for grant := range tabled(t, "workers") {
		if rest, ok := strings.CutPrefix(grant, "workers "); ok && !strings.Contains(rest, "/stream/") && !strings.Contains(rest, "-leases") {
			said["functions "+rest] = true
		}
	}
	lambda := docPage(t, "docs/lambda.md")
	_, row, found := strings.Cut(lambda.section("Rights"), "| projector | the stream of PREFIX-events |")
	require.True(t, found)
	row, _, _ = strings.Cut(row, "|")
	for _, action := range captures(codePattern, row) {
		said.add("projector", "PREFIX-events/stream/*", strings.TrimPrefix(action, "dynamodb:"))
	}
	assert.Equal(t, said.sorted(), granted(t, policies(t, lambda), "Functions", "Projector").sorted())
}
