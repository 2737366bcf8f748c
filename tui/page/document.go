package page

import "github.com/nix-trust/nix-trust/tui/safetext"

// A document is what a page says, whatever it is written in.
type document struct {
	Title    string
	Demo     bool
	ASCII    bool // no other character is written
	About    line // whom and what it is about
	Tiles    []tile
	Sections []section
}

// A tile is one figure at the top.
type tile struct {
	Figure, Of string // "3", "dangerous findings"
	Class      string
	To         string // the anchor where it is told
}

type section struct {
	ID, Title string
	Count     string // beside its name in the table of contents, "" for none
	Blocks    []block
}

// A line is pieces that are written after each other with a space between them.
type line []piece

// A piece is a text in one role. Its text is safe to show.
type piece struct {
	Kind  pieceKind
	Glyph string // of a mark
	Class string // of a mark
	Text  safetext.S
	To    string // the anchor that it leads to, "" for none
}

// A pieceKind is what a piece is, and how it is written.
type pieceKind string

const (
	plainText pieceKind = "plain"  // a sentence, which may have outside words in it
	ownText   pieceKind = "own"    // words of this program alone
	codeText  pieceKind = "code"   // an outside value: a URL, a key, a path
	placeText pieceKind = "place"  // a file with line and column
	strong    pieceKind = "strong" // words of this program
	faint     pieceKind = "faint"  // words of this program
	aside     pieceKind = "aside"  // plain text that is said in passing
	badge     pieceKind = "mark"   // a state: glyph and word
)

// A block is one of the types below.
type block interface{ Kind() string }

// para is a paragraph.
type para struct {
	Class string // "" or "warn", for what must not be passed over
	Line  line
}

// fields are facts with their names.
type fields struct{ Rows []field }

type field struct {
	Label  string
	Values []line
}

// items is a list.
type items struct{ Lines []line }

// table is a table; the first cell of a row names it.
type table struct {
	Caption string
	Head    []string // own words; nil where Heads has outside ones
	Heads   []line
	Wide    bool // it has a column for each of many things
	Rows    [][]cell
}

// A cell is lines under each other, and a bar or none.
type cell struct {
	Lines []line
	Bar   *bar
	Right bool // a figure
}

// A bar is a share of the longest one of its table, in parts.
type bar struct {
	Parts []part
	Says  string // the same in words
}

// A part is drawn from X on, W wide, in hundredths of the bar's full length.
type part struct {
	X, W  float64
	Class string // "one", "two" or "three"
	Text  string // what it stands for
}

// legend tells what the parts of the bars are.
type legend struct{ Parts []part }

// chain is the steps of a verdict in their order.
type chain struct{ Steps []step }

type step struct {
	Mark   piece
	Title  string // own words
	Code   string
	Blocks []block
	Class  string // "decisive" for the one that settles it
}

// ways are the ways out.
type ways struct {
	Title string
	Ways  []way
}

type way struct {
	Title, Detail line
	Admin         bool
	In            line         // the file that the text belongs to
	Lines         []safetext.S // a command, or text for the file
	Hidden        bool         // the command has characters that cannot be seen
}

// said is what another program prints.
type said struct {
	Who   string
	Lines []safetext.S
}

// group is a part of a section that can be folded.
type group struct {
	ID     string
	Title  line
	Open   bool
	Class  string
	Blocks []block
}

// sub is a part of a section.
type sub struct {
	ID     string
	Title  line
	Blocks []block
}

func (para) Kind() string   { return "para" }
func (fields) Kind() string { return "fields" }
func (items) Kind() string  { return "items" }
func (table) Kind() string  { return "table" }
func (legend) Kind() string { return "legend" }
func (chain) Kind() string  { return "chain" }
func (ways) Kind() string   { return "ways" }
func (said) Kind() string   { return "said" }
func (group) Kind() string  { return "group" }
func (sub) Kind() string    { return "sub" }
