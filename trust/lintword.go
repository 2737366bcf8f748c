package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// fatal tells of what makes every command fail, but for a missing include.
func (l *linter) fatal() {
	l.diagnostics(func(d *nixconf.Diagnostic, daemon bool) {
		if d.Severity != nixconf.SeverityFatal || d.Kind == "include-missing" {
			return
		}
		text := "Every Nix command stops here"
		if daemon {
			text = "The daemon cannot be started again"
		}
		l.tell(d.Pos, d.Kind, text+": "+d.Text+".", "")
	})
}

func (l *linter) includeMissing() {
	l.diagnostics(func(d *nixconf.Diagnostic, _ bool) {
		if d.Kind == "include-missing" {
			l.tell(d.Pos, d.Kind, "Every Nix command stops here: "+d.Text+".", "")
		}
	})
}

// warning tells of what has no effect and has no rule of its own.
func (l *linter) warning() {
	l.diagnostics(func(d *nixconf.Diagnostic, _ bool) {
		switch d.Kind {
		case "unknown-setting", "unreadable", "too-large", "not-regular", "folder", "include-missing":
		default:
			if d.Severity != nixconf.SeverityFatal {
				l.tell(d.Pos, d.Kind, sentence(d.Text), "")
			}
		}
	})
}

// sentence makes one of a clause.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// diagnostics calls do with what is wrong with the configuration. daemon says
// that only the daemon's own reading of it has that.
func (l *linter) diagnostics(do func(d *nixconf.Diagnostic, daemon bool)) {
	if !l.configuration {
		return
	}
	for _, cfg := range []*nixconf.Config{l.client, l.system} {
		if cfg.Fatal != nil {
			do(cfg.Fatal, cfg == l.system && l.client.Fatal == nil)
		}
		for i := range cfg.Warnings {
			do(&cfg.Warnings[i], cfg == l.system)
		}
	}
}

// punctuated is the punctuation around a word that does not belong to it, ""
// when there is none.
func punctuated(word string) string {
	bare := strings.Trim(word, `"'[],;`)
	if bare == "" || len(bare) == len(word) {
		return ""
	}
	return bare
}

func (l *linter) punctuation() {
	for n := range l.inForce {
		if !n.list() {
			continue
		}
		switch n.setting.Name {
		case "substituters", "trusted-substituters", "trusted-public-keys", "trusted-users", "allowed-users", "experimental-features", "system-features":
		default:
			continue
		}
		for _, it := range n.items {
			if bare := punctuated(it.Text); bare != "" && !(n.caches() && strings.HasPrefix(it.Text, "http") && strings.Contains(it.Text, "[")) {
				l.tell(it.Origin.Pos, it.Text, fmt.Sprintf("To Nix this is %s with all its punctuation, and not %s.", it.Text, bare), n.with(it, bare))
			}
		}
	}
}

func (l *linter) notLiteral() {
	for _, f := range l.flakes {
		if f.Rejection != nil && !f.Rejection.Unsure {
			l.tell(f.Rejection.Pos, f.ID.Ref, "Nix refuses the flake: "+f.Rejection.Message+".", "")
		}
	}
}

// badValue finds values that Nix reads when they are accepted, and then stops.
func (l *linter) badValue() {
	if l.f.Client == nil || l.client.Fatal != nil {
		return
	}
	for _, f := range l.flakes {
		cfg := l.client.Clone()
		for _, s := range f.Config {
			o := nixconf.Origin{Layer: nixconf.LayerFlake, Pos: s.Pos}
			if bad := cfg.Apply(o, s.Name, s.Value); bad != nil && bad.Severity == nixconf.SeverityFatal && !s.Opaque {
				l.tell(s.Pos, s.Name, fmt.Sprintf("Whoever accepts it is told %q, and the command stops; a saved yes does so every time.", bad.Message), "")
			}
		}
	}
}

// storeParameters are names that belong into a cache's URL.
var storeParameters = append([]string{"compression", "secret-key"}, append(boolParams, numberParams...)...)

func (l *linter) unknownSetting() {
	l.diagnostics(func(d *nixconf.Diagnostic, _ bool) {
		if d.Kind == "unknown-setting" && !l.full() {
			name := strings.TrimSuffix(strings.TrimPrefix(d.Message, "unknown setting '"), "'")
			if d.Message == "" {
				name = ""
			}
			// Determinate Nix has settings of its own.
			text, better := unknownText(name, "Nix passes over the line")
			if name != "" && (better != "" || l.f.Platform.OS != PlatformDeterminate) {
				l.tell(d.Pos, name, text, "")
			}
		}
	})
	for n := range l.inForce {
		if l.full() {
			return
		}
		if n.flake == nil || n.setting != nil && (l.f.Client == nil || l.knows(n.name) || !l.f.Nix.Version.KnowsAll()) {
			continue
		}
		if n.setting != nil {
			l.tell(n.at, n.name, "The version of Nix here does not have this setting: it asks about it all the same, and then drops it.", "")
			continue
		}
		text, better := unknownText(n.name, "Nix asks about it all the same, and then drops it")
		if better == "" && !l.f.Nix.Version.KnowsAll() {
			continue
		}
		if better != "" {
			better = n.instead(better, fields(safetext.RedactValue(better, n.value))...)
		}
		l.tell(n.at, n.name, text, better)
	}
}

// unknownText explains a name that nobody knows, with the one that may be meant.
func unknownText(name, happens string) (text, better string) {
	for _, p := range storeParameters {
		if name == p {
			return fmt.Sprintf("%s is no setting but a parameter of a cache's URL, as in https://cache.example?%s=…. %s.", name, name, happens), ""
		}
	}
	switch base, extra := strings.CutPrefix(name, "extra-"); {
	case extra:
		if known, _, ok := nixconf.Lookup(base); ok {
			return fmt.Sprintf("%s is no list, so there is nothing to add to. %s.", known.Name, happens), base
		}
		if near := nearName(base); near != "" {
			return fmt.Sprintf("There is no setting called %s; extra-%s may be meant. %s.", name, near, happens), "extra-" + near
		}
	default:
		if near := nearName(name); near != "" {
			return fmt.Sprintf("There is no setting called %s; %s may be meant. %s.", name, near, happens), near
		}
	}
	return fmt.Sprintf("There is no setting called %s. %s.", name, happens), ""
}

// nearName is the setting whose name is at most two slips of the keyboard away,
// "" when there is none, or more than one as near. Of those as near, a longer
// name that begins with what was written is the likeliest.
func nearName(name string) string {
	const slips = 2
	if len(name) < 4 {
		return ""
	}
	name = strings.ToLower(name)
	at := slips
	var near []string
	for _, known := range nixconf.SettingNames() {
		switch d := distance(name, known, at); {
		case d < at:
			at, near = d, []string{known}
		case d == at:
			near = append(near, known)
		}
	}
	if len(near) > 1 {
		near = slices.DeleteFunc(near, func(known string) bool { return !strings.HasPrefix(known, name) })
	}
	if len(near) != 1 {
		return ""
	}
	return near[0]
}

// distance counts the letters to add, drop or change, up to a limit.
func distance(a, b string, limit int) int {
	if len(a) > 64 || len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			step := diagonal
			if a[i] != b[j] {
				step = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], step
		}
	}
	return row[len(b)]
}
