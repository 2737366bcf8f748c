// Package lock has flake.cache-lock: for each system, the store paths that a
// flake needs from binary caches with the hash, size and references that their
// bytes must have. It reads, checks, prints, compares and merges such files.
//
// The file comes from a repository that anybody may have written, so the reader
// is strict and bounded, takes one spelling of every value, and refuses what it
// does not know. What it refuses has no meaning at all: there is no half a lock.
//
// A lock pins bytes. It proves nothing about the source they were built from,
// and it grants nothing: that is decided outside of any flake. This package
// has no network, no files and no clock.
//
// docs/cache-lock.md specifies the format.
package lock
