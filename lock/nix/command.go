package nix

import "context"

// A Runner runs a program of Nix: the one effect of this package beside
// reading files. The program is found in PATH.
type Runner interface {
	// Run returns once the program has ended. An error means that it could
	// not be started, or that ctx ended first; a program that fails has a
	// Code other than 0 and no error.
	Run(ctx context.Context, c Call) (Result, error)
}

// A Call is one program to run. Stdin is empty: nothing can be asked.
type Call struct {
	Args []string // the program and its arguments
	Env  []string // NAME=VALUE, put over the process's own
	Dir  string   // "" is the current folder
}

// A Result is what a program did.
type Result struct {
	Stdout, Stderr []byte
	Code           int // 128 + the signal that killed it
}
