package tui

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/challenge"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// challenged are the paths that a challenge would be about: the selected one,
// else all that some cache has otherwise.
func (s *locks) challenged() (paths []lock.StorePath) {
	if it := s.item(); it != nil && s.onItems() {
		switch {
		case it.pin != nil:
			return []lock.StorePath{it.pin.Path}
		case it.voted != nil:
			return []lock.StorePath{it.voted.Path}
		case it.change != nil && !it.change.NewPin.NAR.IsZero():
			return []lock.StorePath{lock.StorePath(it.change.Subject)}
		}
	}
	if k := s.about(s.file()); k.bad() {
		for _, p := range k.verify.value.Pins {
			if worst(&p).Bad() {
				paths = append(paths, p.Path)
			}
		}
	}
	return paths
}

func (m *root) whyNoChallenge() string {
	if why := m.whyNoTask(); why != "" {
		return why
	}
	if len(m.locks.challenged()) == 0 {
		return "Select a pin first: press p. Or verify, and what is wrong is challenged."
	}
	return ""
}

// voters are the caches that are asked: those of the lock, and those that this
// machine uses anyway.
func (s *locks) voters(f *LockFile) []lock.Cache {
	caches := slices.Clone(f.Lock.Caches)
	for _, c := range s.report.Caches {
		if c.InEffect {
			caches = append(caches, lock.Cache{URL: c.URL, Keys: c.Keys})
		}
	}
	return caches
}

