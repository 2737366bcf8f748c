package challenge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/lock/nix"
)

// A Check rebuilds paths with the user's nix. Nix may fetch or build what they
// are built from, as it is configured. What came out otherwise stays in the
// store beside the path, with ".check" behind its name, and so does the folder
// that it was built in.
type Check struct{ Nix *nix.Nix }

// Rebuild implements Rebuilder.
// Nix: src/libstore/unix/build/derivation-builder.cc, registerOutputs, for
// buildMode bmCheck.
func (c Check) Rebuild(ctx context.Context, path lock.StorePath, info nix.Info) error {
	switch {
	case info.CA != "":
		return NoSay("its name is computed from its contents, so that a rebuild tells nothing about them")
	case info.Deriver == "":
		return NoSay("the store does not know what it was built from")
	}
	output, ok := outputOf(info.Deriver, path)
	if !ok {
		return NoSay(fmt.Sprintf("its name is none of an output of %s, which the store says it was built from", info.Deriver))
	}
	valid, err := c.Nix.Info(ctx, []lock.StorePath{info.Deriver}, false)
	if err != nil {
		return err
	}
	if _, there := valid[info.Deriver]; !there {
		return NoSay(fmt.Sprintf("what it was built from, %s, is not in the store; evaluating the package again brings it there", info.Deriver))
	}
	dir := c.Nix.StoreDir
	if dir == "" {
		dir = bincache.DefaultStoreDir
	}
	// nix-store takes an output so in every version, and needs no experimental
	// feature.
	result, err := c.Nix.Runner.Run(ctx, nix.Call{Args: []string{"nix-store", "--realise", "--check", "--keep-failed", "--no-build-output", info.Deriver.In(dir) + "!" + output}})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("it could not be built again: %w", err)
	case result.Code == 0:
		return nil
	}
	return c.failed(ctx, path, path.In(dir), string(result.Stderr))
}

// failed reads why Nix refused, in its last error: through a daemon the exit
// code is that of any failure. It stops at the first output that differs, which
// may be another one than was asked for. What a builder writes may end up in an
// error about its failure, and can at most make an objection of that.
func (c Check) failed(ctx context.Context, path lock.StorePath, full, said string) error {
	if i := strings.LastIndex(said, "error:"); i >= 0 {
		said = said[i+len("error:"):]
	}
	differs := func(p string) bool {
		return strings.Contains(said, "output '"+p+"' differs") || strings.Contains(said, `output "`+p+`" differs`)
	}
	switch {
	case differs(full):
	case strings.Contains(said, "may not be deterministic"):
		return errors.New("another output of its derivation came out otherwise when it was built again, and Nix did not look at this one")
	default:
		return fmt.Errorf("it could not be built again: %s", oneLine(said))
	}
	other := &Other{Text: "built again, it came out otherwise"}
	kept := path + ".check"
	if _, err := bincache.ParseStorePath(string(kept)); err != nil {
		return other // its name is too long; Nix could not leave it there either
	}
	if _, _, err := c.Nix.Hash(ctx, kept); errors.Is(err, fs.ErrNotExist) {
		return other
	}
	other.Kept = kept
	return other
}

// oneLine is what Nix wrote, short and quoted.
func oneLine(said string) string {
	said = strings.Join(strings.Fields(said), " ")
	const most = 500
	if len(said) > most {
		said = said[:most] + "…"
	}
	if said == "" {
		return "Nix gave no reason"
	}
	return fmt.Sprintf("%+q", said)
}

// outputOf returns the name of the output that a path is of its derivation: the
// output out has the derivation's name, another one its own name behind that.
// Nix: src/libstore/derivations.cc, outputPathName.
func outputOf(drv, path lock.StorePath) (string, bool) {
	name, isDrv := strings.CutSuffix(drv.Name(), ".drv")
	if !isDrv {
		return "", false
	}
	if path.Name() == name {
		return "out", true
	}
	output, ok := strings.CutPrefix(path.Name(), name+"-")
	return output, ok && output != ""
}
