// Package retail reads the "Online Retail" file, a year of sales of a gift shop
// as CSV, and yields it as what a shop can store: one [Part] for each commit, one
// [Reject] for each row that is no fact.
//
// # Parts
//
// Consecutive rows of one InvoiceNo are a part, and a part becomes one commit. An
// invoice that comes back later begins its next part. A part's ID follows from
// invoice and number, and its digest from its content, so that loading a file
// again changes nothing, and loading it with other content is noticed.
//
// Two things besides another InvoiceNo end a part, since a commit belongs to one
// stream and has a limited size: a purchase or return of another user, and
// [MaxPartLines] or [MaxPartBytes]. What follows is the next part of the same
// invoice. Both depend only on what stands before, so that a file that was cut
// off differs from the whole one in its last part at most.
//
// # Rows
//
// A row is one line. It is a purchase if its InvoiceNo begins with a digit and
// quantity and price are above zero; a return if it begins with C, the quantity is
// below and the price above zero. Every other row is a reject, but it belongs to
// its part all the same: it begins one, or ends that of another invoice. A row
// that can not be decoded is a reject that neither begins nor ends a part. What a
// row must look like is said at each [Kind].
//
// Quantities and amounts of a [Line] are positive for purchases and returns
// alike; that goods came back is said by [Line.Returned].
package retail
