package trust

import (
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// A line is one assignment: a line of a configuration file, or an attribute of
// a flake's nixConfig.
type line struct {
	at      nixconf.Pos      // of the name, as far as it is known
	name    string           // as written
	setting *nixconf.Setting // nil when no version of Nix has it
	extra   bool             // it adds to what is there
	value   string
	items   []nixconf.Item  // its words, each with its place
	by      *nixconf.Origin // the line that discards it, nil while it is in force
	layer   nixconf.Layer
	flake   *Flake // nil in a configuration file
	// daemon says that a daemon started now reads it, client that this user's
	// own commands do.
	daemon, client bool
	included       bool // another file leads to its file
}

// is reports whether the line sets or extends a setting, by its canonical name.
func (n *line) is(name string) bool { return n.setting != nil && n.setting.Name == name }

// list reports whether the setting is a list of any kind.
func (n *line) list() bool {
	if n.setting == nil {
		return false
	}
	switch n.setting.Type {
	case nixconf.TypeList, nixconf.TypeSet, nixconf.TypeRefs, nixconf.TypeRefSet, nixconf.TypeMap:
		return true
	}
	return false
}

// caches reports whether the items are URLs of caches.
func (n *line) caches() bool { return n.is("substituters") || n.is("trusted-substituters") }

// configLines collects the lines of every configuration file, each once though
// both the user's commands and the daemon may read it.
func (l *linter) configLines() {
	type id struct {
		at   nixconf.Pos
		name string
	}
	index := map[id]int{}
	for _, cfg := range []*nixconf.Config{l.system, l.client} {
		for _, val := range cfg.All() {
			for _, a := range val.History {
				o := a.Origin
				switch o.Layer {
				case nixconf.LayerSystem, nixconf.LayerUser, nixconf.LayerEnv:
				default:
					continue
				}
				key := id{o.Pos, o.Name}
				i, ok := index[key]
				if !ok || o.Pos.File == "" {
					i = len(l.lines)
					index[key] = i
					l.lines = append(l.lines, line{
						at: o.Pos, name: o.Name, setting: val.Setting, extra: o.Append, value: a.Value,
						items: placed(val, a), by: a.OverriddenBy, layer: o.Layer, included: len(o.Included) > 0,
					})
					l.read(o.Pos.File)
				}
				n := &l.lines[i]
				n.daemon = n.daemon || cfg == l.system
				n.client = n.client || cfg == l.client
				if a.OverriddenBy == nil {
					n.by = nil // it counts for one of the two
				}
			}
		}
	}
}

// placed splits an assignment's value into words. Those in force have a column.
func placed(val *nixconf.Value, a nixconf.Assignment) []nixconf.Item {
	var out []nixconf.Item
	for _, word := range fields(a.Value) {
		it := nixconf.Item{Text: word, Origin: a.Origin}
		for _, have := range val.Items {
			at := have.Origin.Pos
			if at.File == a.Origin.Pos.File && at.Line == a.Origin.Pos.Line && sameWord(have.Text, word) {
				it.Origin = have.Origin
				break
			}
		}
		out = append(out, it)
	}
	return out
}

// sameWord reports whether an item is what became of a word: from 2.34 on URLs
// are parsed and printed again.
func sameWord(item, word string) bool {
	if item == word {
		return true
	}
	ref, err := nixconf.ParseStoreRef(word)
	return err == nil && ref.String() == item
}

// flakeLines collects the settings of a flake's nixConfig.
func (l *linter) flakeLines(f *Flake) {
	switch {
	case f.Err != "":
		l.unread(f.ID.Path, f.ID.Ref+": "+f.Err)
		return
	case f.Rejection != nil && f.Rejection.Unsure:
		l.unread(place(f.Rejection.Pos), f.Rejection.Message)
		return
	}
	if f.ID.Path != "" {
		l.read(f.ID.Path + "/flake.nix")
	}
	l.flakes = append(l.flakes, f)
	for _, s := range f.Config {
		known, extra, _ := nixconf.Lookup(s.Name)
		l.lines = append(l.lines, line{
			at: s.Pos, name: s.Name, setting: known, extra: extra, value: s.Value, items: wordsOf(s),
			layer: nixconf.LayerFlake, flake: f,
		})
	}
}

// wordsOf are a setting's words with their places, one for a value that is no list.
func wordsOf(s flake.Setting) []nixconf.Item {
	if tokens(s) == nil {
		return []nixconf.Item{{Text: s.Value, Origin: nixconf.Origin{Layer: nixconf.LayerFlake, Pos: s.Pos, Name: s.Name}}}
	}
	return located(s)
}

// of are the lines of one flake that set or extend a setting.
func (l *linter) of(f *Flake, name string) []*line {
	var out []*line
	for i := range l.lines {
		if n := &l.lines[i]; n.flake == f && n.is(name) {
			out = append(out, n)
		}
	}
	return out
}

// losses are the words that a line without extra- takes away: those of before
// that it does not have itself.
func losses(before []string, n *line) []string {
	var out []string
	for _, b := range before {
		if !slices.ContainsFunc(n.items, func(it nixconf.Item) bool { return SameItem(it.Text, b) }) {
			out = append(out, b)
		}
	}
	return out
}

// instead writes a line anew: the same words under another name, in the
// language of its file. "" when they cannot be written safely.
func (n *line) instead(name string, words ...string) string {
	for _, w := range words {
		if !plain(w) || n.flake != nil && strings.ContainsAny(w, `"\$`) {
			return ""
		}
	}
	if n.flake == nil {
		return strings.TrimRight(name+" = "+strings.Join(words, " "), " ")
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = `"` + w + `"`
	}
	return name + " = [ " + strings.Join(quoted, " ") + " ];"
}

// with writes a line anew with another word in the place of one.
func (n *line) with(old nixconf.Item, word string) string {
	words := texts(n.items)
	for i, w := range words {
		if w == old.Text {
			words[i] = word
		}
	}
	return n.instead(n.name, words...)
}
