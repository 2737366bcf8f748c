package nix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
)

// argBytes bounds the paths of one call, in bytes. macOS takes 1 MiB of
// arguments and environment together, Linux 2 MiB.
const argBytes = 256 << 10

// Info asks the local store what its database says of paths, and with closure
// also of all that they refer to. A path that is not valid there is not in the
// result. Nothing is built, fetched or asked of any cache. What the files are
// is another question; see Hash.
//
// An error means that nothing is known: it is a sentence with what Nix said, or
// the context's.
func (n *Nix) Info(ctx context.Context, paths []lock.StorePath, closure bool) (map[lock.StorePath]Info, error) {
	paths = slices.Clone(paths)
	slices.Sort(paths)
	paths = slices.Compact(paths)
	for _, p := range paths {
		if _, err := bincache.ParseStorePath(string(p)); err != nil {
			return nil, err
		}
	}
	infos := make(map[lock.StorePath]Info, len(paths))
	for _, some := range n.chunks(paths) {
		valid, err := n.valid(ctx, some)
		if err != nil {
			return nil, err
		}
		// Nix 2.8 takes a derivation for what it makes, unless it is told; and
		// told so it takes what was made for its derivation.
		isDrv := func(p lock.StorePath) bool { return strings.HasSuffix(string(p), ".drv") }
		if err := n.pathInfo(ctx, slices.DeleteFunc(slices.Clone(valid), isDrv), closure, infos); err != nil {
			return nil, err
		}
		isOut := func(p lock.StorePath) bool { return !isDrv(p) }
		if err := n.pathInfo(ctx, slices.DeleteFunc(valid, isOut), closure, infos, "--derivation"); err != nil {
			return nil, err
		}
	}
	return infos, nil
}

// valid returns those of some paths that are in the store. `nix path-info`
// alone would ask the caches for the others.
func (n *Nix) valid(ctx context.Context, paths []lock.StorePath) ([]lock.StorePath, error) {
	out, err := n.ask(ctx, append([]string{"nix-store", "--check-validity", "--print-invalid"}, n.full(paths)...))
	if err != nil {
		return nil, err
	}
	invalid := map[lock.StorePath]bool{}
	for line := range strings.Lines(string(out)) {
		p, err := bincache.ParseStorePathIn(n.storeDir(), strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, odd(err)
		}
		invalid[p] = true
	}
	return slices.DeleteFunc(slices.Clone(paths), func(p lock.StorePath) bool { return invalid[p] }), nil
}

// pathInfo adds what the store says of valid paths.
func (n *Nix) pathInfo(ctx context.Context, paths []lock.StorePath, closure bool, infos map[lock.StorePath]Info, flags ...string) error {
	if len(paths) == 0 {
		return nil
	}
	if closure {
		flags = append(flags, "--recursive")
	}
	// A path may have gone since; then nobody else is asked for it. --offline
	// alone yields to `substitute = true` in a file.
	flags = append(flags, "--extra-experimental-features", "nix-command", "--offline", "--option", "substitute", "false")
	call := func(json ...string) ([]byte, error) {
		return n.ask(ctx, slices.Concat([]string{"nix", "path-info"}, json, flags, n.full(paths)))
	}
	out, err := call("--json")
	// Nix 2.34 warns that a later version will want to be told the format.
	if err != nil && strings.Contains(err.Error(), "--json-format") {
		out, err = call("--json", "--json-format", "1")
	}
	if err != nil {
		return err
	}
	got, err := n.parseInfos(out)
	if err != nil {
		return odd(err)
	}
	for _, p := range paths {
		if _, ok := got[p]; !ok {
			return odd(fmt.Errorf("it says nothing of %s", p))
		}
	}
	for p, info := range got {
		if _, asked := slices.BinarySearch(paths, p); !closure && !asked {
			return odd(fmt.Errorf("%s was not asked for", p))
		}
		if info != nil {
			infos[p] = *info
		}
	}
	return nil
}

// ask runs a program of Nix and returns what it printed.
func (n *Nix) ask(ctx context.Context, args []string) ([]byte, error) {
	r, err := n.Runner.Run(ctx, Call{Args: args})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("the local store could not be asked: %w", err)
	case r.Code != 0:
		return nil, fmt.Errorf("the local store could not be asked: %s ended with %d: %s", args[0], r.Code, complaint(r.Stderr))
	}
	return r.Stdout, nil
}

