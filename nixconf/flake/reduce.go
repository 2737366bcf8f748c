package flake

import (
	"reflect"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// Reduce returns a flake.nix with no more in it than what ReadConfig reads: the
// outputs are a function of nothing, comments are gone, the description is empty
// and the inputs are gone too, unless they are what Nix refuses. What stays is
// where it was, byte for byte, with spaces in place of the rest. It is not ok
// when ReadConfig would not say the same of the result as of the source.
//
// Scrub is given the text of every string and URI that stays, as it is written,
// and the setting of nixConfig that it belongs to, "" for none. What it returns
// takes the text's place.
func Reduce(src []byte, v nixconf.Version, features []string, scrub func(setting, text string) string) ([]byte, bool) {
	want, refusal := ReadConfig("flake.nix", src, v, features...)
	as := func(settings []Setting, r *Rejection) bool {
		return reflect.DeepEqual(settings, want) && reflect.DeepEqual(r, refusal)
	}
	for _, all := range []bool{false, true} {
		r := &reducer{lexer: lexer{src: string(src), version: v, features: features}, all: all}
		out, ok := r.reduce(func(_, text string) string { return text })
		if !ok || !as(ReadConfig("flake.nix", out, v, features...)) {
			continue
		}
		r = &reducer{lexer: lexer{src: string(src), version: v, features: features}, all: all}
		return r.reduce(scrub)
	}
	return nil, false
}

// A reducer copies a flake.nix token by token.
type reducer struct {
	lexer
	all  bool // but the outputs stays
	out  strings.Builder
	done int // bytes of the source
	open []tokenKind
}

// in reports whether a string is open.
func (r *reducer) inString() bool {
	n := len(r.open)
	return n > 0 && (r.open[n-1] == '"' || r.open[n-1] == tIndOpen)
}

// bracket follows what a token opens and closes.
func (r *reducer) bracket(k tokenKind) {
	switch k {
	case '{', '(', '[', tDollarCurly, tLet, tIndOpen:
		r.open = append(r.open, k)
	case '"':
		if r.inString() {
			r.open = r.open[:len(r.open)-1]
		} else {
			r.open = append(r.open, k)
		}
	case '}', ')', ']', tIn, tIndClose:
		r.open = r.open[:max(len(r.open)-1, 0)]
	}
}

// blank passes over the source up to an offset, keeping its lines, and puts a
// text into the room there is, as far as it fits.
func (r *reducer) blank(to int, text string) {
	for ; r.done < to; r.done++ {
		switch c := r.src[r.done]; {
		case c == '\n' || c == '\r':
			r.out.WriteByte(c)
		case text != "":
			r.out.WriteByte(text[0])
			text = text[1:]
		default:
			r.out.WriteByte(' ')
		}
	}
}

// copy passes a token on.
func (r *reducer) copy(t token, scrub func(text string) string) {
	if int(t.end) <= r.done {
		return // the end of a path has no text of its own
	}
	r.blank(int(t.off), "")
	text := r.src[t.off:t.end]
	if t.kind == tStr || t.kind == tIndStr || t.kind == tURI {
		text = scrub(text)
	}
	r.out.WriteString(text)
	r.done = int(t.end)
}

// reduce walks over the attributes at the top.
func (r *reducer) reduce(scrub func(setting, text string) string) ([]byte, bool) {
	plain := func(text string) string { return scrub("", text) }
	t := r.next()
	if t.kind == tRec {
		r.copy(t, plain)
		t = r.next()
	}
	if t.kind != '{' {
		return nil, false
	}
	r.copy(t, plain)
	r.bracket(t.kind)
	for {
		t := r.next()
		if t.kind == '}' {
			r.copy(t, plain)
			if r.next().kind != tEOF {
				return nil, false
			}
			r.blank(len(r.src), "")
			return []byte(r.out.String()), true
		}
		if !r.attribute(t, scrub) {
			return nil, false
		}
	}
}

// attribute handles one attribute, whose first token is given.
func (r *reducer) attribute(t token, scrub func(setting, text string) string) bool {
	var all []token
	equals, waits := -1, 0 // `with x;` and `assert x;` have a semicolon of their own
	for ; ; t = r.next() {
		if t.kind == tEOF || t.kind == tErr {
			return false
		}
		top := len(r.open) == 1
		r.bracket(t.kind)
		all = append(all, t)
		if len(r.open) == 0 {
			return false
		}
		switch {
		case !top:
		case t.kind == '=' && equals < 0:
			equals = len(all) - 1
		case t.kind == tWith || t.kind == tAssert:
			waits++
		case t.kind == ';' && waits > 0:
			waits--
		case t.kind == ';':
			r.put(all, equals, scrub)
			return true
		}
	}
}

// put writes an attribute: whole, with a value that says nothing, or not at all.
func (r *reducer) put(all []token, equals int, scrub func(setting, text string) string) {
	name := r.src[all[0].off:all[0].end]
	last := all[len(all)-1]
	value := ""
	switch {
	case name == "inputs" && !r.all:
		r.blank(int(last.end), "")
		return
	case equals == 1 && name == "description" && !r.all && all[2].kind == '"':
		value = `""`
	case equals == 1 && name == "outputs":
		value = "_:1"
	}
	if value != "" {
		r.copyAll(all[:2], scrub)
		r.blank(int(all[2].off), "")
		r.blank(int(last.off), value)
		r.copyAll(all[len(all)-1:], scrub)
		return
	}
	r.copyAll(all, scrub)
}

// copyAll passes tokens on. A setting is what stands before "=" in nixConfig.
func (r *reducer) copyAll(all []token, scrub func(setting, text string) string) {
	was := r.open
	r.open = nil
	setting := ""
	for i, t := range all {
		if t.kind == '=' && len(r.open) < 2 && i > 0 && r.src[all[0].off:all[0].end] == "nixConfig" {
			setting = r.nameBefore(all[:i])
		}
		if t.kind == ';' && len(r.open) < 2 {
			setting = ""
		}
		r.copy(t, func(text string) string { return scrub(setting, text) })
		r.bracket(t.kind)
	}
	r.open = was
}

// nameBefore is the attribute's name that the tokens end with.
func (r *reducer) nameBefore(all []token) string {
	all = slices.DeleteFunc(slices.Clone(all), func(t token) bool { return t.kind == '"' })
	if len(all) == 0 {
		return ""
	}
	last := all[len(all)-1]
	return r.src[last.off:last.end]
}
