package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/tui/page"
)

// reportFlags are the flags of report.
type reportFlags struct {
	output string
	format string
	force  bool
	audit  bool
	wanted bool   // the audit was asked for by name
	bundle string // the archive to write
	// sources says that flakes go into the bundle whole.
	sources bool
}

// The formats of a page, by their flag.
const (
	formatHTML     = "html"
	formatMarkdown = "markdown"
)

func (a *app) reportCommand() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:   "report [FLAKE]",
		Short: "Write what is known as one page, to attach to a ticket",
		Long: `report writes what the screens show as one page: the findings with the ways out,
flakes and caches with every step that decides, saved answers, settings with
their origins, grants, what vouches for the store by signer, and the probes that
were kept. What is not known is said. With FLAKE it tells of that flake alone,
and of the machine.

-o FILE.html writes a page that needs nothing besides itself, runs no script and
loads nothing; -o FILE.md writes Markdown that fits a comment of GitHub or GitLab,
and without -o it is printed. A file is replaced only when it is such a page, or
with --force.

Secrets in URLs and settings are shown as ***. The names of users, folders, flakes
and caches are not hidden: look through the page before you attach it. No path of
the store is named. Nothing else is changed, and no network is touched.

--bundle FILE writes no page but what the look went by, in one file without
secrets: whoever has it sees the same with --root FILE. See docs/bundle.md.

--json prints what ` + "`nix-trust status --json`" + ` does, or with FLAKE ` + "`nix-trust why`" + `.

Exit code: 0 the page was written, whatever it says; 2 a wrong use; 3 it could not
be written, the flake was not found, or --audit was asked for and the store could
not be read. With --bundle, 1 when FILE is there already.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.wanted = cmd.Flags().Changed("audit") && f.audit
			named := strings.Join(args, "")
			switch {
			case f.bundle != "" && (f.output != "" || f.format != "" || f.wanted):
				return usage("a bundle is no page, and has no audit", "leave out --bundle, or -o, --format and --audit")
			case f.bundle != "":
				return a.writeBundle(cmd.Context(), f.bundle, named, f.force, f.sources)
			case f.sources:
				return usage("--sources is about a bundle", "add --bundle FILE, or leave it out")
			}
			return a.writeReport(cmd.Context(), named, f)
		},
	}
	fl := c.Flags()
	fl.StringVarP(&f.output, "output", "o", "", "write the page to `FILE`, readable by you alone")
	fl.StringVar(&f.format, "format", "", "write html or markdown (default: as FILE ends, or markdown)")
	fl.BoolVar(&f.force, "force", false, "replace FILE, whatever it has")
	fl.BoolVar(&f.audit, "audit", true, "say what vouches for the store; --audit=false leaves that out")
	fl.StringVar(&f.bundle, "bundle", "", "write what was looked at to the archive `FILE`, for --root to look at elsewhere")
	fl.BoolVar(&f.sources, "sources", false, "put flakes into the bundle whole, not just what is read of them")
	return c
}

// kind is the format of the page.
func (f reportFlags) kind() (string, error) {
	switch f.format {
	case formatHTML, formatMarkdown:
		return f.format, nil
	case "":
	case "md":
		return formatMarkdown, nil
	default:
		return "", usage(fmt.Sprintf("there is no format %q", f.format), "--format is html or markdown")
	}
	switch ext := strings.ToLower(filepath.Ext(f.output)); {
	case f.output == "", ext == ".md", ext == ".markdown":
		return formatMarkdown, nil
	case ext == ".html", ext == ".htm":
		return formatHTML, nil
	}
	return "", usage(fmt.Sprintf("the name %s does not say whether the page is to be HTML or Markdown", f.output), "let it end in .html or .md, or give --format")
}

func (a *app) writeReport(ctx context.Context, named string, f reportFlags) error {
	if a.json {
		if f.output != "" || f.format != "" || f.wanted {
			return usage("--json prints what status and why do, and no page", "leave it out to write a page, or leave out the other flags")
		}
		if named != "" {
			return a.why(ctx, named, "")
		}
		return a.status(ctx)
	}
	kind, err := f.kind()
	if err != nil {
		return err
	}
	before, err := f.before() // sooner than after a long look
	if err != nil {
		return err
	}
	facts, r, err := a.examine(ctx, named)
	if err != nil {
		return err
	}
	s := page.Shown{Report: r, Flake: -1, Demo: a.demo, Root: a.root, Home: a.home, ASCII: a.ascii || a.plain}
	if a.bundled() {
		b, err := a.bundle()
		if err != nil {
			return err
		}
		s.Seen = b.Made()
	}
	if named != "" {
		at := subject(r, named)
		hint := "give the folder that has its flake.nix, or run `nix-trust status` for the flakes that are known"
		switch {
		case at == nil:
			return &problem{code: exitUnknown, text: "no flake was found at " + named, hints: []string{hint}}
		case at.Err != "":
			return &problem{code: exitUnknown, text: flakeName(at) + ": " + at.Err, hints: []string{hint}}
		}
		s.Flake = slices.IndexFunc(r.Flakes, func(f trust.FlakeReport) bool { return f.ID == at.ID })
	}
	var missing error
	if f.audit {
		if s.Store, missing = a.storeShown(ctx, facts, r); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	s.Probes = a.probesShown(r)
	text := []byte(nil)
	if kind == formatHTML {
		if text, err = page.HTML(s); err != nil {
			return err
		}
	} else {
		text = []byte(page.Markdown(s))
	}
	if err := a.putReport(ctx, f.output, before, text); err != nil {
		return err
	}
	if missing != nil && f.wanted {
		a.complain(missing.(*problem))
		return silent(exitUnknown)
	}
	return nil
}

// storeShown is what vouches for the store, and why that is not known.
func (a *app) storeShown(ctx context.Context, f *trust.Facts, r *trust.Report) (*page.Store, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(40)) // as in audit
	p := a.progress()
	defer p.clear()
	got, err := a.auditOf(ctx, f, r, "", p.show)
	if err == nil {
		return &page.Store{Audit: got.Report, Doubts: got.doubts}, nil
	}
	var why *problem
	if !errors.As(err, &why) {
		why = &problem{code: exitUnknown, text: err.Error()}
	}
	return &page.Store{Err: why.text}, why
}

// probesShown are the probes that were kept, nil where there is no place for them.
func (a *app) probesShown(r *trust.Report) *page.Probes {
	if !a.demo && a.probesFile() == "" {
		return nil
	}
	kept, err := a.keptProbes()
	out := &page.Probes{Kept: kept, AtOnce: atOnceOf(r)}
	if err != nil {
		out.Err = cause(err).Error()
	}
	return out
}

// before is what the page takes the place of.
func (f reportFlags) before() (trust.FileState, error) {
	var none trust.FileState
	if f.output == "" {
		return none, nil
	}
	info, err := os.Stat(f.output)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return none, nil
	case err != nil:
		return none, &problem{code: exitUnknown, text: "the page was not written: " + err.Error()}
	case !info.Mode().IsRegular():
		return none, usage(f.output+" is not a regular file", "name another file, or leave out -o to have the page printed")
	case info.Size() > ledger.MaxFile:
		return none, usage(f.output+" is too large to be replaced", "name another file")
	}
	file, err := os.Open(f.output)
	if err != nil {
		return none, &problem{code: exitUnknown, text: "the page was not written: " + err.Error()}
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, ledger.MaxFile+1))
	if err != nil {
		return none, &problem{code: exitUnknown, text: "the page was not written: " + err.Error()}
	}
	if !page.Ours(data) && !f.force {
		return none, usage(f.output+" is there already, and is no page of nix-trust's", "name another file, or add --force to replace it")
	}
	return trust.FileState{Exists: true, Data: data}, nil
}

// putReport prints a page, or puts it in the place of what was there before, whole
// or not at all.
func (a *app) putReport(ctx context.Context, name string, before trust.FileState, text []byte) error {
	if name == "" {
		_, err := a.out.Write(text)
		return err
	}
	path, err := filepath.Abs(name)
	if err == nil {
		err = ledger.Writer{}.Apply(ctx, []trust.FileChange{{Path: path, Before: before, After: trust.FileState{Exists: true, Data: text, Mode: 0o600}}})
	}
	if err != nil {
		p := writeProblem(err)
		p.text = "the page was not written: " + p.text
		return p
	}
	fmt.Fprintf(a.err, "nix-trust: %s, %s. It names users, folders and caches: look through it before you attach it.\n", a.style().Path(path), byteText(int64(len(text))))
	return nil
}
