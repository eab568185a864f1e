package dynamotable_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/leftfold/leftfold/eventstore"
	"github.com/leftfold/leftfold/eventstore/dynamostore/dynamotest"
	"github.com/leftfold/leftfold/internal/dynamotable"
)

// aSpec is one with everything that can be set later.
func aSpec() dynamotable.Spec {
	return dynamotable.Spec{Name: dynamotest.NewPrefix(), SortKey: types.ScalarAttributeTypeS, Index: "index", IndexSort: dynamotable.SK,
		Check: func(table *types.TableDescription) error {
			return dynamotable.CheckIndex(table, "index", dynamotable.SK)
		},
		Protected: true, TTL: "expires"}
}

// answers is a server in front of DynamoDB Local, which answers some operations itself:
// what that server can not do.
type answers struct {
	URL  string
	mu   sync.Mutex
	seen map[string][]string // bodies of requests, by operation
}

func newAnswers(t *testing.T, answer func(operation string, n int) (status int, body string)) *answers {
	target, err := url.Parse(server.Endpoint(t))
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	a := &answers{seen: map[string][]string{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		a.mu.Lock()
		a.seen[operation] = append(a.seen[operation], string(body))
		status, said := answer(operation, len(a.seen[operation]))
		a.mu.Unlock()
		if status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, said)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	a.URL = s.URL
	return a
}

func (a *answers) asked(operation string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[operation]
}

func expiresBy(t *testing.T, client *dynamodb.Client, table string) string {
	out, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &table})
	require.NoError(t, err)
	if out.TimeToLiveDescription.AttributeName == nil {
		return ""
	}
	return *out.TimeToLiveDescription.AttributeName
}

func TestATableWithOurKeyThatIsNotOursIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	client := dynamotest.NewClient(t, server.Endpoint(t))
	for _, index := range []struct{ name, partition, sort string }{
		{}, {"another", dynamotable.DirectoryKey, dynamotable.SK}, {"index", "x", dynamotable.SK}, {"index", dynamotable.DirectoryKey, dynamotable.PK},
	} {
		s := aSpec()
		foreign := s
		foreign.TTL, foreign.Protected, foreign.Check = "", false, nil
		if foreign.Index, foreign.IndexSort = index.name, index.sort; index.partition == "x" {
			makeIndexed(t, client, s.Name, index.name, index.partition, index.sort)
		} else {
			require.NoError(t, dynamotable.Provision(t.Context(), client, foreign))
		}
		err := dynamotable.Provision(t.Context(), client, s)
		assert.ErrorIs(t, err, dynamotable.ErrForeign, index)
		assert.Equal(t, "choose another prefix", eventstore.Hint(err))
		assert.Empty(t, expiresBy(t, client, s.Name), index)
		table, err := dynamotable.Inspect(t.Context(), client, s.Name, s.SortKey)
		require.NoError(t, err)
		assert.False(t, table.DeletionProtectionEnabled != nil && *table.DeletionProtectionEnabled, index)
	}
}

// makeIndexed makes a table with our key and an index with another.
func makeIndexed(t *testing.T, client *dynamodb.Client, name, index, partition, sort string) {
	text := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS}
	}
	key := func(partition, sort string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: &partition, KeyType: types.KeyTypeHash}, {AttributeName: &sort, KeyType: types.KeyTypeRange}}
	}
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest,
		KeySchema: key("PK", "SK"), AttributeDefinitions: []types.AttributeDefinition{text("PK"), text("SK"), text(partition)},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: &index, KeySchema: key(partition, sort),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}}})
	require.NoError(t, err)
}

func TestATableThatWasMadeHalfwayIsFinished(t *testing.T) {
	t.Parallel()
	client := dynamotest.NewClient(t, server.Endpoint(t))
	s := aSpec()
	half := s
	half.TTL, half.Protected = "", false
	require.NoError(t, dynamotable.Provision(t.Context(), client, half))
	require.NoError(t, dynamotable.Provision(t.Context(), client, s))
	assert.Equal(t, "expires", expiresBy(t, client, s.Name))
	table, err := dynamotable.Inspect(t.Context(), client, s.Name, s.SortKey)
	require.NoError(t, err)
	assert.True(t, *table.DeletionProtectionEnabled)
	require.NoError(t, dynamotable.Provision(t.Context(), client, half))
	assert.Equal(t, "expires", expiresBy(t, client, s.Name), "nothing is switched off")
	table, err = dynamotable.Inspect(t.Context(), client, s.Name, s.SortKey)
	require.NoError(t, err)
	assert.True(t, *table.DeletionProtectionEnabled, "nothing is switched off")
}