// odd is about an answer that Nix never gives.
func odd(err error) error {
	return fmt.Errorf("the answer of Nix about the local store is not understood: %w", err)
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// complaint returns the last error in what Nix wrote, on one line. Nix: "error:"
// begins the outermost message, and more lines explain it.
func complaint(stderr []byte) string {
	text := colours.ReplaceAllString(string(stderr), "")
	if i := strings.LastIndex(text, "error:"); i >= 0 {
		text = text[i+len("error:"):]
	}
	text = strings.Join(strings.Fields(text), " ")
	const most = 500
	if len(text) > most {
		text = text[:most] + "…"
	}
	if text == "" {
		return "it gave no reason"
	}
	return fmt.Sprintf("%+q", text)
}

// An infoJSON is one path's object; unknown keys are other versions'. Absent
// and null are the same.
type infoJSON struct {
	Path       string   // in the array of Nix before 2.19
	Valid      *bool    // false in that array
	NarHash    string   // SRI
	NarSize    int64    // 0: the database has none, as it was written by a very old Nix
	References []string // full paths
	Deriver    string
	Signatures []string
	CA         string
	Ultimate   bool
	Version    int // of the format, since 2.32; before, none
}

// parseInfos reads the output of `nix path-info --json`: an array before Nix
// 2.19 and an object by path since, and the format 1 where it has a number. A
// path that is not valid has a nil Info.
func (n *Nix) parseInfos(out []byte) (map[lock.StorePath]*Info, error) {
	byPath := map[string]*infoJSON{}
	if bytes.HasPrefix(bytes.TrimSpace(out), []byte{'['}) {
		var list []infoJSON
		if err := json.Unmarshal(out, &list); err != nil {
			return nil, err
		}
		for i := range list {
			j := &list[i]
			if byPath[j.Path] = j; j.Valid != nil && !*j.Valid {
				byPath[j.Path] = nil
			}
		}
	} else if err := json.Unmarshal(out, &byPath); err != nil {
		return nil, err
	}
	infos := make(map[lock.StorePath]*Info, len(byPath))
	for full, j := range byPath {
		p, err := bincache.ParseStorePathIn(n.storeDir(), full)
		if err != nil {
			return nil, err
		}
		if infos[p] = nil; j == nil {
			continue
		}
		info, err := n.info(j)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		infos[p] = &info
	}
	return infos, nil
}

func (n *Nix) info(j *infoJSON) (Info, error) {
	i := Info{Size: j.NarSize, Signatures: slices.Clone(j.Signatures), CA: j.CA, Ultimate: j.Ultimate}
	if j.Version > 1 {
		return i, fmt.Errorf("it is in the format %d, and this program reads 1", j.Version)
	}
	var err error
	if i.NAR, err = bincache.ParseHash(j.NarHash); err != nil {
		return i, err
	}
	if i.NAR.IsZero() || i.Size < 0 {
		return i, errors.New("it has no hash or no size")
	}
	for _, full := range j.References {
		ref, err := bincache.ParseStorePathIn(n.storeDir(), full)
		if err != nil {
			return i, err
		}
		i.Refs = append(i.Refs, ref)
	}
	slices.Sort(i.Refs)
	i.Refs = slices.Compact(i.Refs)
	if j.Deriver != "" {
		if i.Deriver, err = bincache.ParseStorePathIn(n.storeDir(), j.Deriver); err != nil {
			return i, err
		}
	}
	// An address of a kind that is not read proves nothing.
	if _, err := bincache.ParseContentAddress(i.CA); err != nil {
		i.CA = ""
	}
	return i, nil
}

func (n *Nix) storeDir() string {
	if n.StoreDir == "" {
		return bincache.DefaultStoreDir
	}
	return n.StoreDir
}

func (n *Nix) full(paths []lock.StorePath) []string {
	words := make([]string, len(paths))
	for i, p := range paths {
		words[i] = p.In(n.storeDir())
	}
	return words
}

// chunks cuts a list where its paths get too long for one call.
func (n *Nix) chunks(paths []lock.StorePath) (chunks [][]lock.StorePath) {
	from, size := 0, 0
	for i, p := range paths {
		// Each argument costs a pointer and a final zero as well.
		size += len(n.storeDir()) + len(p) + 10
		if size > argBytes && i > from {
			chunks, from, size = append(chunks, paths[from:i]), i, 0
		}
	}
	if from < len(paths) {
		chunks = append(chunks, paths[from:])
	}
	return chunks
}
