package flake

import "github.com/nix-trust/nix-trust/nixconf"

// A Setting is one attribute of a flake's nixConfig, as Nix turns it into text.
type Setting struct {
	Name  string
	Kind  Kind
	Value string      // the text that Nix asks about and stores answers under
	Items []string    // the list's elements as written; nil when it is not a list
	Pos   nixconf.Pos // of the attribute's name
	// ItemPos has the place of each element of Items.
	ItemPos []nixconf.Pos
	// Opaque says that Value cannot be known without Nix: a path literal, which
	// Nix copies into the store. Value then is the literal's source text. When the
	// flake's source has no such file, Nix refuses the flake.
	Opaque bool
}

// Kind is the kind of literal.
type Kind int

const (
	KindUnknown Kind = iota
	KindString
	KindPath
	KindInt
	KindBool
	KindList
)

// A Rejection is Nix's refusal of a flake.nix. It is an error.
type Rejection struct {
	Pos     nixconf.Pos
	Message string // in Nix's words, without "error: " and without the position
	// Unsure says that the words are nix-trust's: it cannot read the file far
	// enough to tell, and Nix may take it. What it declares is then unknown.
	Unsure bool
}

func (r *Rejection) Error() string { return r.Message }
