package nixconf

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"
)

// An editor applies assignments to slots by one version's rules.
type editor struct {
	*dialect
	version Version
	dir     string // where relative store paths start
	cpus    int
	slot    func(*Setting) *slot  // the slot to write to
	peek    func(*Setting) []Item // the items at this moment
	warn    func(Diagnostic)
}

// enabled reports whether the setting may be assigned to: its experimental
// feature, when it has one, must be on at that moment.
func (e *editor) enabled(s *Setting) bool {
	if s.Feature == "" {
		return true
	}
	on := e.peek(e.byName["experimental-features"])
	return slices.ContainsFunc(on, func(it Item) bool { return it.Text == s.Feature })
}

// assign applies one assignment. It returns nil, a warning that it was ignored,
// or the error that Nix exits with. An unknown name is found by the caller.
// Nix: src/libutil/configuration.cc, Config::set.
func (e *editor) assign(s *Setting, extra bool, o Origin, value string, toks []Token) *Diagnostic {
	sl := e.slot(s)
	if !e.enabled(s) {
		sl.forwarded = true
		return &Diagnostic{
			Kind: "feature-disabled", Severity: SeverityWarning, Pos: o.Pos,
			Message: "Ignoring setting '" + s.Name + "' because experimental feature '" + s.Feature + "' is not enabled",
			Text:    "this line has no effect until experimental-features has " + s.Feature,
		}
	}
	o.Append = extra
	if s.kind.listed() {
		items, bad := e.items(s, o, toks)
		if bad != "" {
			return e.badValue(s, o, value, bad)
		}
		if !extra {
			by := o
			sl.discard(&by)
			sl.origin = o
		}
		sl.add(items)
	} else {
		text, raw, bad := e.scalar(s, value)
		if bad != "" {
			return e.badValue(s, o, value, bad)
		}
		by := o
		sl.discard(&by)
		sl.text, sl.json, sl.origin = text, raw, o
		if s.kind == kindLintWarn {
			e.lintWarn(s, o, text)
		}
	}
	sl.history = append(sl.history, Assignment{Origin: o, Value: value})
	sl.forwarded = true
	return nil
}

func (e *editor) badValue(s *Setting, o Origin, value, message string) *Diagnostic {
	return fatal("bad-value", o.Pos, message, "\""+value+"\" is not a value that "+s.Name+" can have, and Nix refuses to run with it")
}

// items reads the tokens of a list, set or map. bad is Nix's message for a
// token that it refuses.
func (e *editor) items(s *Setting, o Origin, toks []Token) (items []Item, bad string) {
	put := func(t Token, text string) {
		it := Item{Text: text, Origin: o}
		if t.Col > 0 {
			it.Origin.Pos.Col = t.Col
		}
		items = append(items, it)
	}
	switch s.kind {
	case kindMap:
		for _, t := range toks {
			if strings.Contains(t.Text, "=") {
				put(t, t.Text)
			}
		}
	case kindMounts:
		return mounts(o, toks), ""
	case kindRefs, kindRefSet:
		for _, t := range toks {
			ref, err := parseStoreRef(t.Text, e.dir)
			if err != nil {
				return nil, err.Error()
			}
			put(t, ref.String())
		}
	case kindFeatures:
		var names []string
		for _, t := range toks {
			names = append(names, t.Text)
		}
		known, warnings := e.parseFeatures(names)
		for _, name := range known {
			// fetch-tree may be there only because flakes brings it.
			i := slices.IndexFunc(toks, func(t Token) bool { return t.Text == name })
			put(toks[max(i, 0)], name)
		}
		for _, w := range warnings {
			e.warn(Diagnostic{Kind: "unknown-feature", Severity: SeverityWarning, Pos: o.Pos, Message: w,
				Text: "this version of Nix has no such experimental feature"})
		}
	default:
		for _, t := range toks {
			put(t, t.Text)
		}
	}
	return items, ""
}

// mounts reads the tokens in byte order, as Nix does: of two for the same place
// the first one's spelling of it stays, with what the last one says.
func mounts(o Origin, toks []Token) []Item {
	type place struct {
		inside string
		item   int
	}
	var items []Item
	places := map[string]place{}
	sorted := slices.Clone(toks)
	slices.SortStableFunc(sorted, func(a, b Token) int { return strings.Compare(a.Text, b.Text) })
	for _, t := range sorted {
		inside, outside, optional := mount(t.Text)
		key, _ := kindMounts.key(t.Text)
		p, seen := places[key]
		if !seen {
			p = place{inside, len(items)}
			places[key] = p
			items = append(items, Item{})
		}
		text := p.inside
		if !slices.Equal(components(p.inside), components(outside)) {
			text += "=" + outside
		}
		if optional {
			text += "?"
		}
		it := &items[p.item]
		*it = Item{Text: text, Origin: o}
		if t.Col > 0 {
			it.Origin.Pos.Col = t.Col
		}
	}
	return items
}

