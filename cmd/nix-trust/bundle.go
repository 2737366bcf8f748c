package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/host/bundle"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

type bundleJSON struct {
	Version int           `json:"version"`
	File    string        `json:"file"`
	Size    int           `json:"size"`  // bytes
	Paths   int           `json:"paths"` // that were looked at, those where nothing was too
	Files   []bundle.Item `json:"files"` // that were read
	// Covered are secrets that were covered beside the files: in variables, in
	// what the daemon was asked.
	Covered int `json:"covered"`
	// Differs are the parts of the report that the bundle shows otherwise than this
	// machine does; none when it shows the same.
	Differs []string `json:"differs"`
}

// writeBundle writes what a look at the machine went by into a file, after it
// said what that is. named is a flake that the user named.
func (a *app) writeBundle(ctx context.Context, file, named string, force, sources bool) error {
	if a.bundled() {
		return usage("a bundle of a bundle would be the same one", "copy "+a.root)
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	before, err := ledger.Read(file)
	if err != nil {
		return changeProblem(err)
	}
	if before.Exists && !force {
		return &problem{code: exitFindings, text: file + " is there already", hints: []string{"name a file that is not, or say --force to have it written over"}}
	}
	b, live, err := a.makeBundle(ctx, named, sources)
	if err != nil {
		return err
	}
	differs, err := seenAgain(ctx, b, live)
	if err != nil {
		return err
	}
	text, err := packed(b)
	if err != nil {
		return err
	}
	out := bundleJSON{Version: 1, File: file, Size: len(text), Differs: differs, Paths: b.Paths(), Files: list(b.Items(), func(i bundle.Item) bundle.Item { return i })}
	for _, r := range b.Redacted() {
		if r.Path == "manifest" {
			out.Covered = r.Count
		}
	}
	if !a.json {
		a.listBundle(out)
	}
	change := trust.FileChange{Path: file, Before: before, After: trust.FileState{Exists: true, Data: text, Mode: 0o600}}
	if err := (ledger.Writer{}).Apply(ctx, []trust.FileChange{change}); err != nil {
		return changeProblem(err)
	}
	if a.json {
		return a.writeJSON(out)
	}
	s := a.style()
	a.print(fmt.Sprintf("%s has what was looked at, %s.", s.Path(file), sizeText(int64(out.Size))),
		"Look at it before you give it away:  "+paint(s, explain.Command, "tar -tzf "+safetext.Line(shellQuote(file)).String()),
		"Whoever has it sees the same with:   "+paint(s, explain.Command, "nix-trust --root "+safetext.Line(shellQuote(filepath.Base(file))).String()+" why"))
	return nil
}

// makeBundle looks at the machine and records what it goes by. It returns what
// the look came to as well.
func (a *app) makeBundle(ctx context.Context, named string, sources bool) (*bundle.Bundle, *trust.Report, error) {
	m, o, err := a.machine(named)
	if err != nil {
		return nil, nil, err
	}
	return a.bundleOf(ctx, m, o, sources)
}

func (a *app) bundleOf(ctx context.Context, m *host.Machine, o host.Options, sources bool) (*bundle.Bundle, *trust.Report, error) {
	var files bundle.Recording
	var recorded host.Files
	recording, recorder := m.Recording(func(of host.Files) host.Files {
		recorded = files.Files(of)
		return recorded
	})
	f := host.Look(ctx, recording, o)
	for _, fl := range f.Flakes { // the screen of locks shows them
		if fl.ID.Path != "" && ctx.Err() == nil {
			recorded.ReadFile(path.Join(fl.ID.Path, lockFile))
		}
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	notes := len(f.Notes)
	a.lookBeside(ctx, f)
	beside := bundle.BesideOf(f, notes)
	beside.Listing = a.grantsListing(ctx)
	made := time.Now()
	b, err := bundle.Make(&files, recorder.Record(o, f), f, bundle.Options{Made: made, By: programVersion(), Beside: beside, Sources: sources})
	switch {
	case errors.Is(err, bundle.ErrTooMuch):
		return nil, nil, &problem{code: exitUnknown, text: err.Error() + ": 64 MiB of files, 100000 paths", hints: []string{"list fewer roots in config.toml"}}
	case err != nil:
		return nil, nil, &problem{code: exitUnknown, text: "the bundle could not be made: " + err.Error()}
	}
	r := trust.Decide(f)
	r.Made = b.Made()
	return b, r, nil
}

// programVersion is the program with its version, as far as it was built with one.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return "nix-trust " + info.Main.Version
	}
	return "nix-trust"
}

