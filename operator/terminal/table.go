package terminal

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// Column is one of a table.
type Column struct {
	Name string
	// Right puts it to the right: a number.
	Right bool
	// Text may be cut where the terminal ends: no name, no number.
	Text bool
	// Wide is shown with --wide only.
	Wide bool
}

// Cell is a text with a colour.
type Cell struct {
	Text  string
	Color Color
}

// rowsKept is how many rows are kept to find the widths; those of later rows can only grow.
const rowsKept = 500

// Table prints rows in columns. Cells are strings, [Cell]s, whole numbers, which get
// thousands separators, times, shown as --time says, and nil for what is not known.
type Table struct {
	t       *Terminal
	out     io.Writer
	columns []Column
	shown   []int // which of the columns
	head    bool  // still to be printed
	widths  []int
	rows    [][]Cell
}

// Table returns a table on stdout. Without names of columns it has no header.
func (t *Terminal) Table(columns ...Column) *Table {
	table := &Table{t: t, out: t.opts.Stdout, columns: columns}
	for i, c := range columns {
		if !c.Wide || t.Wide {
			table.shown = append(table.shown, i)
			table.head = table.head || c.Name != ""
		}
	}
	table.widths = make([]int, len(table.shown))
	return table
}

// Row adds a row, with a cell for each column.
func (t *Table) Row(cells ...any) error {
	row := make([]Cell, len(t.shown))
	for i, column := range t.shown {
		row[i] = t.cell(cells[column])
	}
	if t.rows = append(t.rows, row); len(t.rows) < rowsKept {
		return nil
	}
	return t.Flush()
}

func (t *Table) cell(value any) Cell {
	switch v := value.(type) {
	case nil:
		return Cell{Text: None}
	case Cell:
		v.Text = oneLine(v.Text)
		return v
	case string:
		return Cell{Text: oneLine(v)}
	case time.Time:
		return Cell{Text: t.t.When(v)}
	}
	switch v := reflect.ValueOf(value); {
	case v.CanInt():
		return Cell{Text: grouped(strconv.FormatInt(v.Int(), 10))}
	case v.CanUint():
		return Cell{Text: grouped(strconv.FormatUint(v.Uint(), 10))}
	}
	return Cell{Text: oneLine(fmt.Sprint(value))}
}

func oneLine(text string) string { return strings.ReplaceAll(Clean(text), "\n", `\n`) }

// Flush prints what was added.
func (t *Table) Flush() error {
	if t.head && len(t.rows) > 0 {
		head := make([]Cell, len(t.shown))
		for i, column := range t.shown {
			head[i] = Cell{t.columns[column].Name, Dim}
		}
		t.rows = append([][]Cell{head}, t.rows...)
		t.head = false
	}
	for _, row := range t.rows {
		for i, c := range row {
			t.widths[i] = max(t.widths[i], runewidth.StringWidth(c.Text))
		}
	}
	widths := t.fit()
	for _, row := range t.rows {
		if _, err := io.WriteString(t.out, t.line(row, widths)); err != nil {
			return err
		}
	}
	t.rows = nil
	return nil
}

// leastWidth is what is left of a text that is cut.
const leastWidth = 10

// fit returns the widths with the longest texts cut, so that a line fits a terminal if it
// can.
func (t *Table) fit() []int {
	widths := append([]int(nil), t.widths...)
	columns, terminal := t.t.opts.Width(t.out)
	if !terminal || t.t.Wide {
		return widths
	}
	total := 2 * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > columns; total-- {
		longest := -1
		for i, column := range t.shown {
			if t.columns[column].Text && widths[i] > leastWidth && (longest < 0 || widths[i] > widths[longest]) {
				longest = i
			}
		}
		if longest < 0 {
			break
		}
		widths[longest]--
	}
	return widths
}

func (t *Table) line(row []Cell, widths []int) string {
	var b strings.Builder
	for i, c := range row {
		column := t.columns[t.shown[i]]
		text := c.Text
		if column.Text {
			text = runewidth.Truncate(text, widths[i], "…")
		}
		space := strings.Repeat(" ", max(0, widths[i]-runewidth.StringWidth(text)))
		painted := t.t.Paint(t.out, c.Color, text)
		switch {
		case column.Right:
			b.WriteString(space + painted)
		case i == len(row)-1:
			b.WriteString(painted)
		default:
			b.WriteString(painted + space)
		}
		if i < len(row)-1 {
			b.WriteString("  ")
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}
