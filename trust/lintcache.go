package trust

import (
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// What every Nix has before a line is read.
// Nix: src/libstore/include/nix/store/globals.hh.
const (
	officialCache = "https://cache.nixos.org/"
	OfficialKey   = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
)

// urls yields the URLs of caches that count, each with its line.
func (l *linter) urls(yield func(*line, nixconf.Item) bool) {
	for n := range l.inForce {
		if !n.caches() {
			continue
		}
		for _, it := range n.items {
			if !yield(n, it) {
				return
			}
		}
	}
}

func (l *linter) trustedParam() {
	for n, it := range l.urls {
		if trustedParam(it.Text) {
			bare, _, _ := strings.Cut(it.Text, "?")
			l.tell(it.Origin.Pos, it.Text, fmt.Sprintf("%s in %s is believed without signatures, because of trusted in its URL.", it.Text, n.name), n.with(it, bare))
		}
	}
}

func (l *linter) urlCredentials() {
	for i := range l.lines {
		n := &l.lines[i]
		for _, it := range n.items {
			if shown := safetext.Redact(it.Text); shown != it.Text && strings.Contains(it.Text, "://") {
				l.tell(it.Origin.Pos, shown, "Whoever sees this URL in a message, a saved answer or this file has what stands for *** here.", "")
			}
		}
	}
}

func (l *linter) unknownScheme() {
	for n, it := range l.urls {
		switch _, isKey := asKey(it.Text); {
		case punctuated(it.Text) != "":
		case isKey:
			l.tell(it.Origin.Pos, it.Text, "This is a key, and the list is one of caches.", n.instead("extra-trusted-public-keys", it.Text))
		case openable(it.Text) == Fail:
			l.tell(it.Origin.Pos, it.Text, "Nix does not know this kind of cache and passes over it.", "")
		case !strings.Contains(it.Text, "://") && strings.Contains(it.Text, ".") && !strings.ContainsAny(it.Text[:1], "/."):
			l.tell(it.Origin.Pos, it.Text, "It lacks https:// at its front. Nix cannot open it: since 2.34 every command stops at it; before, it was passed over.", n.with(it, "https://"+it.Text))
		}
	}
}

func (l *linter) badParameter() {
	for n, it := range l.urls {
		if r := l.unfit(it.Text); r != nil && r.Code == l.current.code && n.is("substituters") {
			l.tell(it.Origin.Pos, it.Text, r.Text, "")
		}
	}
}

// admitting yields the URLs that the daemon lists for every user to choose from.
func (l *linter) admitting(yield func(*line, nixconf.Item) bool) {
	for n, it := range l.urls {
		if n.daemon && n.is("trusted-substituters") && !trustedParam(it.Text) && openable(it.Text) == Pass && !yield(n, it) {
			return
		}
	}
}

func (l *linter) listedParameter() {
	for n, it := range l.admitting {
		if bare, _, has := strings.Cut(it.Text, "?"); has {
			l.tell(it.Origin.Pos, it.Text, fmt.Sprintf("A user or flake that asks for %s is refused: only %s is admitted.", bare, it.Text), n.with(it, slashed(bare)))
		}
	}
}

func (l *linter) listedNoSlash() {
	for n, it := range l.admitting {
		with := slashed(it.Text)
		if with == it.Text || strings.Contains(it.Text, "?") || l.has("trusted-substituters", with) || l.has("substituters", with) {
			continue
		}
		if strings.HasPrefix(it.Text, "http") {
			l.tell(it.Origin.Pos, it.Text, fmt.Sprintf("A user or flake that asks for %s is refused. Listed with the slash, both spellings are admitted.", with), n.with(it, with))
		}
	}
}

// nearMiss finds URLs that the daemon lists in another spelling, of flakes and
// of the user's own files.
func (l *linter) nearMiss() {
	l.refusedByDaemon()
	if l.f.Nix.Store != StoreDaemon || l.trust == Trusted {
		return
	}
	listed, names := l.listed()
	if len(listed) > maxNamed {
		l.unread("", fmt.Sprintf("The daemon lists more than %d caches, which is too many to compare with.", maxNamed))
		return
	}
	for n, it := range l.urls {
		if n.flake == nil || !n.is("substituters") {
			continue
		}
		sent := sentAs(it.Text, l.f.Nix.Version)
		if _, ok := l.rule.admits(listed, sent); ok {
			continue
		}
		if i, how, ok := l.rule.near(listed, sent); ok {
			l.tell(it.Origin.Pos, it.Text, fmt.Sprintf("The daemon lists %s in %s at %s, which is not the same to it: %s.", listed[i].Text, names[i], place(listed[i].Origin.Pos), how), n.with(it, listed[i].Text))
		}
	}
}

// refusedByDaemon tells of the caches in the user's own files that the engine
// finds to be dropped.
func (l *linter) refusedByDaemon() {
	if !l.configuration {
		return
	}
	for _, o := range l.base.urls {
		at := o.item.Origin
		if o.admitted != Fail || at.Layer != nixconf.LayerUser && at.Layer != nixconf.LayerEnv {
			continue
		}
		for _, r := range o.reasons {
			if r.Code == l.current.code {
				l.tell(at.Pos, o.item.Text, r.Text, "")
			}
		}
	}
}

// defaultsReplaced finds lists of caches that take away what was there.
func (l *linter) defaultsReplaced() { l.replaced("substituters", officialCache, "is no longer asked") }

// keysReplaced finds lists of keys that take away what was there.
func (l *linter) keysReplaced() {
	l.replaced("trusted-public-keys", OfficialKey, "is no longer believed")
}

// replaced finds lines that replace a list without having what was in it: what
// Nix has built in, and what files read before have. An empty value says plainly
// what it does, outside of flakes.
func (l *linter) replaced(setting, builtin, happens string) {
	for n := range l.inForce {
		if n.flake == nil || !n.is(setting) || n.extra {
			continue
		}
		text := fmt.Sprintf("It replaces the whole list of whoever accepts it: %s %s.", shortList(setting, []string{builtin}), happens)
		if len(losses([]string{builtin}, n)) == 0 {
			text = "It replaces the whole list of whoever accepts it: what that user has besides is lost."
		}
		l.tell(n.at, n.name, text, n.instead("extra-"+setting, texts(n.items)...))
	}
	for _, cfg := range []*nixconf.Config{l.client, l.system} {
		val := cfg.Get(setting)
		if val == nil || !l.configuration || l.crowded {
			continue
		}
		type had struct{ file, text string }
		now := []had{{"", builtin}}
		for _, a := range val.History {
			words := fields(a.Value)
			i, known := l.byID[lineID{a.Origin.Pos, a.Origin.Name}]
			if !a.Origin.Append {
				var before []string
				for _, h := range now {
					if h.file != a.Origin.Pos.File {
						before = append(before, h.text)
					}
				}
				now = nil
				if known && a.OverriddenBy == nil && len(words) > 0 {
					if lost := losses(before, &l.lines[i]); len(lost) > 0 {
						l.tell(a.Origin.Pos, a.Origin.Name, fmt.Sprintf("It replaces the whole list: %s %s.", shortList(setting, lost), happens), l.lines[i].instead("extra-"+setting, words...))
					}
				}
			}
			for _, w := range words {
				now = append(now, had{a.Origin.Pos.File, w})
			}
		}
	}
}

// extraOverwritten finds settings of a flake that a later one of it discards.
// Nix applies them in the byte order of their names.
func (l *linter) extraOverwritten() {
	for _, f := range l.flakes {
		for _, name := range []string{"substituters", "trusted-public-keys", "trusted-substituters"} {
			lines := l.linesOf(f, name)
			for i, n := range lines {
				for _, later := range lines[i+1:] {
					if lost := losses(texts(n.items), later); !later.extra && len(lost) > 0 {
						l.tell(n.at, n.name, fmt.Sprintf("%s at %s is applied after it and replaces the whole list: %s is lost.", later.name, place(later.at), shortList(name, lost)), "")
						break
					}
				}
			}
		}
	}
}
