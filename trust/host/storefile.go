package host

import (
	"context"
	"errors"
	"os"
	"path"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/diskcache"
	"github.com/nix-trust/nix-trust/trust/storedb"
)

// ErrNoDatabase says that the machine looked at has no files that a database
// could be among.
var ErrNoDatabase = errors.New("this machine is made up, and has no database of a store")

// ErrNotRecorded says that a bundle is looked at, which has no database.
var ErrNotRecorded = errors.New("a bundle does not have the database of the store: it is for the machine itself to look at")

// ReadStore reads the database of a machine's store, as its facts say where it
// is. The database has to be root's, the user's or that of who runs this: what a
// stranger made says nothing about the store. Errors are those of storedb.Read.
func ReadStore(ctx context.Context, m *Machine, f *trust.Facts) (*storedb.Store, error) {
	if m.store != nil {
		return m.store(ctx)
	}
	if m.replayed != nil {
		return nil, ErrNotRecorded
	}
	files, ok := m.files.(opener)
	if !ok {
		return nil, ErrNoDatabase
	}
	owners := []uint32{0, f.User.UID}
	if m.who != nil {
		owners = append(owners, m.who.uid)
	}
	open := func(p string) (*os.File, error) {
		file, err := files.Open(p)
		if err != nil {
			return nil, err
		}
		if err := diskcache.Owned(file, owners...); err != nil {
			file.Close()
			return nil, err
		}
		return file, nil
	}
	return storedb.Read(ctx, open, StoreDatabase(f), f.Nix.StoreDir)
}

// StoreDatabase is where the database of the store is.
func StoreDatabase(f *trust.Facts) string { return path.Join(f.Nix.StateDir, storedb.File) }
