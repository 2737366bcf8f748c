// Package nix asks the user's own nix about flakes, derivations and the local
// store. It runs that program and reads what it wrote into the store; it goes
// to no cache itself, and every escape that a flake has from evaluation is
// closed before it is evaluated.
package nix
