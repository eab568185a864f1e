// Package embedtest shows that Leftfold can be embedded: it builds and runs a small
// program of another module and another domain, which lies in testdata.
package embedtest
