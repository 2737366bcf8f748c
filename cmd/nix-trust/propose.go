package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/trust/operation"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) proposeCommand() *cobra.Command {
	var file, target string
	c := &cobra.Command{
		Use:   "propose allow|disallow|forget URL|KEY... | propose deny|undeny|revoke FLAKE",
		Short: "Write down a change of the whole machine, for the administrator to apply",
		Long: `propose writes a change that belongs to the administrator into a file, and prints
the command that applies it: sudo nix-trust apply FILE. Nothing else is changed.
A file that has operations already gets one more.

  allow URL KEY...    every user of the machine may ask for the cache, and the key
                      is believed; nobody becomes a trusted user
  disallow URL|KEY... they go out of the machine's configuration
  forget URL|KEY...   root's saved answers with them are forgotten
  deny FLAKE          nothing that the flake offers can be granted by anybody
  undeny FLAKE        takes that back
  revoke FLAKE        takes the machine's own grant back

For allow it also prints the lines as this system's configuration takes them, for
an administrator without nix-trust; with --for home-manager or --for ci those of
your own configuration, or of a CI job, and nothing for an administrator. A grant for the whole machine is given by
` + "`sudo nix-trust grant`" + `, which has to compare the lock itself.

Exit code: 0 when it was written; 1 refused; 2 a wrong use; 3 the file could not
be read or written.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("say what to propose, and for what", "for example: nix-trust propose allow https://example.org KEY -o change.json")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for i, arg := range args {
				if _, err := bincache.ParsePublicKey(arg); err == nil {
					continue // a key may be named cachix
				}
				u, err := cacheArg(arg)
				if err != nil {
					return err
				}
				args[i] = u
			}
			return a.proposeOperation(cmd.Context(), args[0], args[1:], file, target)
		},
	}
	c.Flags().StringVar(&target, "for", "system", "print the lines of allow for `TARGET`: system, home-manager or ci")
	c.Flags().StringVarP(&file, "output", "o", "", "write the operations to `FILE` (default: only say what the change is)")
	return c
}

type proposalJSON struct {
	Version    int             `json:"version"`
	File       string          `json:"file"` // "" when none was written
	Operations []jsonOperation `json:"operations"`
	Command    string          `json:"command"` // for the administrator, "" without a file
	Snippet    *jsonSnippet    `json:"snippet"` // of allow
}

type jsonOperation struct {
	Do     string   `json:"do"`
	Caches []string `json:"caches"`
	Keys   []string `json:"keys"`
	Flake  string   `json:"flake"`
}

type jsonSnippet struct {
	File  string   `json:"file"`
	Text  string   `json:"text"`
	Then  string   `json:"then"`
	Notes []string `json:"notes"`

	admin bool
}

func (a *app) proposeOperation(ctx context.Context, do string, args []string, file, target string) error {
	lines, ok := map[string]trust.Target{"system": trust.TargetSystem, "home-manager": trust.TargetHomeManager, "ci": trust.TargetCI}[target]
	switch {
	case !ok:
		return usage(fmt.Sprintf("--for %s: there is no such target", target), "it is one of system, home-manager, ci")
	case lines != trust.TargetSystem && (do != string(operation.Allow) || file != ""):
		return usage("--for "+target+" prints the lines of allow, and writes nothing for an administrator", "leave out --for or -o")
	}
	o, err := a.operationOf(do, args)
	if err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return &problem{code: exitFindings, text: err.Error()}
	}
	out := proposalJSON{Version: 1}
	ops := []operation.Operation{o}
	if file != "" {
		if out.File, err = filepath.Abs(file); err != nil {
			return &problem{code: exitUnknown, text: err.Error()}
		}
		if ops, err = writeProposal(ctx, out.File, o); err != nil {
			return err
		}
		out.Command = "sudo nix-trust apply " + shellQuote(out.File)
	}
	out.Operations = list(ops, func(o operation.Operation) jsonOperation {
		return jsonOperation{string(o.Do), list(o.Caches, same), list(o.Keys, same), string(o.Flake)}
	})
	if o.Do == operation.Allow {
		r, err := a.report(ctx, "")
		if err != nil {
			return err
		}
		s, err := r.Platform.Snippet(lines, trust.Want{Caches: o.Caches, Keys: o.Keys})
		if err != nil {
			return &problem{code: exitFindings, text: err.Error()}
		}
		out.Snippet = &jsonSnippet{s.File, s.Text, s.Then, list(s.Notes, same), s.Admin}
	}
	if a.json {
		return a.writeJSON(out)
	}
	a.printProposal(out)
	return nil
}

func (a *app) printProposal(out proposalJSON) {
	s := a.style()
	if out.Snippet != nil {
		a.print("In " + safetext.Text(out.Snippet.File).String() + ":")
		for line := range strings.Lines(out.Snippet.Text) {
			a.print("  " + safetext.Line(strings.TrimSuffix(line, "\n")).String())
		}
		for _, n := range out.Snippet.Notes {
			a.print("note: " + safetext.Text(n).String())
		}
		if out.Snippet.Then != "" {
			a.print("Then: " + safetext.Text(out.Snippet.Then).String())
		}
	}
	if out.File == "" && out.Snippet != nil && !out.Snippet.admin {
		return
	}
	if out.File == "" {
		a.print("Nothing was written: -o FILE writes it down for `sudo nix-trust apply FILE`.")
		return
	}
	if out.Snippet != nil {
		a.print("")
	}
	a.print(fmt.Sprintf("%s has %s for the administrator:", s.Path(out.File), count(len(out.Operations), "operation", "operations")))
	a.print("  " + paint(s, explain.Command, safetext.Line(out.Command).String()))
}

// operationOf reads an operation from the command line.
func (a *app) operationOf(do string, args []string) (operation.Operation, error) {
	o := operation.Operation{Do: operation.Kind(do)}
	switch o.Do {
	case operation.Allow, operation.Disallow, operation.Forget:
		for _, arg := range args {
			if strings.Contains(arg, "://") {
				o.Caches = append(o.Caches, arg)
			} else {
				o.Keys = append(o.Keys, arg)
			}
		}
	case operation.Deny, operation.Undeny, operation.Revoke:
		if len(args) != 1 {
			return o, usage(do+" is about one flake", "name each flake in a command of its own")
		}
		b, _, err := a.grantBook()
		if err != nil {
			return o, err
		}
		fl, err := b.named(args[0])
		if err != nil {
			return o, err
		}
		o.Flake = fl.id
	default:
		return o, usage(fmt.Sprintf("%q is nothing that can be proposed", do), "it is one of allow, disallow, forget, deny, undeny, revoke")
	}
	return o, nil
}

// writeProposal writes an operation to a file, after those that it has.
func writeProposal(ctx context.Context, path string, o operation.Operation) ([]operation.Operation, error) {
	before, err := ledger.Read(path)
	if err != nil {
		return nil, changeProblem(err)
	}
	var ops []operation.Operation
	if before.Exists {
		if ops, err = operation.Parse(path, before.Data); err != nil {
			return nil, &problem{code: exitFindings, text: err.Error(), hints: []string{"the file is left as it is; name one that is not there, or that has operations"}}
		}
	}
	ops = append(ops, o)
	text, err := operation.Print(ops)
	if err != nil {
		return nil, &problem{code: exitFindings, text: fmt.Sprintf("%s is left as it is: with this operation, %v", path, err)}
	}
	change := trust.FileChange{Path: path, Before: before, After: trust.FileState{Exists: true, Data: text, Mode: 0o600}, Form: trust.FormText}
	return ops, changeProblem(ledger.Writer{}.Apply(ctx, []trust.FileChange{change}))
}
