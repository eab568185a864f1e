// Package dynamotest is for tests that need DynamoDB: a server on this machine,
// started when the first test asks for it and stopped after the last, and a network
// between the server and the SDK that lies as real ones do; see [Server] and [Proxy].
//
//	var server dynamotest.Server
//
//	func TestMain(m *testing.M) { server.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		client := dynamotest.NewClient(t, server.Endpoint(t))
//		…
//	}
//
// The server is Amazon's DynamoDB Local. What it does not show is listed in
// docs/dynamodb.md: no throttles, no conflicts of transactions, one shard, no
// eventual consistency. The proxy makes up for the first two.
package dynamotest
