// Package ledger makes changes to files so that none is lost, halved or made
// behind anybody's back, and keeps a journal of them from which each can be
// taken back.
//
// A file is written by comparing first: what is there has to be what the change
// was made from. Programs that use this package wait for each other. Others,
// such as Nix itself, do not, so the comparison is made again at the moment of
// the swap; see Writer for what remains.
package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

// MaxFile is the largest file that is replaced: 256 MiB.
const MaxFile = 256 << 20

// A Writer changes files. The zero Writer is ready to use.
//
// A file that exists is replaced by a new one with its mode, owner and group;
// links lead to what they point at. At every moment, also of a crash or a power
// cut, the file is the old one or the new one, whole:
//
//	lock     a file beside it, against other writers of ours
//	read     it has to be what the change was made from
//	create   a new file beside it, write, owner, mode, fsync
//	swap     the two files change places (Linux), or a rename
//	verify   what was swapped out is still what the change was made from;
//	         otherwise it goes back, and the change is refused
//	syncdir  fsync of the folder, and verify again
//	remove   the old file, then the lock
//
// What remains: where the kernel or the file system cannot swap two files, a
// program that takes no lock and writes between the last comparison and the
// rename, some microseconds, is overwritten.
//
// Nix writes what it read before it asked: a Nix that waits at its question
// overwrites whatever came meanwhile, and no writer can keep it from that.
//
// Hard links to the file keep the old content. Access lists and other extended
// attributes are kept on Linux, except for labels that only the system gives.
type Writer struct {
	// Stores are the folders whose files are never written, nor what links from
	// elsewhere lead to in them. /nix/store is always one.
	Stores []string
	// Wait is how long another writer is waited for; 10 s when zero.
	Wait time.Duration

	// step is called before each step above. Its error is the step's. Tests stop
	// the writer there.
	step func(name string) error
	// noExchange makes do without the kernel's ways to swap files and to move one
	// to a free name, as on other systems.
	noExchange bool
}

// Apply makes all the changes or none. When one cannot be made, those made
// before it are taken back. The errors are of type *Error.
func (w Writer) Apply(ctx context.Context, changes []trust.FileChange) error {
	swaps := make([]*swap, len(changes))
	for i, c := range changes {
		before := c.Before.Digest()
		swaps[i] = &swap{named: c.Path, before: &before, existed: c.Before.Exists, after: c.After, parents: c.Parents}
	}
	return w.apply(ctx, swaps)
}

// Replace puts a new content in the place of a file whose content has the given
// digest, whole or not at all. The zero Digest stands for no file: one is then
// made, readable by all. The folder has to be there.
func Replace(ctx context.Context, path string, before trust.Digest, text []byte) error {
	s := &swap{named: path, before: &before, existed: before != trust.Digest{}, after: trust.FileState{Exists: true, Data: text, Mode: 0o644}}
	return Writer{}.apply(ctx, []*swap{s})
}

func (w Writer) apply(ctx context.Context, swaps []*swap) (err error) {
	if w.Wait == 0 {
		w.Wait = 10 * time.Second
	}
	defer func() {
		for _, s := range swaps {
			s.close(w, err != nil)
		}
	}()
	for _, s := range swaps {
		if err := s.open(w); err != nil {
			return err
		}
	}
	// One order for everybody, so that two writers cannot wait for each other.
	slices.SortStableFunc(swaps, func(a, b *swap) int { return cmp.Compare(a.path, b.path) })
	for i, s := range swaps {
		if i > 0 && swaps[i-1].path == s.path {
			return refuse(s.named, "the change names the same file twice", "")
		}
		if err := s.lock(ctx, w); err != nil {
			return err
		}
	}
	for _, s := range swaps {
		if err := s.check(w); err != nil {
			return err
		}
	}
	// Whatever can fail for lack of room does so before anything is visible.
	for _, s := range swaps {
		if err := s.stage(w); err != nil {
			return err
		}
	}
	for i, s := range swaps {
		if err := s.commit(w); err != nil {
			for _, done := range slices.Backward(swaps[:i]) {
				if bad := done.takeBack(w); bad != nil {
					return &Error{Path: done.named, Text: "it was changed, and could not be changed back after another change failed: " + bad.Error(), Hint: "look at the file; the other change: " + err.Error(), Err: err}
				}
			}
			return err
		}
	}
	return nil
}

func (w Writer) at(step string) error {
	if w.step == nil {
		return nil
	}
	return w.step(step)
}
