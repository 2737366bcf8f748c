package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/child"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/host"
)

// execFlags are the flags of exec.
type execFlags struct {
	flake string
	any   bool
	gate  string
	netrc string
}

func (a *app) execCommand() *cobra.Command {
	var f execFlags
	c := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARG...]",
		Short: "Run a command that gets what a flake's grant pins through the gate",
		Long: `exec runs COMMAND, such as nix build or nix develop, with one more cache for that
command alone: the gate, which serves what was granted and nothing else. It adds
a line to NIX_CONFIG and leaves what is there; no file of Nix changes. A gate that
runs is used; otherwise exec opens one for as long as the command runs.

The grant is that of the flake in the current folder or above it, or of --flake;
it has to be active. --any goes on with whatever is granted to any flake.

What the flake asks for in its nixConfig is answered with no, as long as you have
not answered it: what was granted needs no yes.

The exit code is the command's, 128 and the number of the signal that ended it;
where COMMAND was not run: 1 the grant may not be used; 2 a wrong use; 3 there is
no gate, or something could not be determined; 126 COMMAND cannot be run; 127 it
is not there.`,
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("exec needs a command", "for example: nix-trust exec -- nix build")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.exec(cmd.Context(), args, f) },
	}
	c.Flags().StringVar(&f.flake, "flake", "", "with the grant of `FLAKE`, a folder or a reference")
	c.Flags().BoolVar(&f.any, "any", false, "with whatever is granted, to whichever flake")
	c.Flags().StringVar(&f.gate, "gate", "", "the gate's `ADDRESS` (default "+gateplace.Address+")")
	c.Flags().StringVar(&f.netrc, "netrc", "", "read the caches' credentials from `FILE` (default: netrc beside the system's nix.conf, if readable)")
	// What stands behind the command belongs to it.
	c.Flags().SetInterspersed(false)
	return c
}

func (a *app) exec(ctx context.Context, argv []string, f execFlags) error {
	if a.json {
		return usage("exec has no --json", "what the command prints is the output")
	}
	if f.any && f.flake != "" {
		return usage("--any and --flake say two things", "give one of them")
	}
	b, place, err := a.grantsAndGate(f.gate, f.netrc)
	if err != nil {
		return err
	}
	g, err := b.execGrant(ctx, f)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return notRun(argv[0], err)
	}
	// From here on a signal is the command's: Ctrl-C ends that, and what was
	// made for it goes after it.
	w := child.Watch()
	defer w.Stop()
	ctx = context.WithoutCancel(ctx)
	r, err := a.report(ctx, g.Grant.Seen)
	if err != nil {
		return err
	}
	held, err := a.holdForBuild(ctx, place, b, g, r.Trust == trust.Trusted)
	if err != nil {
		return err
	}
	defer held.Stop()
	status, err := held.Ask(ctx)
	if err != nil {
		return &problem{code: exitUnknown, text: fmt.Sprintf("the gate does not say how it does: %v", err)}
	}
	run := &execution{app: a, grant: g, held: held, report: r, url: held.URL(status), before: status}
	remove, err := run.prepare()
	if err != nil {
		return err
	}
	defer remove()
	run.warn()

	cmd := exec.Command(program, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Env = run.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.err
	end, err := w.Run(cmd)
	if err != nil {
		return notRun(argv[0], err)
	}
	run.tell()
	if end.Code == exitOK {
		return nil
	}
	return &end
}

// notRun is why a command was not run, with the exit codes of a shell.
func notRun(name string, err error) error {
	p := &problem{code: 126, text: fmt.Sprintf("%s cannot be run: %v", name, cause(err))}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		p.code, p.text = 127, name+" was not found"
		p.hints = []string{"give the command as you would without exec: nix-trust exec -- nix build"}
	}
	return p
}

