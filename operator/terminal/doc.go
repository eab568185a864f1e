// Package terminal is how commands of a service talk: to people, to scripts, to pipes.
//
//   - The answer goes to stdout, talk to stderr: progress, hints, warnings, errors.
//   - A list is a table: numbers to the right, the longest text cut where the terminal ends,
//     names never. In a pipe nothing is cut or coloured.
//   - With --json a list is a line of JSON for each entry, and a single answer one object.
//     Each has "schema":1, stable names, and times as RFC 3339 in UTC.
//   - Exit codes tell classes of errors: see [Code].
//
// A program's own commands use it beside those of operator/commands.
package terminal
