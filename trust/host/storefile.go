package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// ErrStoreNotTold says that the daemon was asked for what its database says, as
// that could not be read, and did not tell all of it.
var ErrStoreNotTold = errors.New("its daemon did not tell what is in it")

// ReadStore reads the database of a machine's store, as its facts say where it
// is. The database has to be root's, the user's or that of who runs this: what a
// stranger made says nothing about the store. Where it may not be read, is not
// there or is never still, the daemon that answered the look is asked instead.
// Errors are those of storedb.Read, and ErrStoreNotTold beside them.
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
	store, err := storedb.Read(ctx, open, StoreDatabase(f), f.Nix.StoreDir)
	hidden := errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, storedb.ErrBusy)
	if !hidden || m.dial == nil || f.Daemon.State != trust.DaemonAnswered {
		return store, err
	}
	store, daemonErr := askStore(ctx, m.dial, f.Daemon.Socket, f.Nix.StoreDir, storePatience())
	if daemonErr != nil {
		return nil, fmt.Errorf("%w; and %w: %v", err, ErrStoreNotTold, daemonErr)
	}
	store.Told.Why = plain(err)
	return store, nil
}

// StoreDatabase is where the database of the store is.
func StoreDatabase(f *trust.Facts) string { return path.Join(f.Nix.StateDir, storedb.File) }