// Everything that somebody else, or a lost answer, can do between a look and a change.
func TestProvisionMeetsAnotherOneInEveryStep(t *testing.T) {
	t.Parallel()
	client := dynamotest.NewClient(t, server.Endpoint(t))
	for _, operation := range []string{"CreateTable", "UpdateTimeToLive", "UpdateTable"} {
		for _, fault := range []dynamotest.Fault{dynamotest.None, dynamotest.CutAfter} {
			s := aSpec()
			if operation == "UpdateTable" {
				half := s
				half.Protected = false
				require.NoError(t, dynamotable.Provision(t.Context(), client, half))
			}
			met := false
			proxy := dynamotest.NewProxy(t, server.Endpoint(t), func(c dynamotest.Call) dynamotest.Fault {
				if c.Operation != operation || met {
					return dynamotest.None
				}
				met = true
				if fault == dynamotest.None {
					assert.NoError(t, dynamotable.Provision(t.Context(), client, s))
				}
				return fault
			})
			require.NoError(t, dynamotable.Provision(t.Context(), dynamotest.NewClient(t, proxy.URL), s), "%s %s", operation, fault)
			assert.True(t, met, operation)
			assert.Equal(t, "expires", expiresBy(t, client, s.Name))
		}
	}
}

func TestATableWhoseItemsExpireByAnotherAttributeIsRefused(t *testing.T) {
	t.Parallel()
	client := dynamotest.NewClient(t, server.Endpoint(t))
	s := aSpec()
	another := s
	another.TTL = "another"
	require.NoError(t, dynamotable.Provision(t.Context(), client, another))
	err := dynamotable.Provision(t.Context(), client, s)
	assert.ErrorIs(t, err, dynamotable.ErrForeign)
	assert.ErrorContains(t, err, `its items expire by "another", and not by "expires"`)
}

const (
	unavailable = `{"__type":"com.amazonaws.dynamodb.v20120810#ContinuousBackupsUnavailableException","message":"Backups are being enabled for the table"}`
	recovery    = `{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"%"}}}`
)

func TestBackupsOfANewTableAreWaitedFor(t *testing.T) {
	t.Parallel()
	a := newAnswers(t, func(operation string, n int) (int, string) {
		switch {
		case operation == "DescribeContinuousBackups":
			return http.StatusOK, strings.ReplaceAll(recovery, "%", "DISABLED")
		case operation == "UpdateContinuousBackups" && n < 3:
			return http.StatusBadRequest, unavailable
		case operation == "UpdateContinuousBackups":
			return http.StatusOK, strings.ReplaceAll(recovery, "%", "ENABLED")
		}
		return 0, ""
	})
	require.NoError(t, dynamotable.Provision(t.Context(), dynamotest.NewClient(t, a.URL), aSpec()))
	assert.Len(t, a.asked("UpdateContinuousBackups"), 3)
}

func TestRecoveryThatIsOnKeepsItsPeriod(t *testing.T) {
	t.Parallel()
	a := newAnswers(t, func(operation string, _ int) (int, string) {
		if operation == "DescribeContinuousBackups" {
			return http.StatusOK, strings.ReplaceAll(recovery, "%", "ENABLED")
		}
		return 0, ""
	})
	require.NoError(t, dynamotable.Provision(t.Context(), dynamotest.NewClient(t, a.URL), aSpec()))
	assert.Empty(t, a.asked("UpdateContinuousBackups"))
}

func TestAGlobalTableIsRefused(t *testing.T) {
	t.Parallel()
	const table = `{"Table":{"TableName":"t","TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"PK","KeyType":"HASH"},{"AttributeName":"SK","KeyType":"RANGE"}],` +
		`"AttributeDefinitions":[{"AttributeName":"PK","AttributeType":"S"},{"AttributeName":"SK","AttributeType":"S"}]%}}`
	for _, global := range []string{"", `,"Replicas":[{"RegionName":"eu-west-1"}]`, `,"GlobalTableVersion":"2017.11.29"`} {
		a := newAnswers(t, func(string, int) (int, string) { return http.StatusOK, strings.ReplaceAll(table, "%", global) })
		_, err := dynamotable.Inspect(t.Context(), dynamotest.NewClient(t, a.URL), "t", types.ScalarAttributeTypeS)
		if global == "" {
			require.NoError(t, err)
			continue
		}
		assert.ErrorIs(t, err, dynamotable.ErrForeign, global)
		assert.Contains(t, eventstore.Hint(err), "one Region", global)
	}
}
