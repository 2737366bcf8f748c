// Package flake reads what a flake says about itself without running Nix: the
// nixConfig of its flake.nix, its flake.lock, registries, and references to
// flakes.
//
// All of it comes from strangers. A flake.nix is parsed whole, as strictly as
// Nix parses it, but nothing in it is ever evaluated, and no input makes a
// reader panic, recurse without limit or take more than linear time. Text is
// kept byte for byte, control characters included: whoever shows it has to make
// it safe first.
//
// What is not known here: whether an input can be fetched, whether a file that a
// setting names exists, and what Nix would compute. A Rejection with Unsure set
// says so; it never stands for a flake that declares nothing.
package flake
