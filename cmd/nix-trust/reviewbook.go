package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// readRecord reads the record that --since names.
func readRecord(name string) (*trust.ReviewRecord, error) {
	bad := func(err error) error {
		return &problem{code: exitUnknown, text: fmt.Sprintf("%s: %v", name, err),
			hints: []string{"write one with `nix-trust review --json > FILE`, at the commit to compare with"}}
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, bad(errors.Unwrap(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, trust.MaxRecord+1))
	if err != nil {
		return nil, bad(err)
	}
	r, err := trust.ParseReviewRecord(text)
	if err != nil {
		return nil, bad(err)
	}
	return &r, nil
}

// A book is where the record of one flake's last review is kept: a file of its
// own in the state folder, named after the flake's identity.
type book struct {
	flake grants.Identity
	state string // the folder of the journal
	path  string
}

// bookPage is the content of a book's file.
type bookPage struct {
	Version int                `json:"version"`
	Flake   grants.Identity    `json:"flake"`
	Record  trust.ReviewRecord `json:"record"`
}

// reviewBook finds the book of a flake, or of an input of it. There is none for
// the demo, for another system's root and for another user.
func (a *app) reviewBook(f *trust.Flake, input string) (*book, error) {
	if a.demo || a.root != "" || a.user != "" {
		return nil, nil
	}
	id, err := identityOf(f, input)
	if err != nil {
		return nil, err
	}
	state, err := ledger.StateDir(os.Geteuid(), os.Getenv)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(id))
	return &book{id, state, filepath.Join(state, "reviews", hex.EncodeToString(sum[:])+".json")}, nil
}

// identityOf is the name that a flake keeps whatever becomes of its content.
func identityOf(f *trust.Flake, input string) (grants.Identity, error) {
	if input != "" {
		for _, in := range f.Lock.Inputs() {
			if in.Name == input {
				return grants.OfInput(in.Node)
			}
		}
		return "", errors.New("the input is not in the lock file")
	}
	ref, err := flake.ParseRef(f.ID.Ref)
	if err == nil && ref.Path() == "" && ref.Type != "path" {
		return grants.OfRef(ref)
	}
	place, err := grants.Locate(host.Under("/"), f.ID.Path)
	if err != nil {
		return "", err
	}
	return place.Identity()
}

// read is the record that was accepted last, nil when there is none.
func (b *book) read() (*trust.ReviewRecord, error) {
	bad := func(why string) error {
		return &problem{code: exitUnknown, text: b.path + ": " + why,
			hints: []string{"give --since FILE to compare with another record, or move this one away to begin anew"}}
	}
	state, err := ledger.Read(b.path)
	if err != nil {
		return nil, bad(err.Error())
	}
	if !state.Exists {
		return nil, nil
	}
	var p struct {
		Version int             `json:"version"`
		Flake   grants.Identity `json:"flake"`
	}
	if err := json.Unmarshal(state.Data, &p); err != nil {
		return nil, bad("it is not JSON: " + err.Error())
	}
	if p.Version != 1 || p.Flake != b.flake {
		return nil, bad("it is not the record of this flake's review")
	}
	r, err := trust.ParseReviewRecord(state.Data)
	if err != nil {
		return nil, bad(err.Error())
	}
	return &r, nil
}

// accept records what the flake asks for as reviewed. No trust comes of it: it
// is what later reviews compare with.
func (a *app) accept(ctx context.Context, b *book, v reviewed) error {
	fail := func(err error) error {
		return &problem{code: exitUnknown, text: "the review was not recorded: " + err.Error()}
	}
	before, err := ledger.Read(b.path)
	if err != nil {
		return fail(err)
	}
	text, err := json.MarshalIndent(bookPage{1, b.flake, v.Record}, "", "  ")
	if err != nil {
		return fail(err)
	}
	change := trust.FileChange{
		Path: b.path, Before: before, Parents: true, Form: trust.FormText,
		After: trust.FileState{Exists: true, Data: append(text, '\n'), Mode: 0o600},
	}
	p := trust.Plan{Summary: "Record the review of " + string(b.flake), Steps: []trust.FileChange{change}, Risk: trust.PlanNeutral}
	if p.Empty() {
		fmt.Fprintln(a.err, "nix-trust: this is what was recorded already")
		return nil
	}
	n, err := ledger.Journal{Dir: b.state}.Apply(ctx, p)
	if err != nil {
		return fail(err)
	}
	fmt.Fprintf(a.err, "nix-trust: recorded as reviewed, entry %d of the journal\n", n)
	return nil
}
