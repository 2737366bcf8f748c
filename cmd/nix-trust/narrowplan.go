package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/global"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/trust/operation"
)

// grantAll plans a grant for each flake, one after the other, so that each is
// held against those before it.
func (n *narrowing) grantAll(ctx context.Context) error {
	first := n.book.own.State
	var last trust.FileChange
	granted := 0
	for _, w := range n.flakes {
		if !pinsAnything(w) {
			n.plan.Notes = append(n.plan.Notes, w.name()+" needs nothing from it: the caches that stay have its paths, or none has. It gets no grant.")
			continue
		}
		step, err := n.lockStep(w)
		if err != nil {
			return err
		}
		if step != nil {
			n.plan.Steps = append(n.plan.Steps, *step)
			n.plan.Changes = append(n.plan.Changes, "The lock of "+w.name()+" is written.")
		} else {
			n.plan.Notes = append(n.plan.Notes, w.file+" is complete, and is accepted as it is.")
		}
		n.locks[w.file] = w.out.lock
		p, err := n.grantOf(ctx, w)
		if err != nil {
			return err
		}
		granted++
		for _, s := range p.Steps {
			last = s
			n.book = n.book.once(s, n.locks)
		}
		for _, c := range p.Changes {
			n.plan.Changes = append(n.plan.Changes, string(w.id)+": "+c)
		}
		n.plan.Notes = appendOnce(n.plan.Notes, p.Notes...)
	}
	if last.Path != "" {
		last.Before = first
		last.Parents = last.Parents || !first.Exists
		n.plan.Steps = append(n.plan.Steps, last)
	}
	n.plan.Summary = fmt.Sprintf("Narrow %s to what the locks of %s pin", n.cache.URL, flakeCount(granted))
	if granted == 0 {
		n.plan.Summary = fmt.Sprintf("Narrow %s to nothing: no flake is granted anything of it", n.cache.URL)
	}
	return nil
}

// pinsAnything reports whether there is anything to grant.
func pinsAnything(w *narrowed) bool {
	return slices.ContainsFunc(w.job.systems, func(s string) bool { return w.out.lock.Systems[s] != nil && len(w.out.lock.Systems[s].Paths) > 0 })
}

// once is the book as it is once a plan has changed the user's grants. The
// planned locks are read as if they were where they will be.
func (b *grantBook) once(step trust.FileChange, planned map[string]*lock.Lock) *grantBook {
	next := *b
	next.lockAt = func(path string) (*lock.Lock, error) {
		for file, l := range planned {
			if digest, err := l.Digest(); path == file || err == nil && path == b.own.lockPath(digest) {
				return l, nil
			}
		}
		return lockAt(path)
	}
	next.own.State, next.own.lockAt = step.After, next.lockAt
	next.shelves = slices.Clone(b.shelves)
	next.shelves[0] = next.own
	return &next
}

// grantOf plans one grant, compared with the caches that stay trusted.
func (n *narrowing) grantOf(ctx context.Context, w *narrowed) (trust.Plan, error) {
	systems := slices.DeleteFunc(slices.Clone(w.job.systems), func(s string) bool {
		return w.out.lock.Systems[s] == nil || len(w.out.lock.Systems[s].Paths) == 0
	})
	f := grantFlags{consentFlags: consentFlags{yes: true}, systems: systems, without: n.f.without, days: n.f.days, note: n.f.note, netrc: n.f.netrc}
	p, err := f.proposal(w.grantee, w.file, w.out.lock, n.after, time.Now())
	if err != nil {
		return trust.Plan{}, err
	}
	for _, c := range p.Grant.Caches {
		if !n.trustedNow(c.URL) {
			n.confirm = append(n.confirm, fmt.Sprintf("%s: its lock lets %s deliver what it pins, too, which this machine does not trust now.", w.name(), c.URL))
			n.plan.Risk = n.plan.Risk.With(trust.PlanWidens)
		}
	}
	b := n.book
	p.Scopes = b.scopes(b.own)
	p.Others, p.Hidden = b.others(w.id, p.Now)
	if before, had := ownFile(b).Grant(w.id); had {
		if before.Lock == p.Grant.Lock && slices.Equal(before.Systems, p.Grant.Systems) && before.Offer == p.Grant.Offer && n.f.days == 0 && n.f.note == "" {
			p.Grant = before // given already: only the comparison is new
		}
		p.Before = b.own.accepted(before.Lock).Lock()
	}
	// The consent was asked for before, for all of it.
	if p.Trusted, err = n.compare(ctx, n.after, p, f); err != nil {
		return trust.Plan{}, err
	}
	plan, confirm, err := b.planGrant(p)
	if err != nil {
		return trust.Plan{}, err
	}
	if confirm != "" {
		n.confirm = append(n.confirm, w.name()+":"+confirm)
	}
	return plan, nil
}

