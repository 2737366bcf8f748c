package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/lock/verify"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// What the keys of the Locks screen do. Nothing is started without one of them.

// onLock makes an action of the Locks screen's.
func onLock(do func(*root, *locks, *LockFile) tea.Cmd) func(*root) tea.Cmd {
	return func(m *root) tea.Cmd { return do(m, m.locks, m.locks.file()) }
}

// whyNoLock says why nothing can be done with the selected lock.
func (m *root) whyNoLock() string {
	switch f := m.locks.file(); {
	case f == nil:
		return "No flake is selected."
	case f.Lock == nil && f.Err != nil:
		return "This lock cannot be read. Enter says why."
	case f.Lock == nil:
		return "This flake has no lock."
	}
	return ""
}

// whyNoTask says why no task can be started.
func (m *root) whyNoTask() string {
	if why := m.whyNoLock(); why != "" {
		return why
	}
	if t := m.locks.work.current; t != nil {
		return "One thing at a time: it is " + t.label + ". Press esc to stop that."
	}
	return ""
}

// turnPage shows the next page of the selected lock.
func turnPage(m *root, s *locks, _ *LockFile) tea.Cmd {
	s.turnTo((s.page + 1) % pages)
	s.showItems()
	return nil
}

// showItems moves to the second list.
func (s *locks) showItems() {
	s.b.zoom = false
	s.b.focusOn(1)
}

// found keeps what an action gave. keep puts it into what is known of the lock.
func (s *locks) found(f LockFile, keep func(k *knowledge, at time.Time)) tea.Cmd {
	keep(s.about(&f), s.work.now())
	s.fill()
	return s.ages.keep()
}

// agedMsg says that the ages on the screen are out of date.
type agedMsg struct{}

// ages keeps the ages on the screens true, once something on them has one.
type ages struct{ kept bool }

func (a *ages) keep() tea.Cmd {
	if a.kept {
		return nil
	}
	a.kept = true
	return ageSoon()
}

func ageSoon() tea.Cmd { return tea.Tick(time.Minute, func(time.Time) tea.Msg { return agedMsg{} }) }

func (s *locks) age(at time.Time) string { return ageText(s.work.now().Sub(at)) }

// check asks whether the flake still has the outputs of its lock.
func checkLock(m *root, s *locks, f *LockFile) tea.Cmd {
	file, b := *f, s.backend
	return begin(&s.work, "evaluating", s.flakeName(f.Flake), func(ctx ctx, _ progress) (LockCheck, error) {
		return b.Check(ctx, file)
	}, func(c LockCheck, err error) tea.Cmd {
		grow := s.found(file, func(k *knowledge, at time.Time) { k.check = &outcome[LockCheck]{c, err, at} })
		return tea.Batch(grow, m.sayOutcome(err, s.mark(&file), "not checked"))
	})
}

// sayOutcome tells in the footer how an action ended.
func (m *root) sayOutcome(err error, mark explain.Mark, failed string) tea.Cmd {
	if err != nil {
		return m.say(explain.Unsure, safetext.Join(safetext.Line(failed+":"), safetext.Text(err.Error())))
	}
	return m.say(mark.Role, safetext.Line(mark.String()))
}

// askVerify says which hosts would learn of what, and asks.
func askVerify(m *root, s *locks, f *LockFile) tea.Cmd {
	scope, err := verify.ScopeOf(f.Lock, nil)
	switch {
	case err != nil:
		return m.say(explain.Unsure, safetext.Text(err.Error()))
	case scope.Paths == 0:
		return m.say(explain.Caution, safetext.Line("This lock pins no path, so that there is nothing to verify."))
	case len(f.Lock.Caches) == 0:
		return m.say(explain.Caution, safetext.Line("This lock names no cache, so that there is nobody to ask."))
	}
	file := *f
	q := &question{option: "read the contents, too"}
	q.yes = func(m *root) tea.Cmd { return verifyLock(m, s, file, q.on) }
	return m.ask("Ask the network?", q, func(d *doc) {
		d.told(scope.Hosts, scope.Folders, scope.Paths, m.opt.Demo)
		d.gap()
		if q.on {
			d.para(explain.Plain, safetext.Line(fmt.Sprintf("The contents are read, too: up to %s from each. Press c to leave them out.", sizeText(file.bytes))))
		} else {
			d.para(explain.Plain, safetext.Line("Hashes, sizes, references and signatures are compared. Press c to read the contents, too: up to "+sizeText(file.bytes)+" from each."))
		}
	})
}

// told says who would learn of how many paths.
func (d *doc) told(hosts []string, folders, paths int, madeUp bool) {
	switch len(hosts) {
	case 0:
		d.para(explain.Plain, safetext.Line("No host is asked: the caches are folders of this machine."))
	default:
		d.para(explain.Strong, safetext.Line(fmt.Sprintf("%s would learn that you use %s:", counted(len(hosts), "host"), counted(paths, "path"))))
		d.hosts(hosts, false)
		if folders > 0 {
			d.para(explain.Plain, safetext.Line(counted(folders, "cache")+" more: folders of this machine, which tell nobody."))
		}
	}
	if madeUp {
		d.inDemo()
	}
}

