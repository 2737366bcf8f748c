package trust

import (
	"fmt"
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

// A lineID is what tells lines of configuration files apart.
type lineID struct {
	at   nixconf.Pos
	name string
}

// configLines collects the lines of every configuration file, each once though
// both the user's commands and the daemon may read it.
func (l *linter) configLines() {
	l.byID = map[lineID]int{}
	words := 0
	for _, cfg := range []*nixconf.Config{l.system, l.client} {
		for _, val := range cfg.All() {
			places := placesOf(val)
			for _, a := range val.History {
				o := a.Origin
				switch o.Layer {
				case nixconf.LayerSystem, nixconf.LayerUser, nixconf.LayerEnv:
				default:
					continue
				}
				key := lineID{o.Pos, o.Name}
				i, ok := l.byID[key]
				if !ok || o.Pos.File == "" {
					i = len(l.lines)
					l.byID[key] = i
					l.lines = append(l.lines, line{
						at: o.Pos, name: o.Name, setting: val.Setting, extra: o.Append, value: a.Value,
						items: placed(places, a), by: a.OverriddenBy, layer: o.Layer, included: len(o.Included) > 0,
					})
					l.read(o.Pos.File)
					if n := &l.lines[i]; n.caches() || n.is("trusted-public-keys") {
						words += len(n.items)
					}
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
	if words > maxNamed {
		l.crowded = true
		l.lines = slices.DeleteFunc(l.lines, func(n line) bool { return n.caches() || n.is("trusted-public-keys") })
		l.byID = nil
		l.unread("", fmt.Sprintf("The configuration names more than %d caches and keys, which is too many to look at.", maxNamed))
	}
}

// A wordID is a word and the line that it stands in.
type wordID struct {
	file string
	line int
	text string
}

// placesOf are the places of a setting's items that are in force.
func placesOf(val *nixconf.Value) map[wordID]nixconf.Origin {
	places := make(map[wordID]nixconf.Origin, len(val.Items))
	for _, it := range val.Items {
		at := it.Origin.Pos
		if key := (wordID{at.File, at.Line, it.Text}); places[key].Pos.File == "" {
			places[key] = it.Origin
		}
	}
	return places
}

// placed splits an assignment's value into words. Those in force have a column.
func placed(places map[wordID]nixconf.Origin, a nixconf.Assignment) []nixconf.Item {
	var out []nixconf.Item
	at := a.Origin.Pos
	for _, word := range fields(a.Value) {
		it := nixconf.Item{Text: word, Origin: a.Origin}
		for _, text := range []string{word, printed(word)} {
			if o, ok := places[wordID{at.File, at.Line, text}]; ok {
				it.Origin = o
				break
			}
		}
		out = append(out, it)
	}
	return out
}

// printed is what a URL reads like once it was parsed and printed again, as from
// 2.34 on, and any other word itself.
func printed(word string) string {
	if !strings.Contains(word, "://") {
		return word
	}
	ref, err := nixconf.ParseStoreRef(word)
	if err != nil {
		return word
	}
	return ref.String()
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
	if crowded(f) {
		l.unread(f.ID.Path, fmt.Sprintf("The flake names more than %d caches and keys, which is too many to look at.", maxNamed))
		return
	}
	l.flakes = append(l.flakes, f)
	first := len(l.lines)
	defer func() { l.of[f] = l.lines[first:len(l.lines):len(l.lines)] }()
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

// crowded reports whether a flake names too many caches and keys. Some are
// compared with each other, so a stranger could keep the program busy.
func crowded(f *Flake) bool {
	words := 0
	for _, s := range f.Config {
		if itemList(s.Name) != "" {
			words += len(fields(s.Value))
		}
	}
	return words > maxNamed
}

// linesOf are the lines of one flake that set or extend a setting.
func (l *linter) linesOf(f *Flake, name string) []*line {
	var out []*line
	lines := l.of[f]
	for i := range lines {
		if lines[i].is(name) {
			out = append(out, &lines[i])
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