// takeOut takes the cache and its keys out of the configuration: the user's own
// files in this plan, the system's too when root runs it, and else in a file for
// the administrator.
func (n *narrowing) takeOut(ctx context.Context) error {
	files := host.Under("/")
	m := host.Real("")
	version := n.report.Nix.Version
	own, err := n.cache.TakeOut(n.report.Platform, global.Files{
		Files: files, Read: ledger.Read, Version: version,
		Env: nixconf.Environment{Lookup: os.LookupEnv, Home: n.report.User.Home, Root: os.Geteuid() == 0, System: n.report.Platform.System},
		Foreign: func(path string, text []byte) string {
			at, err := filepath.EvalSymlinks(path)
			switch {
			case m.Owned(path, text):
				return "another program makes the file"
			case err != nil || unix.Access(at, unix.W_OK) != nil || unix.Access(filepath.Dir(at), unix.W_OK) != nil:
				return "you may not write to it"
			}
			return ""
		},
	})
	if err != nil {
		return confProblem(err)
	}
	n.take(own)
	if err := n.takeOutOfSystem(ctx); err != nil {
		return err
	}
	for _, l := range n.cache.Listed() {
		if at := l.Item.Origin.Pos; !n.clears(at) {
			n.plan.Notes = appendOnce(n.plan.Notes, fmt.Sprintf("Not done by this change: %s stays in %s (%s). Until it is taken out there, it is trusted as before.", l.Item.Text, l.Setting, place(l.Item.Origin)))
		}
	}
	for _, k := range n.cache.Keys {
		if !k.Goes {
			n.plan.Notes = append(n.plan.Notes, "The key "+k.Name+" "+strings.TrimPrefix(k.Why, "It "))
		}
	}
	return nil
}

func confProblem(err error) error {
	if p, ok := changeProblem(err).(*problem); ok {
		p.code = exitUnknown
		return p
	}
	return err
}

// take adds a change of the configuration to the plan.
func (n *narrowing) take(p trust.Plan) {
	for _, s := range p.Steps {
		n.edited = append(n.edited, filepath.Clean(s.Path))
	}
	n.plan.Steps = append(n.plan.Steps, p.Steps...)
	n.plan.Changes = append(n.plan.Changes, p.Changes...)
	n.plan.Notes = appendOnce(n.plan.Notes, p.Notes...)
	for _, c := range p.Commands {
		if !slices.Contains(n.plan.Commands, c) {
			n.plan.Commands = append(n.plan.Commands, c)
		}
	}
}

// clears reports whether the plan takes what is at a place out.
func (n *narrowing) clears(at nixconf.Pos) bool {
	return at.File != "" && slices.Contains(n.edited, filepath.Clean(at.File))
}

// place is where an entry comes from, in a sentence.
func place(o nixconf.Origin) string {
	switch {
	case o.Layer == nixconf.LayerDefault:
		return "built into Nix"
	case o.Pos.Line == 0:
		return o.Pos.File
	}
	return fmt.Sprintf("%s:%d", o.Pos.File, o.Pos.Line)
}