// listBundle says what goes into a bundle, on stderr.
func (a *app) listBundle(b bundleJSON) {
	s := a.style()
	fmt.Fprintf(a.err, "What goes into the bundle: %s looked at, and of these files what was read of them:\n", count(b.Paths, "path", "paths"))
	sources, size := 0, int64(0) // of inputs, of which there may be thousands
	for _, f := range b.Files {
		if strings.HasPrefix(f.Path, "/nix/store/") && f.Covered == 0 && f.LeftOut == "" {
			sources, size = sources+1, size+f.Size
			continue
		}
		note := fmt.Sprintf("%s, %s", f.Kind, sizeText(f.Size))
		if f.Covered > 0 {
			note += ", " + count(f.Covered, "secret", "secrets") + " covered"
		}
		if f.LeftOut != "" {
			note = "left out: " + f.LeftOut
		}
		fmt.Fprintf(a.err, "  %s  %s\n", s.Path(f.Path), safetext.Text(note))
	}
	if sources > 0 {
		fmt.Fprintf(a.err, "  /nix/store  %s, %s\n", count(sources, "file", "files"), sizeText(size))
	}
	fmt.Fprintln(a.err, "and who you are to the daemon, what it said of you, the variables that Nix goes by, and how your grants stand.")
	if b.Covered > 0 {
		fmt.Fprintf(a.err, "%s in those covered.\n", count(b.Covered, "secret was", "secrets were"))
	}
	if len(b.Differs) > 0 {
		a.warn("the bundle does not show the same as this machine in: %s", strings.Join(b.Differs, ", "))
	}
}

// packed is a bundle as its file has it.
func packed(b *bundle.Bundle) ([]byte, error) {
	var text bytes.Buffer
	if err := b.Write(&text); err != nil {
		return nil, &problem{code: exitUnknown, text: "the bundle could not be made: " + err.Error()}
	}
	return text.Bytes(), nil
}

// seenAgain looks at a bundle as its reader will, and has it say where that shows
// something else than the machine does.
func seenAgain(ctx context.Context, b *bundle.Bundle, live *trust.Report) ([]string, error) {
	text, err := packed(b)
	if err != nil {
		return nil, err
	}
	differs, err := differences(ctx, text, live)
	if err == nil && len(differs) > 0 {
		err = b.NoteDifferences(differs)
	}
	return differs, err
}

// differences are the parts in which a bundle shows something else than the
// machine that it is of.
func differences(ctx context.Context, text []byte, live *trust.Report) ([]string, error) {
	fail := func(err error) ([]string, error) {
		return nil, &problem{code: exitUnknown, text: "the bundle was made, and does not read: " + err.Error()}
	}
	b, err := bundle.Read(bytes.NewReader(text))
	if err != nil {
		return fail(err)
	}
	m, o, err := b.Machine()
	if err != nil {
		return fail(err)
	}
	f := host.Look(ctx, m, o)
	if beside := b.Beside(); beside != nil {
		beside.Add(f)
	}
	again := trust.Decide(f)
	again.Made = b.Made()
	differs := []string{}
	one, two := reportParts(live), reportParts(again)
	for i := range one {
		x, err := json.Marshal(one[i].part)
		if err != nil {
			return fail(err)
		}
		var y []byte
		if i < len(two) {
			if y, err = json.Marshal(two[i].part); err != nil {
				return fail(err)
			}
		}
		if len(b.Redacted()) > 0 { // what stands behind a secret on its line has moved
			x, y = []byte(withoutColumns(string(x))), []byte(withoutColumns(string(y)))
		}
		if !bytes.Equal(x, y) {
			differs = append(differs, one[i].name)
		}
	}
	return differs, ctx.Err()
}

// withoutColumns are places in a text without their columns.
func withoutColumns(s string) string { return column.ReplaceAllString(s, "$1") }

var column = regexp.MustCompile(`(:[0-9]+):[0-9]+\b`)

type reportPart struct {
	name string
	part any
}

// reportParts are all that the commands show of a report.
func reportParts(r *trust.Report) []reportPart {
	parts := []reportPart{{"status", statusOf(r)}, {"answers", answersOf(r)}}
	if r.Client != nil {
		parts = append(parts, reportPart{"config", configOf(r, r.Client, r.Client.All())})
	}
	for i := range r.Flakes {
		f := &r.Flakes[i]
		parts = append(parts, reportPart{"why " + safetext.Redact(f.ID.Ref), whyOf(r, f)})
	}
	return parts
}