// hostsOf returns the hosts that asking some caches tells, sorted, and how many
// of the caches are folders.
func hostsOf(caches []lock.Cache) (hosts []string, folders int) {
	for _, c := range caches {
		u, err := url.Parse(c.URL)
		switch {
		case err != nil:
		case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
			hosts = append(hosts, u.Host)
		case u.Scheme == "file" || u.Scheme == "":
			folders++
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), folders
}

// askChallenge says which hosts would learn of what, and asks.
func askChallenge(m *root, s *locks, f *LockFile) tea.Cmd {
	file, paths, caches := *f, s.challenged(), s.voters(f)
	hosts, folders := hostsOf(caches)
	q := &question{yes: func(m *root) tea.Cmd { return challengeLock(m, s, file, caches, paths) }}
	return m.ask("Ask who has what?", q, func(d *doc) {
		d.told(hosts, folders, len(paths), m.opt.Demo)
		d.gap()
		d.para(explain.Plain, safetext.Line("Each says what the bytes are, beside the lock and the local store. Nothing is imported."))
	})
}

func challengeLock(m *root, s *locks, f LockFile, caches []lock.Cache, paths []lock.StorePath) tea.Cmd {
	b := s.backend
	return begin(&s.work, "challenging", s.flakeName(f.Flake), func(ctx ctx, p progress) (*challenge.Report, error) {
		return b.Challenge(ctx, f, caches, paths, p)
	}, func(r *challenge.Report, err error) tea.Cmd {
		if r == nil && err == nil {
			err = errNothing
		}
		grow := s.found(f, func(k *knowledge, at time.Time) { k.votes = &outcome[*challenge.Report]{r, err, at} })
		if s.isSelected(f) {
			s.turnTo(pageVotes)
			s.showItems()
			s.follow()
		}
		if err != nil {
			return tea.Batch(grow, m.sayOutcome(err, explain.Mark{}, "not challenged"))
		}
		mark := voteMark(r.Outcome(), s.theme.glyphs)
		return tea.Batch(grow, m.say(mark.Role, safetext.Line(mark.String())))
	})
}

// voteMark is how the verdict of a challenge looks.
func voteMark(v challenge.Verdict, g explain.Glyphs) explain.Mark {
	switch v {
	case challenge.Match:
		return explain.Mark{Glyph: g.Good, Word: v.String(), Role: explain.Good}
	case challenge.Mismatch:
		return explain.Mark{Glyph: g.Bad, Word: v.String(), Role: explain.Bad}
	case challenge.Absent:
		return explain.Mark{Glyph: g.Asks, Word: v.String(), Role: explain.Caution}
	}
	return explain.Mark{Glyph: g.Unsure, Word: v.String(), Role: explain.Unsure}
}

// voteGravity orders verdicts: what differs, what is open, what nobody has.
func voteGravity(v challenge.Verdict) int {
	return slices.Index([]challenge.Verdict{challenge.Match, challenge.Absent, challenge.Inconclusive, challenge.Mismatch}, v)
}

// listVotes lists the challenged paths, the gravest verdict first.
func (s *locks) listVotes(f *LockFile) (rows []row) {
	v := s.about(f).votes
	switch {
	case v == nil:
		s.items.empty = []string{"Nobody was asked.", "Press x on a pin, or after verifying on the lock: every cache then says what it has."}
		return nil
	case v.err != nil:
		s.items.empty = []string{"Nobody was asked to the end: " + v.err.Error()}
		return nil
	}
	s.items.empty = []string{"No path was asked about."}
	items := slices.Clone(v.value.Items)
	slices.SortStableFunc(items, func(a, b challenge.Item) int {
		return cmp.Or(cmp.Compare(voteGravity(b.Verdict), voteGravity(a.Verdict)), byName(a.Path, b.Path))
	})
	for i := range items {
		it := &items[i]
		m := voteMark(it.Verdict, s.theme.glyphs)
		rows = s.add(rows, lockItem{voted: it}, "", own(m.Role, m.String()), cell{pathText(it.Path), explain.Plain}, own(explain.Plain, s.sidesText(it)))
	}
	return rows
}

// sidesText says how the votes are spread.
func (s *locks) sidesText(it *challenge.Item) string {
	said := 0
	for _, v := range it.Votes {
		if v.Answer == challenge.Said {
			said++
		}
	}
	if len(it.Sides) > 1 {
		return fmt.Sprintf("%d sides, %d votes", len(it.Sides), said)
	}
	return fmt.Sprintf("%d of %d say", said, len(it.Votes))
}

// votesText is who says what of a path: each side with its hash and its voters.
func (s *locks) votesText(d *doc, f *LockFile, it *challenge.Item) {
	v := s.about(f).votes
	d.head(voteMark(it.Verdict, s.theme.glyphs), safetext.ASCII(string(it.Path)))
	d.para(explain.Plain, safetext.Text(safetext.Redact(it.Text)))
	if v == nil || v.err != nil {
		return
	}
	d.fieldIn(explain.Faint, "asked", safetext.Line(s.age(v.at)))
	d.fieldIn(explain.Faint, "needed", safetext.Line(fmt.Sprintf("%s that agree and do not copy each other", counted(v.value.Require, "voter"))))
	voters := v.value.Voters
	for n, side := range it.Sides {
		title := "What they say"
		if len(it.Sides) > 1 {
			title = fmt.Sprintf("Side %d", n+1)
		}
		d.title(fmt.Sprintf("%s (%s)", title, counted(side.Distinct, "distinct voter")))
		for i, at := range side.Votes {
			if at >= len(it.Votes) || at >= len(voters) {
				continue
			}
			vote := it.Votes[at]
			if i == 0 {
				role := explain.Plain
				if len(it.Sides) > 1 {
					role = explain.Bad
				}
				d.fieldIn(role, "narHash", safetext.Line(vote.NAR.String()))
				d.field("narSize", safetext.Line(fmt.Sprintf("%d bytes", vote.Size)))
			}
			d.voter(voters[at], vote)
		}
	}
	titled := false
	for at, vote := range it.Votes {
		if vote.Answer == challenge.Said || at >= len(voters) {
			continue
		}
		if !titled {
			d.title("Who says nothing of it")
			titled = true
		}
		d.voter(voters[at], vote)
	}
}

// voter shows who gave a vote, and what it is worth.
func (d *doc) voter(v challenge.Voter, vote challenge.Vote) {
	name := safetext.Line(v.Name)
	if v.Kind == challenge.Cache {
		name = safetext.URL(v.Name)
	}
	role, word := explain.Plain, vote.Answer.String()
	switch vote.Answer {
	case challenge.Silent, challenge.Unreachable, challenge.Misbehaved:
		role = explain.Unsure
	}
	if vote.Answer == challenge.Said {
		word = "says so"
	}
	if vote.Forged() {
		role, word = explain.Bad, "says so, with a forged signature"
	}
	d.para(role, safetext.Join(safetext.Line(word+":"), name))
	d.note(explain.Faint, safetext.Text(safetext.Redact(vote.Text)))
	if vote.Kept != "" {
		d.note(explain.Plain, safetext.Join(safetext.Line("kept at"), safetext.ASCII(storeDir+string(vote.Kept))))
	}
}
