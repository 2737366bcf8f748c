package diskcache

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nix-trust/nix-trust/trust/dbfile"
)

// Bounds on what is read of one database. One that has grown for years has some
// hundred MiB and a million rows; only the newest are counted.
var limits = dbfile.Limits{File: 4 << 30, Log: 64 << 20, Steps: 4 << 20}

const (
	maxCaches  = 1000
	maxRows    = 10000
	maxLookups = 40000 // paths times caches; those after that are not looked up
)

// A Question is what is wanted of a database.
type Question struct {
	// Misses and Hits older than these do not count, as Nix would ask again.
	Misses, Hits time.Time
	Hashes       []string // the hash parts of paths to look up
}

// descriptors is held while a database is cleared, and shared while one is read:
// on POSIX systems a process loses its locks on a file when it closes any
// descriptor of it, so a reader would take the writer's away.
var descriptors sync.RWMutex

// Read reads the database in a file, opened by open. A file that is not there is
// fs.ErrNotExist; other errors are those of dbfile, and ErrSchema.
func Read(ctx context.Context, open dbfile.Opener, file string, q Question) (*Contents, error) {
	descriptors.RLock()
	defer descriptors.RUnlock()
	var out *Contents
	err := dbfile.Read(ctx, open, file, limits, func(db *dbfile.DB) (err error) {
		out, err = contents(ctx, db, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.File = file
	return out, nil
}

func contents(ctx context.Context, db *dbfile.DB, q Question) (*Contents, error) {
	at, err := tablesOf(db)
	if err != nil {
		return nil, err
	}
	out := &Contents{Complete: true, entries: map[entryKey]Entry{}}
	ids := map[int64]int{}
	err = db.Rows(at.caches, false, func(id int64, row []dbfile.Value) (bool, error) {
		if len(row) != len(cacheColumns) || len(ids) == maxCaches {
			return false, ErrSchema
		}
		ids[id] = len(out.Caches)
		out.Caches = append(out.Caches, Cache{
			URL: row[1].String(), Asked: moment(row[2].Int), StoreDir: row[3].String(), Mass: row[4].Int != 0, Priority: row[5].Int,
		})
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	hashes := q.Hashes[:min(len(q.Hashes), maxLookups/max(1, len(ids)))]
	for id, i := range ids {
		for _, h := range hashes {
			e, ok, err := entry(db, at, id, h)
			if err != nil {
				return nil, err
			}
			if ok {
				out.entries[entryKey{URL(out.Caches[i].URL), h}] = e
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	return out, out.count(ctx, db, at.nars, ids, q)
}

// count counts the newest rows: each one that is written gets the highest number.
func (c *Contents) count(ctx context.Context, db *dbfile.DB, nars uint32, ids map[int64]int, q Question) error {
	n := 0
	return db.Rows(nars, true, func(_ int64, row []dbfile.Value) (bool, error) {
		if n++; n > maxRows {
			c.Complete = false
			return false, nil
		}
		if n%1000 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		e, err := entryOf(row)
		if err != nil {
			return false, err
		}
		i, ok := ids[row[0].Int]
		switch {
		case !ok:
		case e.Present && e.At.After(q.Hits):
			c.Caches[i].Hits.add(e.At)
		case !e.Present && e.At.After(q.Misses):
			c.Caches[i].Misses.add(e.At)
		}
		return true, nil
	})
}

// entry looks one path of one cache up.
func entry(db *dbfile.DB, at tables, cache int64, hash string) (Entry, bool, error) {
	id, ok, err := db.Find(at.index, dbfile.Num(cache), dbfile.Str(hash))
	if err != nil || !ok {
		return Entry{}, false, err
	}
	row, err := db.Row(at.nars, id)
	if err != nil {
		return Entry{}, false, err
	}
	e, err := entryOf(row)
	if err == nil && (row[0].Int != cache || row[1].String() != hash) {
		err = ErrSchema // the index leads elsewhere
	}
	return e, true, err
}

func entryOf(row []dbfile.Value) (Entry, error) {
	if len(row) != len(narColumns) || row[13].Kind != dbfile.Integer || row[14].Kind != dbfile.Integer {
		return Entry{}, ErrSchema
	}
	return Entry{Present: row[14].Int != 0, At: moment(row[13].Int)}, nil
}

// moment is a time that a database says, in seconds; one that no clock says is none.
func moment(s int64) time.Time {
	if s <= 0 || s > 1<<40 {
		return time.Time{}
	}
	return time.Unix(s, 0)
}

// The columns that Nix makes, in their order.
var (
	cacheColumns = []string{"id", "url", "timestamp", "storedir", "wantmassquery", "priority"}
	narColumns   = []string{
		"cache", "hashpart", "namepart", "url", "compression", "filehash", "filesize", "narhash", "narsize", "refs", "deriver", "sigs", "ca", "timestamp", "present",
	}
)

// tables says where the tables are.
type tables struct{ caches, nars, index uint32 }

// tablesOf finds the tables and sees that they are what Nix makes: rows are
// taken by the order of their columns. No view may stand for a table, and no
// trigger may wait for a row to be deleted.
func tablesOf(db *dbfile.DB) (tables, error) {
	var at tables
	schema, err := db.Schema()
	if err != nil {
		return at, err
	}
	for _, o := range schema {
		switch {
		case o.Type != "table" && o.Type != "index":
			return at, ErrSchema
		case o.Type == "table" && o.Name == "BinaryCaches":
			if !slices.Equal(dbfile.Columns(o.SQL), cacheColumns) {
				return at, ErrSchema
			}
			at.caches = o.Root
		case o.Type == "table" && o.Name == "NARs":
			if !slices.Equal(dbfile.Columns(o.SQL), narColumns) {
				return at, ErrSchema
			}
			at.nars = o.Root
		case o.Type == "index" && o.Name == "sqlite_autoindex_NARs_1" && o.Table == "NARs":
			at.index = o.Root
		}
	}
	if at.caches == 0 || at.nars == 0 || at.index == 0 {
		return at, ErrSchema
	}
	return at, nil
}