// takeOutOfSystem takes it out of the machine's own files: as root in this plan,
// else by an operation for the administrator, or with the text for the program
// that makes the file. What the operation changes is worked out when it is
// applied: a user may not be able to read all that it depends on.
func (n *narrowing) takeOutOfSystem(ctx context.Context) error {
	entries := slices.DeleteFunc(n.cache.Listed(), func(l trust.Listing) bool {
		return l.Item.Origin.Layer != nixconf.LayerSystem || n.clears(l.Item.Origin.Pos)
	})
	if len(entries) == 0 {
		return nil
	}
	o := operation.Operation{Do: operation.Disallow, Caches: []string{n.cache.URL}, Keys: n.cache.Going()}
	if err := o.Check(); err != nil {
		return &problem{code: exitFindings, text: "what the administrator would have to take out cannot be written down: " + err.Error(), hints: []string{"take it out of the system's configuration by hand"}}
	}
	if os.Geteuid() == 0 {
		sys, err := thisSystem(ctx)
		if err != nil {
			return err
		}
		sys.Report = nil // what stays is said of the whole plan
		p, err := sys.Plan([]operation.Operation{o})
		if err != nil {
			return operationProblem(err)
		}
		n.take(p)
		return nil
	}
	m, edit := host.Real(""), false
	for _, l := range entries {
		file := l.Item.Origin.Pos.File
		if state, err := ledger.Read(file); err == nil && m.Owned(file, state.Data) {
			n.take(trust.Plan{Commands: []trust.Fix{n.report.Platform.Removal(l.Item.Origin, l.Item.Text)}})
			continue
		}
		edit = true
	}
	if !edit {
		return nil
	}
	return n.propose(o)
}

// propose writes an operation down for the administrator, in the same plan.
func (n *narrowing) propose(o operation.Operation) error {
	file, ops := n.f.file, []operation.Operation(nil)
	if file == "" {
		file = filepath.Join(n.journal.Dir, "narrow-"+slug(strings.TrimPrefix(strings.TrimPrefix(n.cache.URL, "https://"), "http://"))+".json")
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return &problem{code: exitUnknown, text: err.Error()}
	}
	before, err := ledger.Read(file)
	if err != nil {
		return changeProblem(err)
	}
	if before.Exists && n.f.file != "" {
		if ops, err = operation.Parse(file, before.Data); err != nil {
			return &problem{code: exitFindings, text: err.Error(), hints: []string{"the file is left as it is; name one that is not there, or that has operations"}}
		}
	}
	text, err := operation.Print(append(ops, o))
	if err != nil {
		return &problem{code: exitFindings, text: fmt.Sprintf("%s is left as it is: with this operation, %v", file, err)}
	}
	mode := before.Mode
	if !before.Exists {
		mode = 0o600
	}
	after := trust.FileState{Exists: true, Data: text, Mode: mode}
	if !after.Equal(before) {
		n.plan.Steps = append(n.plan.Steps, trust.FileChange{Path: file, Before: before, After: after, Parents: n.f.file == "", Form: trust.FormText})
	}
	n.plan.Commands = append(n.plan.Commands, trust.Fix{
		Title: "The administrator takes it out of the system's configuration", Detail: "It shows the change first, and the command that restarts the daemon.",
		Command: "sudo nix-trust apply " + shellQuote(file), File: file, Admin: true,
	})
	return nil
}

