package diskcache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/nix-trust/nix-trust/trust/dbfile"
)

// wait is how long Forget waits for another process to end its write.
const wait = 5 * time.Second

// ErrBusy says that another process was writing for longer than Forget waits.
var ErrBusy = dbfile.ErrBusy

// Forget deletes what is remembered of the paths of some caches, and says of how
// many. All or nothing is deleted. A file that is not there is fs.ErrNotExist.
//
// The caches' own rows stay: a running Nix goes by their numbers, and would fail
// to write down its next answer if one was gone. Their nix-cache-info is made
// old instead, so that Nix from 2.26 on reads it anew.
//
// The file has to be the user's own, and nothing in it is run.
func Forget(ctx context.Context, file string, match func(url string) bool) (paths int, err error) {
	now := time.Now()
	before, err := Read(ctx, OpenOwned(uint32(os.Geteuid())), file, Question{Misses: now, Hits: now})
	switch {
	case errors.Is(err, dbfile.ErrBusy):
		// A hot journal: SQLite knows who has to put it right.
	case err != nil:
		return 0, err
	default:
		any := false
		for _, c := range before.Caches {
			any = any || match(c.URL)
		}
		if !any {
			return 0, nil
		}
	}
	if _, err := os.Lstat(file + ".lock"); err == nil {
		// With use-sqlite-wal = false Nix locks by this folder, and not in the file.
		return 0, fmt.Errorf("%w: %s.lock is there", ErrBusy, file)
	}
	descriptors.Lock()
	defer descriptors.Unlock()
	c, err := sqlite.OpenConn(file, sqlite.OpenReadWrite|sqlite.OpenPrivateCache)
	if err != nil {
		return 0, plain(err)
	}
	defer func() {
		if closed := c.Close(); err == nil {
			err = plain(closed)
		}
	}()
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	paths, err = forget(bounded, c, match)
	switch {
	case err == nil:
		return paths, nil
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case bounded.Err() != nil:
		return 0, fmt.Errorf("%w: another process has been writing for %d seconds", ErrBusy, int(wait.Seconds()))
	}
	return 0, plain(err)
}

func forget(ctx context.Context, c *sqlite.Conn, match func(string) bool) (paths int, err error) {
	c.SetInterrupt(ctx.Done())
	c.SetBlockOnBusy() // until it is interrupted
	if err := c.SetDefensive(true); err != nil {
		return 0, err
	}
	for _, pragma := range []string{"pragma trusted_schema = off", "pragma cell_size_check = on", "pragma mmap_size = 0", "pragma temp_store = memory"} {
		if err := sqlitex.ExecuteTransient(c, pragma, nil); err != nil {
			return 0, err
		}
	}
	if err := c.SetAuthorizer(sqlite.AuthorizeFunc(mayRun)); err != nil {
		return 0, err
	}
	end, err := sqlitex.ImmediateTransaction(c)
	if err != nil {
		return 0, err
	}
	defer end(&err)
	var ids []int64
	err = sqlitex.ExecuteTransient(c, "select id, url from BinaryCaches", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		if match(s.ColumnText(1)) {
			ids = append(ids, s.ColumnInt64(0))
		}
		return nil
	}})
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		args := &sqlitex.ExecOptions{Args: []any{id}}
		if err := sqlitex.ExecuteTransient(c, "delete from NARs where cache = ?", args); err != nil {
			return 0, err
		}
		paths += c.Changes()
		if err := sqlitex.ExecuteTransient(c, "update BinaryCaches set timestamp = 0 where id = ?", args); err != nil {
			return 0, err
		}
	}
	return paths, nil
}

// mayRun lets through what Forget does, and no trigger, view or virtual table
// that somebody put into the file meanwhile.
func mayRun(a sqlite.Action) sqlite.AuthResult {
	ours := a.Table() == "BinaryCaches" || a.Table() == "NARs"
	switch op := a.Type(); {
	case a.Accessor() != "":
	case op == sqlite.OpSelect, op == sqlite.OpTransaction, op == sqlite.OpSavepoint:
		return sqlite.AuthResultOK
	case op == sqlite.OpRead && ours:
		return sqlite.AuthResultOK
	case op == sqlite.OpDelete && a.Table() == "NARs", op == sqlite.OpUpdate && a.Table() == "BinaryCaches" && a.Column() == "timestamp":
		return sqlite.AuthResultOK
	}
	return sqlite.AuthResultDeny
}

// plain makes SQLite's errors sentences for a person.
func plain(err error) error {
	switch code := sqlite.ErrCode(err).ToPrimary(); code {
	case sqlite.ResultOK:
		return nil
	case sqlite.ResultBusy, sqlite.ResultLocked:
		return ErrBusy
	case sqlite.ResultReadOnly, sqlite.ResultPerm, sqlite.ResultCantOpen:
		return fmt.Errorf("it may not be written to: %w", fs.ErrPermission)
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return dbfile.ErrCorrupt
	case sqlite.ResultFull, sqlite.ResultIOErr:
		return fmt.Errorf("it could not be written: %v", err)
	case sqlite.ResultError, sqlite.ResultAuth:
		return fmt.Errorf("%w: %v", ErrSchema, err)
	}
	return err
}
