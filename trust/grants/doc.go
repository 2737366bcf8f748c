// Package grants has grants.toml, the user's own decisions about flakes, and
// the rules by which one of them counts.
//
// A grant says: what this lock pins may come from these caches, for this flake.
// Its key has two halves, the flake's identity and the digest of the lock that
// was accepted, so that neither another project with the same lock name nor
// another lock in the same project is covered. A denial is about the flake
// alone, and outlives every change of its files.
//
// The package has no network, no files and no clock: what it is not told it
// takes for unknown, and what is unknown serves nothing. Its zero values grant
// nothing.
//
// docs/grants.md specifies the file and the rules.
package grants
