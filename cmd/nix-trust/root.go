package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/child"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/host/demo"
	"github.com/nix-trust/nix-trust/tui"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// app is one run of the program.
type app struct {
	streams
	root     string
	user     string
	json     bool
	plain    bool
	ascii    bool
	noMotion bool
	noMouse  bool
	readOnly bool
	demo     bool
	host     struct { // the demo's, with what was changed on it
		sync.Once
		*demo.Host
	}
	demoRun demoRun
	opened  openedBundle
	fetches sync.RWMutex // held while the screens fetch
	mu      sync.Mutex   // of home, seen and later
	home    string       // of the user looked at, shown as ~
	later   []string     // warnings to print once the screens are closed
	seen    struct {     // by the screens last
		facts  *trust.Facts
		report *trust.Report
	}
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s}
	cmd := a.command()
	cmd.SetArgs(args)
	cmd.SetIn(s.in)
	cmd.SetOut(s.out)
	cmd.SetErr(s.err)
	meant, err := cmd.ExecuteContextC(ctx)
	if ended := a.endDemo(); ended != nil && err == nil {
		err = ended
	}
	if err == nil {
		return exitOK
	}
	var end *child.End
	if errors.As(err, &end) {
		end.Follow()
		return end.Code
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	var p *problem
	if !errors.As(err, &p) {
		p = misuse(meant, err) // what cobra finds wrong is the command line
	}
	a.complain(p)
	return p.code
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "nix-trust",
		Short: "See which binary caches are trusted for which flakes, and why not",
		Long: `nix-trust shows which binary caches are trusted for which flakes, and explains
why an acceptance was ignored. Looking changes nothing: no file is written, no
network is touched, nothing is evaluated, and root is not needed.

Without a command it opens the screens, or prints the status where there is no
terminal.`,
		Example: `  nix-trust demo                      the screens, on a made-up host
  nix-trust why                       why the caches of the flake here are used or not
  nix-trust setup                     once for the machine: have its daemon believe the gate
  nix-trust lock && nix-trust grant   pin what the flake's caches may deliver, and accept it
  nix-trust fetch                     bring that into the store, checked`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.json || a.plain || !a.terminal {
				return a.status(cmd.Context())
			}
			return a.screens(cmd.Context(), "")
		},
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.checkFlags(cmd) }
	f := root.PersistentFlags()
	f.BoolVar(&a.json, "json", false, "print one JSON object (see docs/json.md)")
	f.BoolVar(&a.plain, "plain", false, "print text without colours or symbols, never open the screens")
	f.BoolVar(&a.ascii, "ascii", false, "use ASCII characters only")
	f.BoolVar(&a.noMotion, "no-motion", false, "do not animate anything")
	f.BoolVar(&a.noMouse, "no-mouse", false, "leave the mouse to the terminal")
	f.BoolVar(&a.readOnly, "read-only", false, "let no key of the screens change anything")
	f.StringVar(&a.root, "root", "", "look at the system whose root folder is `DIR`, or at a bundle that report wrote")
	f.StringVar(&a.user, "user", "", "take the view of the user `NAME` (as root, or under --root)")
	for _, g := range []struct {
		title string
		has   []*cobra.Command
	}{
		{"Look:", []*cobra.Command{a.statusCommand(), a.whyCommand(), a.explainCommand(), a.doctorCommand(), a.configCommand(), a.lintCommand(), a.reviewCommand(), a.auditCommand(), a.reportCommand()}},
		{"Binaries, and what caches have:", []*cobra.Command{a.lockCommand(), a.verifyCommand(), a.challengeCommand(), a.probeCommand()}},
		{"Trust one flake:", []*cobra.Command{a.grantCommand(), a.denyCommand(), a.revokeCommand(), a.grantsCommand(), a.fetchCommand(), a.execCommand(), a.narrowCommand()}},
		{"The whole machine:", []*cobra.Command{a.setupCommand(), a.gateCommand(), a.proposeCommand(), a.applyCommand()}},
		{"Saved answers and changes:", []*cobra.Command{a.answersCommand(), a.journalCommand(), a.undoCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.has {
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	root.AddCommand(a.demoCommand()) // beside help and completion
	return root
}

// checkFlags refuses flags that were given without a value, as happens with an
// unset variable: the machine looked at would be another one than was meant.
func (a *app) checkFlags(cmd *cobra.Command) error {
	for _, name := range []string{"root", "user"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			return usage("--"+name+" was given without a value", "leave it out to look at this machine as yourself")
		}
	}
	return nil
}

// made is the host of the demo, the same for as long as the program runs.
func (a *app) made() *demo.Host {
	a.host.Do(func() { a.host.Host = demo.New() })
	return a.host.Host
}

// machine is what is looked at, and how.
func (a *app) machine(named string) (*host.Machine, host.Options, error) {
	if a.demo {
		m, o := a.made().Machine()
		if named != "" {
			o.Flake = named
		}
		return m, o, nil
	}
	if a.bundled() {
		return a.bundledMachine(named)
	}
	o := host.Options{Root: a.root, User: a.user, Flake: named}
	if a.root != "" {
		info, err := os.Stat(a.root)
		if err != nil || !info.IsDir() {
			return nil, o, usage(fmt.Sprintf("--root %s is neither a folder nor a file", a.root), "give the root folder of the system to look at, such as /mnt, or a bundle that `nix-trust report` wrote")
		}
	} else if wd, err := os.Getwd(); err == nil {
		o.Cwd = wd
	}
	return host.Real(a.root), o, nil
}

// report looks at the machine and decides. named is a flake that the user named.
func (a *app) report(ctx context.Context, named string) (*trust.Report, error) {
	_, r, err := a.examine(ctx, named)
	return r, err
}

// examine is report with what was seen.
func (a *app) examine(ctx context.Context, named string) (*trust.Facts, *trust.Report, error) {
	m, o, err := a.machine(named)
	if err != nil {
		return nil, nil, err
	}
	f := host.Look(ctx, m, o)
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	a.lookBeside(ctx, f)
	r := trust.Decide(f)
	r.Made = a.now()
	a.mu.Lock()
	a.home = f.User.Home
	a.mu.Unlock()
	return f, r, nil
}

// Snapshot makes app the backend of the screens.
func (a *app) Snapshot(ctx context.Context) (*trust.Report, error) {
	f, r, err := a.examine(ctx, "")
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.seen.facts, a.seen.report = f, r
	a.mu.Unlock()
	return r, nil
}

// tellLater keeps warnings for when the screens are closed, each once.
func (a *app) tellLater(warnings []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.later = onceEach(append(a.later, warnings...))
}

// screens opens the terminal program.
func (a *app) screens(ctx context.Context, flake string) error {
	noDiagnosis := ""
	if a.bundled() { // it is read, and said to be one, before there are screens
		noDiagnosis = "A cache is asked by the machine that uses it, and this is a bundle of another one."
		if _, err := a.bundle(); err != nil {
			return err
		}
	}
	err := tui.Run(ctx, tui.Options{
		Backend: a, Demo: a.demo, ASCII: a.asciiOnly(), NoMotion: a.noMotion, NoMouse: a.noMouse,
		ReadOnly: a.mayNotChange() != "", ReadOnlyWhy: a.mayNotChange(), Flake: flake, Home: a.home,
		NoDiagnosis: noDiagnosis,
	})
	a.fetches.Lock() // one that goes on was stopped, and cleans up
	defer a.fetches.Unlock()
	a.mu.Lock()
	later := a.later
	a.mu.Unlock()
	for _, w := range later {
		a.warn("%s", w)
	}
	if ended := a.endDemo(); ended != nil && err == nil {
		return ended
	}
	if errors.Is(err, tui.ErrInterrupted) {
		return &problem{code: exitInterrupted}
	}
	if err != nil {
		return &problem{code: exitUnknown, text: "the screens could not be opened: " + err.Error(), hints: []string{"run `nix-trust status` for the same as text"}}
	}
	return nil
}

// asciiOnly reports whether the terminal may not show more than ASCII.
func (a *app) asciiOnly() bool {
	return a.ascii || a.plain || asciiTerminal(os.Getenv)
}

// style is how text output is rendered.
func (a *app) style() explain.Style {
	s := explain.Style{Glyphs: explain.Unicode(), Home: a.home, Now: a.now()}
	if a.asciiOnly() {
		s.Glyphs = explain.ASCII()
	}
	if a.colour && !a.plain {
		s.Paint = painter(os.Getenv)
		s.Width = terminalWidth()
	}
	return s
}

// print writes lines to stdout.
func (a *app) print(lines ...string) {
	fmt.Fprintln(a.out, strings.Join(lines, "\n"))
}