// finish says what stays, what to do next, and how grave it is.
func (n *narrowing) finish() {
	p := &n.plan
	for _, r := range n.report.StillTrusts(slices.Concat([]string{n.cache.URL}, n.cache.Going())) {
		if r.Where.File == "" || !n.clears(r.Where) || r.Subject == "accept-flake-config" {
			p.Residual = append(p.Residual, r)
		}
	}
	for _, s := range n.book.scopes(n.book.own) {
		if s.Err != nil || s.File == nil {
			p.Residual = append(p.Residual, trust.Residual{Where: nixconf.Pos{File: s.Path}, Text: "The grants there could not be read, and may use the cache."})
			continue
		}
		for _, g := range s.File.Grants {
			if !n.chosen(g.Flake) && slices.ContainsFunc(g.Caches, func(c lock.Cache) bool { return trust.SameItem(c.URL, n.cache.URL) }) {
				p.Residual = append(p.Residual, trust.Residual{Subject: n.cache.URL, Where: nixconf.Pos{File: s.Path}, Text: fmt.Sprintf("The grant for %s uses it as well, for what its own lock pins.", g.Flake)})
			}
		}
	}
	if left := n.leftOut(); len(left) > 0 {
		p.Notes = append(p.Notes, "These ask for it too and get no grant, so that they compile what no other cache has: "+strings.Join(left, ", ")+".")
	}
	p.Notes = append(p.Notes, "Whatever else took something from it — channels, nix-shell, the system's own configuration — gets nothing new from it any more. What is in the store stays.")
	var fetch []trust.Fix
	for _, w := range n.flakes {
		if pinsAnything(w) {
			fetch = append(fetch, trust.Fix{Title: "Get what is pinned through the gate, before the cache is gone", Command: "nix-trust fetch " + shellQuote(w.name())})
		}
	}
	p.Commands = append(fetch, p.Commands...)
	if n.gateWhy == "" {
		p.Notes = append(p.Notes, "The configuration says that the gate is believed; `nix-trust setup --check` asks the running daemon.")
	} else {
		p.Commands = append([]trust.Fix{{Title: "Set the gate up before anything else", Command: "nix-trust setup"}}, p.Commands...)
	}
	for _, c := range n.confirm {
		p.Notes = appendOnce(p.Notes, "To be confirmed: "+c)
	}
	if len(n.confirm) > 0 {
		p.Risk = trust.PlanUnknown // a whole word is asked for
	}
}

func (n *narrowing) chosen(id grants.Identity) bool {
	return slices.ContainsFunc(n.flakes, func(w *narrowed) bool { return w.id == id })
}

// leftOut are the known flakes that ask for the cache and were not chosen.
func (n *narrowing) leftOut() []string {
	var out []string
	for _, m := range n.known() {
		if !m.claims {
			continue
		}
		if fl, err := n.book.named(m.arg); err != nil || !n.chosen(fl.id) {
			out = append(out, m.name)
		}
	}
	return out
}

// carryOutAll makes the plan, once what has to be confirmed was.
func (n *narrowing) carryOutAll(ctx context.Context) error {
	f := n.f
	if len(n.confirm) > 0 && f.yes && !f.confirmed && !f.dryRun {
		return &problem{code: exitFindings, text: "nothing was changed. What has to be confirmed:\n" + strings.Join(n.confirm, "\n"), hints: []string{"look at each, and give --confirmed with --yes, or run it on a terminal"}}
	}
	return n.carryOutAfter(ctx, n.journal, n.plan, f.consentFlags, func() (func(), error) { return n.keepLocks(ctx) })
}

// keepLocks keeps the locks that are granted, and returns what takes them away
// again.
func (n *narrowing) keepLocks(ctx context.Context) (undo func(), err error) {
	b, _, err := n.grantBook()
	if err != nil {
		return nil, err
	}
	var forget []func()
	undo = func() {
		for _, f := range forget {
			f()
		}
	}
	for _, l := range n.locks {
		digest, err := l.Digest()
		if err == nil {
			var f func()
			if f, err = b.keep(ctx, digest, l); err == nil {
				forget = append(forget, f)
			}
		}
		if err != nil {
			undo()
			return nil, changeProblem(err)
		}
	}
	return undo, nil
}
