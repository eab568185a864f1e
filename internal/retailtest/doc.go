// Package retailtest gives tests the retail data and says what a shop must make
// of it.
//
// [Open] finds the file, or generates one of the same shape. [Fold] is the
// oracle: it computes the final rows of the shop's views straight from the CSV.
// It shares no code with the framework, with the shop or with its reader: it is
// the same rules written down a second time, by other means, so that a mistake
// has to be made twice to go unnoticed.
package retailtest