// execGrant is the grant to go on with, the zero one when any will do.
func (b *grantBook) execGrant(ctx context.Context, f execFlags) (granted, error) {
	if f.any {
		return granted{}, nil
	}
	arg := f.flake
	if arg == "" {
		here, err := os.Getwd()
		if err != nil {
			return granted{}, &problem{code: exitUnknown, text: fmt.Sprintf("the current folder is not known: %v", cause(err))}
		}
		dir, ok := flakeAbove(here)
		if !ok {
			return granted{}, &problem{
				code: exitFindings, text: "there is no flake.nix in this folder or above it, so no grant is meant",
				hints: []string{"name the flake with --flake, or go on with all that is granted with --any"},
			}
		}
		arg = dir
	}
	fl, err := b.named(arg)
	if err != nil {
		return granted{}, err
	}
	g := b.granted(ctx, fl.id, time.Now())
	return g, g.mayUse()
}

// An execution is one command with what is made for it.
type execution struct {
	app    *app
	grant  granted
	held   *gateplace.Held
	report *trust.Report
	url    string
	env    []string
	before gate.Status
	data   *child.DataFolder // nil: the user's own is used
}

// prepare makes the command's environment.
func (e *execution) prepare() (remove func(), err error) {
	r := e.report
	key := ""
	if r.Trust == trust.Trusted {
		key = e.held.Key
	}
	lines := child.GateLines(e.url, key)
	asks := child.Unanswered(e.flake())
	remove = func() {}
	var vars []string
	switch {
	case len(asks) == 0 || !terminalFile(e.app.err): // nobody is asked
	case r.Nix.Version.LixAtLeast(91): // 2.90 asks with false, as Nix does
		lines = append(lines, "accept-flake-config = false")
	case r.Nix.Version == nixconf.Version{} || !r.Nix.Version.AtLeast(2, 25):
		e.app.warn("nix will ask about %s of this flake's nixConfig: answer with Enter, as what was granted needs no yes", count(len(asks), "setting", "settings"))
	default:
		if remove, err = e.ownData(asks); err != nil {
			return nil, err
		}
		if e.data != nil {
			vars = append(vars, "NIX_DATA_HOME="+e.data.Dir)
			fmt.Fprintf(e.app.err, "nix-trust: nix will say that it ignores %s of this flake: what was granted needs none\n", count(len(asks), "setting", "settings"))
		}
	}
	vars = append(vars, "NIX_CONFIG="+child.NixConfig(os.Getenv("NIX_CONFIG"), lines...))
	e.env = child.WithVariables(os.Environ(), append(vars, child.Direct(os.Environ())...)...)
	return remove, nil
}

// ownData makes a data folder in which every question is answered. Answers that
// Nix cannot read stay as they are: it will say so itself.
func (e *execution) ownData(asks []trust.AnswerEdit) (remove func(), err error) {
	own := e.report.AnswerFiles[0]
	if own.Path == "" || own.Err != nil || own.State != nixconf.SourceRead && own.State != nixconf.SourceMissing {
		return func() {}, nil
	}
	dir, remove, err := folderFor()
	if err != nil {
		return nil, err
	}
	if e.data, err = child.NewDataFolder(dir, filepath.Dir(own.Path), own.Answers, asks); err != nil {
		remove()
		return nil, &problem{code: exitUnknown, text: fmt.Sprintf("the saved answers could not be put beside those for this command: %v", err)}
	}
	return remove, nil
}

