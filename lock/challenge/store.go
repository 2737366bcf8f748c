package challenge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// A Local is a local store; nix.Nix is one.
type Local interface {
	// Info returns what its database says of those of the paths that it has.
	Info(ctx context.Context, paths []lock.StorePath, closure bool) (map[lock.StorePath]nix.Info, error)
	// Hash returns the SHA-256 and size of the NAR of what lies on disk.
	Hash(ctx context.Context, path lock.StorePath) (lock.Hash, int64, error)
	// OpenNar returns the NAR of what lies on disk.
	OpenNar(ctx context.Context, path lock.StorePath) io.ReadCloser
}

// hashers is how many paths of the store are read at a time.
const hashers = 2

// askStore asks the local store for every path, and returns what its database
// says, nil when it could not be asked. The bytes on disk vote; the database says
// what they refer to.
func (r *run) askStore(ctx context.Context, i int, votes map[lock.StorePath][]Vote) map[lock.StorePath]nix.Info {
	infos, err := r.o.Store.Info(ctx, r.paths, false)
	if err != nil {
		for _, p := range r.paths {
			votes[p][i] = Vote{Text: err.Error()}
		}
		r.step(len(r.paths))
		return nil
	}
	if infos == nil {
		infos = map[lock.StorePath]nix.Info{}
	}
	slots := make(chan struct{}, hashers)
	var all sync.WaitGroup
	for _, p := range r.paths {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			info, valid := infos[p]
			votes[p][i] = r.storeVote(ctx, p, info, valid)
			r.step(1)
		})
	}
	all.Wait()
	return infos
}

func (r *run) storeVote(ctx context.Context, p lock.StorePath, info nix.Info, valid bool) Vote {
	if !valid {
		return Vote{Answer: Missing, Text: "it is not in the store"}
	}
	hash, size, err := r.o.Store.Hash(ctx, p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Vote{Answer: Misbehaved, Text: "its database has the path, and on disk it is not there; `nix-store --verify --check-contents` finds such paths"}
	case err != nil:
		return Vote{Text: "the files could not be read: " + err.Error()}
	}
	v := Vote{Answer: Said, NAR: hash, Size: size, Refs: info.Refs, RefsKnown: true}
	if hash != info.NAR {
		v.Text = fmt.Sprintf("the files were changed: the store's database says %s", info.NAR)
		v.marks = []string{"store"}
		return v
	}
	n := &bincache.NarInfo{StoreDir: r.o.StoreDir, Path: p, NarHash: hash, NarSize: uint64(size), References: info.Refs, Signatures: info.Signatures}
	signed := signedVote(n, r.ring)
	v.Signed, v.By, v.marks = signed.Signed, signed.By, signed.marks
	switch {
	case info.Ultimate:
		v.Text, v.marks = "it was built here", append(v.marks, "store")
	case info.CA != "":
		v.Text, v.marks = "its name is computed from its contents", append(v.marks, "store")
	case len(v.marks) == 0:
		v.Text, v.nowhere = "it was not built here, and nothing says where it came from", true
	default:
		v.Text = "it was fetched: " + signed.Text
	}
	return v
}
