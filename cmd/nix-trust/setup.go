package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/setup"
)

// setupFlags are the flags of setup.
type setupFlags struct {
	consentFlags
	address   string
	file      string
	pushOnly  bool
	check     bool
	remove    bool
	deleteKey bool
	system    bool
}

func (a *app) setupCommand() *cobra.Command {
	var f setupFlags
	c := &cobra.Command{
		Use:   "setup",
		Short: "Let this machine's daemon believe the gate, once; --check says whether it does",
		Long: `setup makes the gate's key and has this machine believe it, which grants need to
have any effect.

As a user it makes your own gate's key, for you alone to read, and writes what
the administrator has to do into a file: sudo nix-trust apply FILE. It prints the
same as the lines that this system's configuration takes. As root it makes the
key of the machine's gate, for the user nix-trust-gate, and edits nix.conf where
that is no other program's; otherwise it prints the lines.

` + setupMeans[0] + "\n" + setupMeans[1] + `

Two things are listed: the gate's public key, for ` + "`fetch`" + `, and eight addresses of
the gate on this machine, for ` + "`exec`" + `. With --push-only it is the key alone. A key
that is there is kept and never written over.

--check asks the running daemon. Each time it has new paths of a few bytes, signed
by the gate's key and by one that nobody knows, copied and substituted as you,
through the daemon: what is configured and what is in force are told apart. These
paths stay in the store until the next garbage collection. Where the gate does not
run, it is run for the check's sake. Root's check asks in the name of the user
nix-trust-gate.

--remove takes the key and the addresses out again. The key's file goes only when
you say so with the word yes, or with --delete-key beside --yes.

` + askHelp + ` The key is in no journal, and undo leaves
it.

Exit code: 0 when it was done or is so already, with --check when it is in force;
1 refused, or not in force; 2 a wrong use; 3 something could not be read, written
or determined.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.setup(cmd.Context(), f) },
	}
	fl := c.Flags()
	fl.BoolVar(&f.check, "check", false, "ask the running daemon whether it believes the key and admits the addresses")
	fl.BoolVar(&f.pushOnly, "push-only", false, "the key alone, for fetch; no address for exec")
	fl.StringVar(&f.address, "gate", "", "the gate's `ADDR` on the loopback interface (default "+gateplace.Address+", or gate in config.toml)")
	fl.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "address" {
			name = "gate"
		}
		return pflag.NormalizedName(name)
	})
	fl.StringVarP(&f.file, "output", "o", "", "write the administrator's part to `FILE` (default gate-setup.json beside the key)")
	fl.BoolVar(&f.remove, "remove", false, "take the key and the addresses out of the configuration again")
	fl.BoolVar(&f.deleteKey, "delete-key", false, "with --remove and --yes: remove the key's file, too")
	fl.BoolVar(&f.system, "system", false, "with --check: the machine's gate, where you have one of your own")
	f.consentFlags.add(c)
	return c
}

// setupMeans is what belief in the key amounts to.
var setupMeans = [2]string{
	"Whoever can read the gate's key can put anything into this machine's store.",
	"So a gate of your own is for a machine that you administer yourself.",
}

// A setupJob is one run of setup: whose gate it is about, and how the machine is.
type setupJob struct {
	*app
	f     setupFlags
	place gateplace.Place
	owner gateplace.Owner
	setup.Machine
}

func (a *app) setup(ctx context.Context, f setupFlags) error {
	if err := f.fit(); err != nil {
		return err
	}
	j, err := a.newSetupJob(ctx, f)
	if err != nil {
		return err
	}
	switch {
	case f.check:
		return j.runCheck(ctx)
	case f.remove:
		return j.takeOut(ctx)
	case j.place.System:
		return j.makeMachine(ctx)
	}
	return j.makeUser(ctx)
}

// fit refuses flags that do not go together.
func (f setupFlags) fit() error {
	switch {
	case f.check && (f.remove || f.yes || f.dryRun || f.file != ""):
		return usage("--check changes nothing, so nothing else is said with it but --gate, --push-only and --system")
	case f.system && !f.check && os.Geteuid() != 0:
		return usage("--system goes with --check", "the machine's gate is set up by root: sudo nix-trust setup")
	case f.deleteKey && !f.remove:
		return usage("--delete-key goes with --remove")
	case f.remove && f.pushOnly:
		return usage("--remove takes out all that setup has put in", "leave out --push-only")
	}
	return nil
}

// newSetupJob finds out which gate it is about, and looks at the machine.
func (a *app) newSetupJob(ctx context.Context, f setupFlags) (*setupJob, error) {
	if _, err := a.journal(); err != nil {
		return nil, err // the demo, or --root
	}
	if a.user != "" {
		return nil, usage("a gate is set up by the user who runs it", "leave out --user, and run the command as that user")
	}
	j := &setupJob{app: a, f: f}
	var err error
	if j.place, err = a.gatePlace(f.address); err != nil {
		return nil, err
	}
	if f.check && !j.place.System && (f.system || absent(j.place.KeyFile()) && !absent(gateplace.OfMachine("").PublicFile())) {
		j.place = gateplace.OfMachine(f.address)
	}
	if j.owner, err = gateOwner(j.place); err != nil {
		return nil, err
	}
	if j.place.System && f.file != "" {
		return nil, usage("as root the change is made at once, and no file is written for an administrator", "leave out -o")
	}
	return j, j.look(ctx, "")
}

// look looks at the machine, as the user who runs the program or as another.
func (j *setupJob) look(ctx context.Context, user string) error {
	m := host.Real("")
	if j.place.System && !j.f.check {
		m = m.Bare() // what root changes goes by no variable
	}
	j.Facts = host.Look(ctx, m, host.Options{User: user})
	j.Report = trust.Decide(j.Facts)
	j.mu.Lock()
	j.home = j.Facts.User.Home
	j.mu.Unlock()
	return ctx.Err()
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

// makeUser sets up the gate of the user who runs the program.
func (j *setupJob) makeUser(ctx context.Context) error {
	key, err := j.key()
	if err != nil {
		return err
	}
	p, err := j.planUser(key)
	if err != nil {
		return err
	}
	led, err := j.journal(storeDir())
	if err != nil {
		return err
	}
	return j.carryOutAfter(ctx, led, p, j.f.consentFlags, saving(key))
}

// key is the gate's key: the one that is there, or one in memory.
func (j *setupJob) key() (gateplace.Key, error) {
	var listed []bincache.PublicKey
	if cfg, _ := j.Deciding(); cfg != nil {
		for _, it := range cfg.Get("trusted-public-keys").Items {
			if key, err := bincache.ParsePublicKey(it.Text); err == nil {
				listed = append(listed, key)
			}
		}
	}
	made := absent(j.place.KeyFile())
	k, err := gateplace.FindKey(j.place, j.owner, listed)
	switch {
	case err == nil:
		return k, nil
	case made:
		return k, &problem{code: exitUnknown, text: err.Error()}
	}
	return k, &problem{code: exitFindings, text: err.Error(), hints: []string{"it is left as it is. Once nothing believes it any more, remove it, and setup makes another"}}
}

// saving puts a key that was just made into its place; see carrying.
func saving(k gateplace.Key) func() (undo func(), err error) {
	return func() (func(), error) {
		undo, err := k.Save()
		if err != nil {
			return nil, &problem{code: exitUnknown, text: err.Error()}
		}
		return undo, nil
	}
}

// planUser is what the user's setup changes: two files of the user's. What
// makes the daemon believe the key is the administrator's to do.
func (j *setupJob) planUser(key gateplace.Key) (trust.Plan, error) {
	p := trust.Plan{Summary: "Set up your gate, whose key is called " + key.Public.Name, Risk: trust.PlanNeutral}
	j.introduce(&p, key)
	if err := j.publish(&p, key); err != nil {
		return p, err
	}
	var urls []string
	if !j.f.pushOnly {
		urls = j.place.URLs()
	}
	w, doubt := j.Wanted(key.Public, urls)
	if len(w.Keys)+len(w.Caches) == 0 {
		p.Notes = append(p.Notes, "The configuration has all of it already.")
		j.conclude(&p)
		return p, nil
	}
	if doubt != "" {
		p.Notes = append(p.Notes, doubt)
	}
	s, err := j.Report.Platform.Snippet(trust.TargetSystem, w)
	if err != nil {
		return p, &problem{code: exitFindings, text: err.Error()}
	}
	byHand := trust.Fix{Title: "Write it into " + s.File, Command: s.Text, File: s.File, Admin: true}
	// Where modules make the file, apply can say no more than what is said here.
	if !j.modules() || j.f.file != "" {
		file, err := j.adminFile()
		if err != nil {
			return p, err
		}
		step, err := j.propose(file, allowing(w))
		if err != nil {
			return p, err
		}
		p.Steps = append(p.Steps, step)
		p.Changes = append(p.Changes, file+" has what the administrator is asked to do.")
		p.Commands = append(p.Commands, trust.Fix{Title: "As the administrator, have the daemon believe it", Command: "sudo nix-trust apply " + shellQuote(file), Admin: true})
		byHand.Title = "Or, for an administrator without nix-trust, write it into " + s.File
	}
	p.Commands = append(p.Commands, byHand)
	if j.modules() {
		p.Commands = append(p.Commands, trust.Fix{Title: "Have the system take its configuration", Command: s.Then, Admin: true})
	} else {
		p.Commands = append(p.Commands, j.restart())
	}
	p.Notes = append(p.Notes, s.Notes...)
	if j.OwnCounts() && len(w.Keys) > 0 {
		p.Commands = append(p.Commands, j.ownWay(w))
	}
	j.conclude(&p)
	return p, nil
}

// ownWay is for a user whose own configuration counts.
func (j *setupJob) ownWay(w trust.Want) trust.Fix {
	f := trust.Fix{
		Title: "Or, for you alone and without an administrator, write it into " + j.ownConf(), File: j.ownConf(),
		Command: "extra-trusted-public-keys = " + strings.Join(w.Keys, " "),
	}
	if j.Report.Platform.HomeManager {
		if s, err := j.Report.Platform.Snippet(trust.TargetHomeManager, trust.Want{Keys: w.Keys}); err == nil {
			f.Title, f.File, f.Command = "Or, for you alone, write it into "+s.File+", and then: "+s.Then, s.File, s.Text
		}
	}
	return f
}

// introduce says what the key is, and what becomes of it.
func (j *setupJob) introduce(p *trust.Plan, key gateplace.Key) {
	p.Changes = append(p.Changes, setupMeans[0])
	if !j.place.System {
		p.Changes = append(p.Changes, setupMeans[1])
	}
	if file, said := j.addressFile(); said != j.place.Address && !j.f.pushOnly {
		p.Notes = append(p.Notes, "The gate has to listen at "+j.place.Address+": "+file+" says so with the line gate = \""+j.place.Address+"\".")
	}
	if other := gateplace.OfMachine(""); !j.place.System && !j.f.pushOnly && other.Address == j.place.Address && !absent(other.PublicFile()) {
		p.Notes = append(p.Notes, "The machine has a gate of its own, at the same address. Only one of the two can listen there: give yours another one with --gate.")
	}
	if key.Made == nil {
		p.Changes = append(p.Changes, "The key in "+j.place.KeyFile()+" stays as it is.")
		return
	}
	p.Changes = append(p.Changes, "The key is made in "+j.place.KeyFile()+", which "+j.owner.Name+" alone can read.")
	p.Notes = append(p.Notes, "The secret half is in no journal: undo leaves it there.")
	if j.f.dryRun {
		p.Notes = append(p.Notes, "The key that is shown is not kept: another one is made when it is done.")
	}
	for _, old := range key.Taken {
		p.Notes = append(p.Notes, "An earlier key is believed still, "+old+": if its secret half is lost or of no use, have it taken out with `nix-trust propose disallow`.")
	}
}

// addressFile is where the address of the gate is written down, and the address
// that it has.
func (j *setupJob) addressFile() (file, address string) {
	dir, err := grantsDir(os.Geteuid(), os.Getenv)
	if err != nil {
		return "config.toml", gateplace.Address
	}
	file = filepath.Join(dir, "config.toml")
	address, _ = host.GateAddress(host.Under("/"), file)
	return file, cmp.Or(address, gateplace.Address)
}

// publish adds the file of the public half. The folder is the gate's: by a link
// there root would write over a file that the gate's user chooses.
func (j *setupJob) publish(p *trust.Plan, key gateplace.Key) error {
	if info, err := os.Lstat(j.place.PublicFile()); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return &problem{code: exitFindings, text: j.place.PublicFile() + " is a link, and setup makes none there", hints: []string{"find out who made it, and remove it"}}
	}
	before, err := j.app.read(j.place.PublicFile())
	if err != nil {
		return changeProblem(err)
	}
	after := trust.FileState{Exists: true, Data: []byte(key.Public.String() + "\n"), Mode: 0o644}
	if !after.Equal(before) {
		p.Steps = append(p.Steps, trust.FileChange{Path: j.place.PublicFile(), Before: before, After: after, Parents: true, Form: trust.FormText})
	}
	return nil
}

// conclude ends a plan with the commands that follow it whatever was changed.
func (j *setupJob) conclude(p *trust.Plan) {
	restart := j.restart()
	if j.Stale() && !slices.Contains(p.Commands, restart) {
		p.Commands = append(p.Commands, restart)
	}
	p.Commands = append(p.Commands, trust.Fix{Title: "See whether it is in force", Command: j.checkCommand()})
}

// checkCommand is the check of the same gate.
func (j *setupJob) checkCommand() string {
	c := "nix-trust setup --check"
	if j.f.pushOnly {
		c += " --push-only"
	}
	if j.place.Address != gateplace.Address {
		c += " --gate " + j.place.Address
	}
	return c
}

// restart is how the daemon is brought to read its files.
func (j *setupJob) restart() trust.Fix {
	return trust.Fix{
		Title:  "Restart the daemon: it reads its files when it starts",
		Detail: "Builds that it runs at the moment are stopped.", Command: j.Report.Platform.Restart, Admin: true,
	}
}

// modules reports whether the system's configuration is written elsewhere than
// in nix.conf.
func (j *setupJob) modules() bool {
	os := j.Report.Platform.OS
	return os == trust.PlatformNixOS || os == trust.PlatformNixDarwin
}

// adminFile is where the administrator's part is written.
func (j *setupJob) adminFile() (string, error) {
	if j.f.file == "" {
		return filepath.Join(j.place.Dir, "gate-setup.json"), nil
	}
	file, err := filepath.Abs(j.f.file)
	if err != nil {
		return "", &problem{code: exitUnknown, text: err.Error()}
	}
	return file, nil
}

// ownConf is the user's own nix.conf.
func (j *setupJob) ownConf() string {
	if j.Facts.Client != nil {
		for _, s := range j.Facts.Client.Read {
			if s.Layer == nixconf.LayerUser {
				return s.Path
			}
		}
	}
	return "~/.config/nix/nix.conf"
}