// terminalFile reports whether what is written there is shown on a terminal. Nix
// asks only where its stderr is.
func terminalFile(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// flake is the granted flake in the report, nil when it is not there.
func (e *execution) flake() *trust.FlakeReport {
	for i := range e.report.Flakes {
		if f := &e.report.Flakes[i]; e.grant.Grant.Seen != "" && f.ID.Path == e.grant.Grant.Seen {
			return f
		}
	}
	return nil
}

// warn says beforehand what would keep the gate from being asked: Nix itself
// mentions it in passing, or not at all, and builds from source.
func (e *execution) warn() {
	a, s := e.app, e.before
	for _, p := range s.Problems {
		a.warn("the gate: %s", p)
	}
	for _, c := range s.Conflicts {
		a.warn("the gate: %s", c)
	}
	if !s.Fresh {
		a.warn("the grants have changed often within the hour: a path that was not granted then may be taken for missing for up to an hour")
	}
	then, err := e.then()
	if err != nil {
		return
	}
	name := then.User.Name
	if other := namesake(then, e.held.Key); other != "" {
		a.warn("another key of the name of the gate's is configured, and the first one alone counts: %s", other)
	}
	switch admitted, asked := then.Daemon.Admits[e.url]; {
	case then.Trust == trust.Trusted:
	case then.Trust == trust.TrustUnknown:
		a.warn("whether the daemon asks the gate for %s is not known: %s", name, reasonText(then.TrustReasons))
	case asked && !admitted:
		a.warn("the daemon does not ask %s for %s, who is not trusted: nothing of the grant will be used. `nix-trust setup` shows what the administrator does once; `nix-trust fetch` works without it", e.url, name)
	case asked && !believed(then, e.held.Key):
		a.warn("the gate's key is not among those that the daemon believes, as far as its files can be read: `nix-trust setup --check` asks the daemon")
	}
	if f := e.flake(); f != nil {
		for _, v := range f.Settings {
			if known, extra, ok := nixconf.Lookup(v.Name); ok && known.Name == "substituters" && !extra && v.State == trust.SettingApplied {
				a.warn("the flake's own `%s`, to which you have said yes, takes the place of all other caches, the gate too", v.Name)
			}
		}
	}
	if v := then.Client.Get("substitute"); v != nil && v.Text == "false" {
		a.warn("`substitute = false` is set, so that no cache is asked, and neither is the gate")
	} else if then.Nix.Offline {
		a.warn("no network interface has an address: nix then asks no cache, and neither the gate, unless it is run with --option substitute true")
	}
}

// then is how the machine is for a nix with the command's environment.
func (e *execution) then() (*trust.Report, error) {
	m, o, err := e.app.machine(e.grant.Grant.Seen)
	if err != nil {
		return nil, err
	}
	return trust.Decide(host.Look(context.Background(), m.With(map[string]string{"NIX_CONFIG": child.Variable(e.env, "NIX_CONFIG")}), o)), nil
}

func reasonText(rs []trust.Reason) string {
	if len(rs) == 0 {
		return "nothing is known of it"
	}
	return rs[0].Text
}

// tell says what happened that the command did not see.
func (e *execution) tell() {
	a := e.app
	if s, err := e.held.Ask(context.Background()); err != nil {
		a.warn("the gate stopped while the command ran: %v", err)
	} else {
		var seen []string
		for _, w := range s.EvidenceSince(e.before) {
			line := fmt.Sprintf("%s has other bytes for %s than are pinned: %s; they were not let through", w.Cache, w.Path, w.Got)
			if !slices.Contains(seen, line) {
				seen = append(seen, line)
				a.warn("%s", line)
			}
		}
	}
	if e.data == nil {
		return
	}
	for _, name := range e.data.Keep() {
		a.warn("%s, which the command put into its data folder, is there already under %s and was not kept", name, e.data.Real)
	}
	said, err := e.data.Said(e.report.Nix.Version)
	if err != nil {
		a.warn("what was answered while the command ran could not be read: %v", err)
	}
	for _, s := range said {
		a.warn("an answer was given while the command ran, and is not saved: %s to %s = %s; save it with: nix-trust answers set %s %s %s", answerWord(s.Do), s.Setting, s.Value, answerWord(s.Do), shellQuote(s.Setting), shellQuote(s.Value))
	}
}

// believed reports whether a key is in effect, as far as the files say.
func believed(r *trust.Report, key string) bool {
	return slices.ContainsFunc(r.Keys, func(k trust.KeyReport) bool { return k.InEffect && k.Text == key })
}

// answerWord is a decision as `answers set` takes it.
func answerWord(do trust.AnswerDo) string {
	if do == trust.AnswerYes {
		return "yes"
	}
	return "no"
}
