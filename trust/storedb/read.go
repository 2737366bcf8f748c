package storedb

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust/dbfile"
)

// Bounds on what is read. A store of a hundred thousand paths has 60 MiB and two
// million cells.
var limits = dbfile.Limits{File: 8 << 30, Log: 1 << 30, Steps: 256 << 20}

const (
	maxRows  = 4 << 20
	maxEdges = 64 << 20 // references and outputs
	maxText  = 1 << 30  // bytes of all texts that are kept
)

// Read reads the database in a file, opened by open; dir is the store's folder.
// A file that is not there is fs.ErrNotExist; other errors are those of dbfile,
// and ErrSchema. What single rows lack is told in them.
//
// The rows come as one, and not one by one: only when the last was read is it
// known that nobody wrote meanwhile, and that any of them counts.
func Read(ctx context.Context, open dbfile.Opener, file, dir string) (*Store, error) {
	var out *Store
	err := dbfile.Read(ctx, open, file, limits, func(db *dbfile.DB) (err error) {
		out, err = contents(ctx, db, dir)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func contents(ctx context.Context, db *dbfile.DB, dir string) (*Store, error) {
	at, err := tablesOf(db)
	if err != nil {
		return nil, err
	}
	n, err := db.Count(at.paths)
	if err != nil {
		return nil, err
	}
	n = min(n, maxRows)
	r := reader{ctx: ctx, prefix: dir + "/", byID: make(map[int64]int32, n),
		store: &Store{Dir: dir, Rows: make([]Row, 0, n), byPath: make(map[bincache.StorePath]int32, n)}}
	// The references are read beside the paths, as numbers.
	var links []link
	var linksErr error
	var beside sync.WaitGroup
	other := db.Beside()
	beside.Go(func() { links, linksErr = readLinks(ctx, other, at.refs) })
	err = db.Rows(at.paths, false, r.row)
	beside.Wait()
	if err = cmp.Or(err, linksErr); err != nil {
		return nil, err
	}
	refs := r.resolve(links)
	outputs, err := r.edges(db, at.outputs, func(row []dbfile.Value) (from, to int32, err error) {
		if len(row) != 3 || row[0].Kind != dbfile.Integer || row[2].Kind != dbfile.Text {
			return 0, 0, ErrSchema
		}
		from, ok := r.byID[row[0].Int]
		base, inStore := strings.CutPrefix(string(row[2].Data), r.prefix)
		to, there := r.store.byPath[bincache.StorePath(base)]
		if !ok || !inStore || !there {
			return none, none, nil // mostly it was not built, or is gone again
		}
		return from, to, nil
	})
	if err != nil {
		return nil, err
	}
	r.store.join(refs, func(row *Row, list []int32) { row.Refs = list })
	r.store.join(outputs, func(row *Row, list []int32) { row.Outputs = list })
	r.store.spread()
	return r.store, nil
}

// A link is a row of the references: the numbers of two rows of the paths.
type link struct{ from, to int64 }

// readLinks reads the table of references.
func readLinks(ctx context.Context, db *dbfile.DB, root uint32) ([]link, error) {
	n, err := db.Count(root)
	if err != nil {
		return nil, err
	}
	out := make([]link, 0, min(n, maxEdges))
	err = db.Rows(root, false, func(_ int64, row []dbfile.Value) (bool, error) {
		switch {
		case len(out)%4096 == 0 && ctx.Err() != nil:
			return false, ctx.Err()
		case len(row) != 2 || row[0].Kind != dbfile.Integer || row[1].Kind != dbfile.Integer:
			return false, ErrSchema
		case len(out) == maxEdges:
			return false, fmt.Errorf("%w: more than %d references", dbfile.ErrTooLarge, maxEdges)
		}
		out = append(out, link{row[0].Int, row[1].Int})
		return true, nil
	})
	return out, err
}

// resolve turns the numbers of rows into their indexes. Those of one path mostly
// follow each other.
func (r *reader) resolve(links []link) []edge {
	out := make([]edge, 0, len(links))
	last, from, known := int64(0), int32(none), false
	for _, l := range links {
		if !known || l.from != last {
			from, known = r.byID[l.from]
			last = l.from
		}
		to, ok := r.byID[l.to]
		switch {
		case !known:
		case !ok:
			r.store.Rows[from].damage("it refers to something that the database does not have")
		default:
			out = append(out, edge{from, to})
		}
	}
	return out
}

// A reader is one pass over a database.
type reader struct {
	ctx    context.Context
	store  *Store
	prefix string
	byID   map[int64]int32
	text   int    // bytes kept
	kept   []byte // room for those of one row
	work   int
}

// step ends a long run when nobody waits for it any more.
func (r *reader) step() error {
	if r.work++; r.work%4096 == 0 {
		return r.ctx.Err()
	}
	return nil
}

// row takes in one valid path. Columns that were added to an old database are
// not in the rows that it had.
func (r *reader) row(id int64, v []dbfile.Value) (bool, error) {
	if err := r.step(); err != nil {
		return false, err
	}
	if len(v) < 6 || len(v) > len(pathColumns) {
		return false, ErrSchema
	}
	var all [9]dbfile.Value
	copy(all[:], v)
	at := int32(len(r.store.Rows))
	if _, twice := r.byID[id]; twice || at == maxRows {
		return false, fmt.Errorf("%w: more than %d paths, or a number twice", dbfile.ErrTooLarge, maxRows)
	}
	for _, x := range all {
		r.text += len(x.Data)
	}
	if r.text > maxText {
		return false, fmt.Errorf("%w: its texts have more than %d MiB", dbfile.ErrTooLarge, maxText>>20)
	}
	row := Row{Registered: all[3].Int, Ultimate: all[6].Kind == dbfile.Integer && all[6].Int == 1}
	r.fill(&row, &all)
	r.byID[id] = at
	r.store.Rows = append(r.store.Rows, row)
	r.store.index(at)
	return true, nil
}

// fill takes in what has a form. Nix fails on a row without it.
func (r *reader) fill(row *Row, v *[9]dbfile.Value) {
	// The texts that are kept are parts of one string, which takes less room.
	r.kept = r.kept[:0]
	for _, i := range keptTexts {
		if v[i].Kind != dbfile.Text && v[i].Kind != dbfile.Null {
			row.damage("a number or bytes stand where a text belongs")
			v[i] = dbfile.Value{}
		}
		r.kept = append(r.kept, v[i].Data...)
	}
	rest := string(r.kept)
	next := func(i int) (text string) {
		text, rest = rest[:len(v[i].Data)], rest[len(v[i].Data):]
		return text
	}
	path, deriver := next(1), next(4)
	row.Signatures, row.CA = next(7), next(8)
	var err error
	if row.Path, err = bincache.ParseStorePathIn(r.store.Dir, path); err != nil {
		row.Path, row.Text = "", path
		row.damage("its path is none of this store")
	}
	if row.NarHash, err = bincache.ParseHash(v[2].String()); err != nil || v[2].Kind != dbfile.Text {
		row.damage("its hash is no SHA-256")
	}
	if deriver != "" {
		// It says where the path is from, and proves nothing.
		row.Deriver, _ = bincache.ParseStorePathIn(r.store.Dir, deriver)
	}
	switch n := v[5]; {
	case n.Kind == dbfile.Integer && n.Int >= 0:
		row.NarSize = n.Int
	case n.Kind != dbfile.Null:
		row.damage("its size is no size")
	}
}

// keptTexts are the columns whose texts are kept.
var keptTexts = [...]int{1, 4, 7, 8}

func (row *Row) damage(why string) {
	if row.Damage == "" {
		row.Damage = why
	}
	if row.Text == "" {
		row.Text = string(row.Path)
	}
}

// none is the index of no row.
const none = -1

type edge struct{ from, to int32 }

// edges reads a table that joins rows.
func (r *reader) edges(db *dbfile.DB, root uint32, of func([]dbfile.Value) (from, to int32, err error)) ([]edge, error) {
	n, err := db.Count(root)
	if err != nil {
		return nil, err
	}
	out := make([]edge, 0, min(n, maxEdges))
	err = db.Rows(root, false, func(_ int64, row []dbfile.Value) (bool, error) {
		if err := r.step(); err != nil {
			return false, err
		}
		from, to, err := of(row)
		if err != nil {
			return false, err
		}
		if len(out) == maxEdges {
			return false, fmt.Errorf("%w: more than %d references", dbfile.ErrTooLarge, maxEdges)
		}
		if from != none {
			out = append(out, edge{from, to})
		}
		return true, nil
	})
	return out, err
}

// join gives each row its edges, each once, in the order of the paths.
func (s *Store) join(edges []edge, set func(*Row, []int32)) {
	starts := make([]int32, len(s.Rows)+1)
	for _, e := range edges {
		starts[e.from+1]++
	}
	for i := range s.Rows {
		starts[i+1] += starts[i]
	}
	flat, next := make([]int32, len(edges)), slices.Clone(starts)
	for _, e := range edges {
		flat[next[e.from]] = e.to
		next[e.from]++
	}
	part := len(s.Rows)/runtime.GOMAXPROCS(0) + 1
	var parts sync.WaitGroup
	for start := 0; start < len(s.Rows); start += part {
		parts.Go(func() {
			for i := start; i < min(start+part, len(s.Rows)); i++ {
				list := flat[starts[i]:starts[i+1]:starts[i+1]]
				if len(list) == 0 {
					continue
				}
				slices.SortFunc(list, func(a, b int32) int { return cmp.Compare(s.Rows[a].Path, s.Rows[b].Path) })
				set(&s.Rows[i], slices.Compact(list))
			}
		})
	}
	parts.Wait()
}

// spread makes what refers to a row without a path damaged too: it is not known
// what it refers to.
func (s *Store) spread() {
	for i := range s.Rows {
		for _, j := range s.Rows[i].Refs {
			if s.Rows[j].Path == "" {
				s.Rows[i].damage("it refers to a damaged path")
			}
		}
	}
}

// The columns that Nix makes, in their order.
var (
	pathColumns   = []string{"id", "path", "hash", "registrationtime", "deriver", "narsize", "ultimate", "sigs", "ca"}
	refColumns    = []string{"referrer", "reference"}
	outputColumns = []string{"drv", "id", "path"}
)

// tables says where the tables are.
type tables struct{ paths, refs, outputs uint32 }

// tablesOf finds the tables and sees that they are what Nix makes: rows are
// taken by the order of their columns.
func tablesOf(db *dbfile.DB) (tables, error) {
	var at tables
	schema, err := db.Schema()
	if err != nil {
		return at, err
	}
	for _, want := range []struct {
		name    string
		columns []string
		root    *uint32
	}{
		{"ValidPaths", pathColumns, &at.paths},
		{"Refs", refColumns, &at.refs},
		{"DerivationOutputs", outputColumns, &at.outputs},
	} {
		for _, o := range schema {
			if o.Type == "table" && o.Name == want.name && *want.root == 0 && slices.Equal(dbfile.Columns(o.SQL), want.columns) {
				*want.root = o.Root
			}
		}
		if *want.root == 0 {
			return at, fmt.Errorf("%w: %s is missing or is another table", ErrSchema, want.name)
		}
	}
	return at, nil
}
