package challenge

import (
	"context"
	"errors"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// A Rebuilder builds a path once more, beside the one in the store.
type Rebuilder interface {
	// Rebuild returns nil when the outcome was the same, an *Other when it was
	// not, a NoSay for what cannot be rebuilt, and other errors when it is not
	// known.
	Rebuild(ctx context.Context, path lock.StorePath, info nix.Info) error
}

// An Other says that a rebuild gave something else, and where it was left.
type Other struct {
	Kept lock.StorePath // "" when it was not kept
	Text string
}

func (o *Other) Error() string { return o.Text }

// NoSay is why a rebuild of a path would tell nothing.
type NoSay string

func (n NoSay) Error() string { return string(n) }

// rebuild is the vote of a rebuild.
func (r *run) rebuild(ctx context.Context, p lock.StorePath, info nix.Info, valid bool) Vote {
	if !valid {
		return Vote{Answer: Abstains, Text: "it is not in the local store, which a rebuild is compared with"}
	}
	err := r.o.Build.Rebuild(ctx, p, info)
	var other *Other
	var noSay NoSay
	switch {
	case err == nil:
		return Vote{Answer: Said, Text: "it was built again, with the same outcome", NAR: info.NAR, Size: info.Size, Refs: info.Refs, RefsKnown: true, marks: []string{"rebuild"}}
	case errors.As(err, &noSay):
		return Vote{Answer: Abstains, Text: noSay.Error()}
	case !errors.As(err, &other):
		return Vote{Text: err.Error()}
	}
	// It objects, also where nobody knows with which hash: a zero hash is on no
	// other's side.
	v := Vote{Answer: Said, Text: other.Text, marks: []string{"rebuild"}}
	if other.Kept == "" {
		return v
	}
	if v.NAR, v.Size, err = r.o.Store.Hash(ctx, other.Kept); err != nil {
		v.Text += "; what it gave could not be read: " + err.Error()
		return v
	}
	v.Kept = other.Kept
	return v
}
