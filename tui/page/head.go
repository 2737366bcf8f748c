package page

import (
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// newDocument says what is shown.
func newDocument(s Shown, l limits) *document {
	b := &builder{shown: s, r: s.Report, limit: l, glyphs: explain.Unicode(), style: explain.Style{Home: s.Home}}
	if s.ASCII {
		b.glyphs = explain.ASCII()
	}
	d := &document{ASCII: s.ASCII, Title: "Which caches Nix trusts here", Demo: s.Demo, About: b.about(), Tiles: b.tiles()}
	for _, part := range []section{
		b.looked(), b.findings(), b.unseen(), b.matrix(), b.flakes(), b.answers(), b.caches(), b.keys(),
		b.grants(), b.settings(), b.store(), b.probes(), b.remembered(),
	} {
		if part.ID != "" {
			d.Sections = append(d.Sections, part)
		}
	}
	return d
}

// about says in a line whom the page is about, and when it was made.
func (b *builder) about() line {
	return line{b.code(b.r.User.Name), badgeOf(explain.TrustMark(b.r, b.glyphs)), say("made"), moment(b.r.Made)}
}

// tiles are the figures that say most.
func (b *builder) tiles() []tile {
	var danger, warnings, usable, own int
	for _, f := range b.r.Findings {
		switch f.Severity {
		case trust.Danger:
			danger++
		case trust.Warn:
			warnings++
		}
	}
	for _, i := range b.told() {
		for _, c := range b.r.Flakes[i].Caches {
			if c.Own() {
				own++
			}
			if c.Own() && (c.State == trust.StateUsable || c.State == trust.StateScoped) {
				usable++
			}
		}
	}
	unknown := len(b.unknowns())
	loudIf := func(n int, class string) string {
		if n == 0 {
			return "plain"
		}
		return class
	}
	return []tile{
		{fmt.Sprint(danger), noun(danger, "dangerous finding", "dangerous findings"), loudIf(danger, "danger"), "findings"},
		{fmt.Sprint(warnings), noun(warnings, "finding to look into", "findings to look into"), loudIf(warnings, "caution"), "findings"},
		{fmt.Sprint(unknown), noun(unknown, "thing that is not known", "things that are not known"), loudIf(unknown, "unsure"), "unseen"},
		{fmt.Sprintf("%d of %d", usable, own), "caches that flakes ask for would be used", "plain", "matrix"},
	}
}

// looked says whom and what was looked at, and how the user stands.
func (b *builder) looked() section {
	r := b.r
	user := line{b.code(r.User.Name), say("(uid %d)", int(r.User.UID))}
	if r.User.Group != "" {
		user = append(user, say("of the group"), b.code(r.User.Group))
	}
	rows := []field{{"made", []line{{moment(r.Made)}}}, {"user", []line{user}}}
	switch {
	case b.shown.Demo:
		rows = append(rows, field{"system", []line{{say("a made-up host: nothing here is real")}}})
	case !b.shown.Seen.IsZero():
		rows = append(rows, field{"system", []line{{say("another machine, as it was seen"), moment(b.shown.Seen), say("and written down in"), b.path(b.shown.Root)}}})
	case b.shown.Root != "":
		rows = append(rows, field{"system", []line{{say("the one whose root folder is"), b.path(b.shown.Root)}}})
	default:
		rows = append(rows, field{"system", []line{{say("this machine"), b.code(r.Platform.System)}}})
	}
	nix := line{say("version not known")}
	if r.Nix.Version != (nixconf.Version{}) {
		nix = line{b.code(r.Nix.Version.String())}
	}
	if r.Nix.Path != "" {
		nix = append(nix, b.path(r.Nix.Path))
	} else {
		nix = append(nix, say("no command called nix was found"))
	}
	rows = append(rows, field{"Nix", []line{nix}}, field{"store", []line{{say(storeText[r.Nix.Store]), b.prose(r.Nix.StoreWhy)}}})
	daemon := line{b.prose(r.Daemon.State.String())}
	if r.Daemon.RawVersion != "" {
		daemon = append(daemon, b.code(r.Daemon.RawVersion))
	}
	if r.Daemon.Socket != "" {
		daemon = append(daemon, b.path(r.Daemon.Socket))
	}
	if r.Daemon.Err != "" {
		daemon = append(daemon, b.prose(r.Daemon.Err))
	}
	rows = append(rows, field{"daemon", []line{daemon}})
	if !r.Daemon.Started.IsZero() {
		rows = append(rows, field{"daemon since", []line{{moment(r.Daemon.Started)}}})
	}
	rows = append(rows, field{"read", b.sources()})
	blocks := []block{
		fields{rows},
		sub{ID: "standing", Title: line{say("How the user stands")}, Blocks: append(
			[]block{para{Line: line{badgeOf(explain.TrustMark(r, b.glyphs)), say(explain.TrustMeans(r))}}},
			b.reasons(r.TrustReasons, explain.Decisive(r.TrustReasons), "")...)},
	}
	return section{ID: "looked", Title: "What was looked at", Blocks: blocks}
}

// storeText is which store commands open.
var storeText = map[trust.StoreKind]string{
	trust.StoreUnknown: "which one is not known:",
	trust.StoreDaemon:  "through the daemon:",
	trust.StoreLocal:   "opened directly:",
	trust.StoreOther:   "of another kind, which is not explained here:",
	trust.StoreNone:    "there is no Nix here",
}

// sources are the files that the configuration comes from.
func (b *builder) sources() []line {
	if b.r.Client == nil {
		return []line{{badgeOf(b.unsure("unknown")), say("the configuration of this user could not be read")}}
	}
	var out []line
	for _, s := range b.r.Client.Read {
		m := explain.Mark{Glyph: b.glyphs.None, Word: s.State.String(), Role: explain.Faint}
		switch s.State {
		case nixconf.SourceRead:
			m.Glyph, m.Role = b.glyphs.Good, explain.Good
		case nixconf.SourceMissing:
		default:
			m = b.unsure(s.State.String())
		}
		name := b.path(s.Path)
		if s.Path == "" {
			name = say(explain.LayerName(s.Layer))
		}
		out = append(out, line{badgeOf(m), name})
	}
	return out
}

func (b *builder) unsure(word string) explain.Mark {
	return explain.Mark{Glyph: b.glyphs.Unsure, Word: word, Role: explain.Unsure}
}

// unseen says what could not be looked at. That there is nothing of it is said
// too.
func (b *builder) unseen() section {
	s := section{ID: "unseen", Title: "What is not known"}
	lines := b.unknowns()
	if len(lines) == 0 {
		s.Blocks = []block{text(say("All that decides was read, and the daemon was heard. What single verdicts leave open is said with them."))}
		if b.r.Daemon.State != trust.DaemonAnswered {
			s.Blocks = []block{text(say("All that decides was read. What single verdicts leave open is said with them."))}
		}
		return s
	}
	s.Count = fmt.Sprint(len(lines))
	most, rest := b.few(len(lines))
	s.Blocks = append([]block{text(say("Nothing that follows may be taken for fine because of what is missing here.")), items{lines[:most]}}, rest...)
	return s
}

// unknowns are what is not known, each in a line.
func (b *builder) unknowns() (lines []line) {
	add := func(l ...piece) { lines = append(lines, append(line{badgeOf(b.unsure("unknown"))}, l...)) }
	if b.r.Trust == trust.TrustUnknown {
		add(say("Whether the daemon trusts this user."), say(explain.TrustMeans(b.r)))
	}
	if d := b.r.Doubt; d != nil {
		add(b.prose(d.Text))
	}
	for _, i := range b.told() {
		f := &b.r.Flakes[i]
		name := b.flake(f)
		name.To = flakeID(i)
		if f.Err != "" {
			add(name, b.prose(f.Err))
			continue
		}
		for k, c := range f.Caches {
			if c.Own() && c.State == trust.StateUnknown {
				url := b.url(c.URL)
				url.To = claimID(i, k)
				add(name, say("asks for"), url, say("and how that stands could not be determined."))
			}
		}
	}
	for _, n := range b.r.Notes {
		if n.Path != "" {
			add(b.path(n.Path), b.prose(n.Text))
		} else {
			add(b.prose(n.Text))
		}
	}
	return lines
}

// told are the indexes of the flakes that are told of.
func (b *builder) told() []int {
	if i := b.shown.Flake; i >= 0 && i < len(b.r.Flakes) {
		return []int{i}
	}
	out := make([]int, len(b.r.Flakes))
	for i := range out {
		out[i] = i
	}
	return out
}