// hosts lists who would be asked.
func (d *doc) hosts(hosts []string, madeUp bool) {
	for _, h := range hosts {
		d.note(explain.Place, safetext.ASCII(h))
		if why, bad := safetext.SuspectHost("https://" + h); bad {
			d.alarm(why)
		}
	}
	if madeUp {
		d.inDemo()
	}
}

func (d *doc) inDemo() {
	d.para(explain.Faint, safetext.Line("In the demo these hosts exist inside this program only."))
}

func verifyLock(m *root, s *locks, f LockFile, contents bool) tea.Cmd {
	b := s.backend
	return begin(&s.work, "verifying", s.flakeName(f.Flake), func(ctx ctx, p progress) (*verify.Report, error) {
		return b.Verify(ctx, f, contents, p)
	}, func(r *verify.Report, err error) tea.Cmd {
		if r == nil && err == nil {
			err = errNothing
		}
		grow := s.found(f, func(k *knowledge, at time.Time) {
			k.verify, k.contents = &outcome[*verify.Report]{r, err, at}, contents
		})
		if err == nil && s.page == pageContents && s.isSelected(f) {
			s.turnTo(pagePins)
			s.follow()
		}
		mark := s.verifiedMark(&f)
		if mark.Role == explain.Bad {
			mark.Word = "not as pinned: " + counted(wrong(r), "path")
		} else {
			mark.Word += " verified"
		}
		return tea.Batch(grow, m.sayOutcome(err, mark, "not verified"))
	})
}

func (s *locks) isSelected(f LockFile) bool {
	at := s.file()
	return at != nil && at.Path == f.Path
}

// compareLock shows what changed since git's HEAD.
func compareLock(m *root, s *locks, f *LockFile) tea.Cmd { return compareWith(m, s, *f, "") }

// typeOther asks for a file to compare with.
func typeOther(m *root, s *locks, f *LockFile) tea.Cmd {
	file := *f
	m.input = &input{prompt: "older lock", submit: func(m *root, path string) tea.Cmd {
		if strings.TrimSpace(path) == "" {
			return m.say(explain.Plain, safetext.Line("No file was named."))
		}
		return compareWith(m, s, file, path)
	}}
	m.toast = nil
	return nil
}

func compareWith(m *root, s *locks, f LockFile, path string) tea.Cmd {
	b := s.backend
	return begin(&s.work, "comparing", s.flakeName(f.Flake), func(ctx ctx, _ progress) (comparison, error) {
		name, old, err := b.Compared(ctx, f, path)
		if err != nil {
			return comparison{}, err
		}
		if old == nil {
			return comparison{}, errNothing
		}
		return comparison{name, lock.Compare(old, f.Lock)}, nil
	}, func(c comparison, err error) tea.Cmd {
		grow := s.found(f, func(k *knowledge, at time.Time) { k.changes = &outcome[comparison]{c, err, at} })
		if s.isSelected(f) {
			s.turnTo(pageChanges)
			s.showItems()
			s.follow()
		}
		switch {
		case err != nil:
			return tea.Batch(grow, m.sayOutcome(err, explain.Mark{}, "not compared"))
		case c.diff.Alarm():
			return tea.Batch(grow, m.say(explain.Danger, safetext.Text(s.theme.glyphs.Alarm+" ALARM: a store path stands for something else than in "+c.with)))
		}
		return tea.Batch(grow, m.say(explain.Plain, safetext.Text(counted(len(c.diff), "change")+" since "+c.with)))
	})
}

// fixes are the commands that do the same from a shell, or go on from here.
func (s *locks) fixes() []trust.Fix {
	f := s.file()
	if f == nil || f.Flake.Path == "" {
		return nil
	}
	folder, path := quote(f.Flake.Path), quote(f.Path)
	k := s.about(f)
	var out []trust.Fix
	add := func(title, command string) { out = append(out, trust.Fix{Title: title, Command: command}) }
	if it := s.item(); s.onItems() && it != nil && f.Lock != nil {
		if p := it.doubtful(); p != "" {
			add("See from a shell who says what of it, and which files differ", "nix-trust challenge --diff --lock "+path+" "+quote(storeDir+string(p)))
		}
		return out
	}
	switch {
	case !f.Seen || f.Err != nil:
		return nil
	case f.Lock == nil:
		add("Make a lock: pin what its caches deliver", "nix-trust lock "+folder)
		return out
	case k.bad():
		add("Ask every cache for the hash of what is not as pinned", "nix-trust challenge --lock "+path)
	case k.check != nil && k.check.err == nil && len(k.check.value.Changes) > 0:
		add("Renew the lock, and read what changes before you commit it", "nix-trust lock "+folder)
	case k.check == nil || k.check.err != nil:
		add("See from a shell whether the flake moved on", "nix-trust lock --check "+folder)
	}
	if k.verify == nil || k.verify.err != nil {
		add("Verify from a shell", "nix-trust verify "+path)
	}
	return out
}

// doubtful is the path of an item that is not what it should be, "" for none.
func (it *lockItem) doubtful() lock.StorePath {
	switch {
	case it.pin != nil && worst(it.pin).Bad():
		return it.pin.Path
	case it.voted != nil && it.voted.Verdict != challenge.Match:
		return it.voted.Path
	case it.change != nil && it.change.Class.Alarm():
		return lock.StorePath(it.change.Subject)
	}
	return ""
}

// quote makes one word of a shell of a path.
func quote(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,:@%", r))
	}) < 0 && s != "" && s[0] != '-' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
