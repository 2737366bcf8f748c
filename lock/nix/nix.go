package nix

import "github.com/nix-trust/nix-trust/lock"

// A Nix is the user's nix. Runner is needed.
type Nix struct {
	Runner   Runner
	StoreDir string // "" is /nix/store; files of the store are read there
	// Root is put before the paths of files that are read: where the programs
	// run in a root of their own. "" is this machine's.
	Root string
	// Offline keeps Source, Outputs and SelfDependent off the network.
	Offline bool
}

// A Source is a flake's source tree, once it is in the store.
type Source struct {
	Ref     string         // the reference as given, absolute where it was a relative path
	Path    lock.StorePath // of the tree
	NarHash lock.Hash
	Dir     string // of flake.nix in the tree; "" is its top
	Folder  string // the folder with flake.nix when Ref names one on this machine, else ""
	Rev     string // the commit; "" when there is none, or the tree has changes

	// What else a flake is told of its tree.
	revCount, lastModified int64 // 0 is unknown
	// dirty is where the tree lies when Nix has more to tell of it than what a
	// reference to its copy in the store can carry: dirtyRev. Else "".
	dirty string
	// fixed is a reference to where the tree came from that gives the same tree
	// for ever, or "".
	fixed   string
	commits bool // the tree lies in a repository, so that another commit may come
}

// An Output is one output of a derivation that a flake has.
type Output struct {
	Name       string         // as in a lock: "packages.default", "packages.default^dev"
	Path       lock.StorePath // "" when it is known only once it was built
	Derivation lock.StorePath
}

// A Failure is an output that could not be evaluated.
type Failure struct{ Name, Text string }

// Outputs are what evaluating a flake for one system gave.
type Outputs struct {
	Outputs  []Output  // sorted by name
	Failures []Failure // sorted by name
}

// A Derivation is what one .drv file says.
type Derivation struct {
	Name    string
	System  string
	Outputs map[string]lock.StorePath // "" for one that is known only once built
	Inputs  []lock.StorePath          // .drv files, sorted
	Sources []lock.StorePath          // sorted
	Fixed   bool                      // its one output is content-addressed by a hash that it declares
	// NoSubstitutes says that it sets allowSubstitutes to false: building it asks
	// no cache, unless always-allow-substitutes is on.
	NoSubstitutes bool
}

// A Graph is all that some derivations are built from, by .drv path.
type Graph map[lock.StorePath]Derivation

// An Info is what the local store says of a valid path.
type Info struct {
	NAR        lock.Hash
	Size       int64
	Refs       []lock.StorePath // sorted
	Deriver    lock.StorePath   // "" when unknown
	Signatures []string
	CA         string
	Ultimate   bool // it was built here
}