// scalar reads a value that is one thing, and returns it as Nix prints it, as
// text and in JSON. bad is Nix's message for a value that it refuses.
func (e *editor) scalar(s *Setting, value string) (text string, raw json.RawMessage, bad string) {
	oneOf := func(words ...string) string {
		if slices.Contains(words, value) {
			return ""
		}
		return "option '" + s.Name + "' has invalid value '" + value + "'"
	}
	switch s.kind {
	case kindBool, kindLintWarn:
		b, ok := parseBool(value)
		if !ok {
			return "", nil, "Boolean setting '" + s.Name + "' has invalid value '" + value + "'"
		}
		text = strconv.FormatBool(b)
		return text, json.RawMessage(text), ""
	case kindU32, kindU64, kindI64:
		n, ok := parseInt(value, s.kind, e.version)
		if !ok {
			return "", nil, "setting '" + s.Name + "' has invalid value '" + value + "'"
		}
		return n, json.RawMessage(n), ""
	case kindJobs:
		n, ok := strconv.Itoa(e.cpus), true
		if value != "auto" {
			n, ok = parseInt(value, s.kind, e.version)
		}
		if !ok {
			return "", nil, "configuration setting '" + s.Name + "' should be 'auto' or an integer"
		}
		return n, json.RawMessage(n), ""
	case kindSandbox:
		bad = oneOf("true", "false", "relaxed")
		if value == "true" || value == "false" {
			return value, json.RawMessage(value), bad
		}
	case kindAsk:
		bad = oneOf("true", "false", "ask")
		if value == "true" || value == "false" {
			return value, json.RawMessage(value), bad
		}
	case kindDiagnose:
		if bad = oneOf("ignore", "warn", "fatal"); bad != "" {
			bad += " (expected 'ignore', 'warn', or 'fatal')"
		}
	case kindProfiler:
		bad = oneOf("disabled", "flamegraph")
	case kindRef:
		ref, err := parseStoreRef(value, e.dir)
		if err != nil {
			return "", nil, err.Error()
		}
		value = ref.String()
	case kindBuilders:
		return externalBuilders(s.Name, value)
	case kindFilePath, kindAbsPath, kindOptional, kindOptPath, kindPathOrEmpty:
		switch {
		case value == "" && (s.kind == kindOptPath || s.kind == kindOptional):
			return "", json.RawMessage("null"), ""
		case value == "" && s.kind != kindPathOrEmpty:
			bad = "setting '" + s.Name + "' is a path and paths cannot be empty"
		case value == "" || s.kind == kindFilePath || s.kind == kindOptional:
		case value[0] != '/':
			bad = "not an absolute path: " + quoted(value, e.version)
		default:
			value = path.Clean(value)
		}
	}
	return value, jsonString(value), bad
}

// parseBool knows the six spellings that Nix knows.
func parseBool(s string) (b, ok bool) {
	switch s {
	case "true", "yes", "1":
		return true, true
	case "false", "no", "0":
		return false, true
	}
	return false, false
}

// lintWarn does what the deprecated bool does: it sets the setting that came in
// its place, unless that was set itself.
// Nix: src/libexpr/eval-settings.cc, DeprecatedWarnSetting::assign.
func (e *editor) lintWarn(s *Setting, o Origin, text string) {
	word := "ignore"
	if text == "true" {
		word = "warn"
	}
	lint := e.byName["lint-short-path-literals"]
	if lint == nil {
		return // 2.31 to 2.33 have only the bool
	}
	target := e.slot(lint)
	e.warn(Diagnostic{Kind: "deprecated", Severity: SeverityWarning, Pos: o.Pos,
		Message: "'" + s.Name + "' is deprecated, use '" + target.setting.Name + " = " + word + "' instead",
		Text:    "it still works; the new name is " + target.setting.Name})
	if !target.forwarded {
		target.discard(&o)
		target.text, target.json, target.origin = word, jsonString(word), o
	}
}

// externalBuilders reads JSON: a list of objects with systems, program and args.
func externalBuilders(name, value string) (text string, raw json.RawMessage, bad string) {
	var list []struct {
		Args    *[]string `json:"args"`
		Program *string   `json:"program"`
		Systems *[]string `json:"systems"`
	}
	err := json.Unmarshal([]byte(value), &list)
	ok := err == nil && list != nil
	b := []byte{'['}
	for i, x := range list {
		if x.Args == nil || x.Program == nil || x.Systems == nil {
			ok = false
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		array := func(ss []string) json.RawMessage {
			var items []Item
			for _, s := range ss {
				items = append(items, Item{Text: s})
			}
			return jsonArray(items)
		}
		b = append(b, jsonObject(map[string]json.RawMessage{
			"args":    array(*x.Args),
			"program": jsonString(*x.Program),
			"systems": array(slices.Compact(slices.Sorted(slices.Values(*x.Systems)))),
		})...)
	}
	if !ok {
		return "", nil, "parsing setting '" + name + "'"
	}
	b = append(b, ']')
	return string(b), b, ""
}
