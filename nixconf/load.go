package nixconf

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Limits on what is read. Nix has none; a configuration beyond them is said to
// be too large, and what it would have set is unknown.
const (
	MaxFileSize     = 4 << 20  // bytes of one file
	maxTotalSize    = 16 << 20 // bytes of one file and all that it includes
	maxIncludes     = 10_000   // files read for one top-level file
	maxIncludeDepth = 200
)

// Load resolves the configuration as a `nix` command started in env would. It
// never fails: Config.Fatal says when Nix would.
// Nix: src/libstore/globals.cc, loadConfFile; src/nix/main.cc, mainWrapped.
func Load(files Files, env Environment, v Version) *Config {
	d := dialectOf(v)
	l := &loader{files: files, env: &env, slots: make(map[*Setting]*slot, len(d.settings)), unknown: map[string]Pos{}}
	l.cfg = &Config{Version: v, dialect: d, dir: env.dir(), cpus: env.cpus()}
	l.editor = editor{dialect: d, version: v, dir: env.dir(), cpus: env.cpus(),
		slot: func(s *Setting) *slot { return l.slots[s] },
		peek: func(s *Setting) []Item { return l.slots[s].items },
		warn: func(d Diagnostic) { l.cfg.Warnings = append(l.cfg.Warnings, d) },
	}
	var dir string
	dir, l.cfg.Fatal = confDir(&env, v)
	l.defaults()
	if l.cfg.Fatal == nil {
		l.layers(dir)
	}
	if l.cfg.Fatal == nil {
		l.afterwards()
	}
	l.publish()
	return l.cfg
}

// A loader is one run of Load.
type loader struct {
	editor
	files   Files
	env     *Environment
	cfg     *Config
	slots   map[*Setting]*slot
	unknown map[string]Pos // names that no setting has, and where each was first
}

// An entry is one assignment that was read and not yet applied.
type entry struct {
	name   string
	value  string
	tokens []Token
	origin Origin
}

func (l *loader) defaults() {
	for _, s := range l.settings {
		l.slots[s] = &slot{setting: s}
	}
	for _, s := range l.settings {
		sl := l.slots[s]
		if s.kind.listed() {
			var list []Token
			for _, text := range initialItems(s, l.files, l.env, l.version) {
				list = append(list, Token{Text: text})
			}
			items, _ := l.items(s, Origin{}, list)
			sl.add(items)
			continue
		}
		value := initial(s, l.files, l.env, l.version)
		text, raw, bad := l.scalar(s, value)
		switch {
		case bad != "" && s.kind == kindRef:
			text, raw = "auto", jsonString("auto")
			if l.cfg.Fatal == nil {
				l.cfg.Fatal = fatal("environment", Pos{File: "NIX_REMOTE"}, bad, "NIX_REMOTE is not a store that Nix can parse: correct or unset it")
			}
		case s.kind == kindAbsPath || s.kind == kindOptPath && value != "":
			text, raw = value, jsonString(value) // what the constructor takes from variables is not cleaned
		}
		sl.text, sl.json = text, raw
	}
}

// layers reads and applies every source in order, the one in dir first.
func (l *loader) layers(dir string) {
	var user []Source
	var bad *Diagnostic
	early := !l.version.AtLeast(2, 34) // finds the user's files before it reads any
	if early {
		user, bad = userSources(l.env, l.version)
	}
	if bad != nil {
		l.cfg.Fatal = bad
		return
	}
	l.file(Source{Layer: LayerSystem, Path: dir + "/nix.conf"})
	for _, s := range l.slots {
		s.forwarded = false
	}
	if !early {
		user, bad = userSources(l.env, l.version)
		if l.cfg.Fatal == nil {
			l.cfg.Fatal = bad
		}
	}
	for _, src := range user {
		if l.cfg.Fatal == nil && src.State == SourceNotRead {
			l.file(src)
			continue
		}
		l.cfg.Read = append(l.cfg.Read, src)
		if src.State == SourceUnseen {
			l.cfg.Warnings = append(l.cfg.Warnings, Diagnostic{Kind: "unreadable", Pos: Pos{File: src.Path},
				Text: "the home folder of this user is not known, and neither is what this file sets, if it is there"})
		}
	}
	text, ok := l.env.lookup("NIX_CONFIG")
	if !ok {
		return
	}
	if l.cfg.Fatal != nil {
		l.cfg.Read = append(l.cfg.Read, Source{Layer: LayerEnv, Path: "NIX_CONFIG"})
		return
	}
	l.cfg.Read = append(l.cfg.Read, Source{LayerEnv, "NIX_CONFIG", SourceRead})
	l.apply(LayerEnv, "NIX_CONFIG", []byte(text))
}

// file reads one top-level source. Nix passes over what it cannot read.
func (l *loader) file(src Source) {
	abs := src.Path
	if !path.IsAbs(abs) {
		abs = path.Join(l.dir, abs)
	}
	data, err := l.files.ReadFile(path.Clean(abs))
	if err == nil && len(data) > MaxFileSize {
		err = ErrTooLarge
	}
	note := Diagnostic{Kind: "unreadable", Pos: Pos{File: src.Path}}
	switch {
	case err == nil:
		src.State = SourceRead
		l.cfg.Read = append(l.cfg.Read, src)
		l.apply(src.Layer, src.Path, data)
		return
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		src.State = SourceMissing
	case errors.Is(err, syscall.EISDIR):
		src.State = SourceMissing
		note.Kind, note.Text = "folder", "this is a folder, and Nix passes over it as if it were not there"
	case errors.Is(err, ErrTooLarge):
		src.State = SourceUnreadable
		note = tooLarge(note.Pos)
	case errors.Is(err, ErrNotRegular):
		src.State = SourceUnreadable
		note = notRegular(note.Pos, "this")
	default:
		src.State = SourceUnreadable
		if found, err := l.files.Exists(path.Clean(abs)); err != nil || !found {
			src.State = SourceUnseen
		}
		note.Text = "this file could not be read (" + reason(err) + "), so what it sets is unknown here; Nix running as the same user passes over it without a word"
	}
	l.cfg.Read = append(l.cfg.Read, src)
	if note.Text != "" {
		l.cfg.Warnings = append(l.cfg.Warnings, note)
	}
}

func notRegular(pos Pos, what string) Diagnostic {
	return Diagnostic{Kind: "not-regular", Pos: pos, Text: what +
		" is a pipe, a socket or a device, which is not read here, so what Nix reads from it is unknown; put a file in its place"}
}

func tooLarge(pos Pos) Diagnostic {
	return Diagnostic{Kind: "too-large", Pos: pos, Text: fmt.Sprintf(
		"more than %d MiB of configuration is not read here, so what this sets is unknown; split it, or remove what is not needed", MaxFileSize>>20)}
}

// reason is the cause of an error without the path, which is said elsewhere.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// apply parses and applies the text of one top-level source.
// Nix: src/libutil/configuration.cc, AbstractConfig::applyConfig.
func (l *loader) apply(layer Layer, name string, data []byte) {
	r := &reader{loader: l, layer: layer, first: Pos{File: name}}
	r.read(name, path.Join(l.dir, name), data, nil)
	if r.lost && l.version.AtLeast(2, 16) {
		r.entries = nil
	}
	if r.fatal != nil && l.version.AtLeast(2, 16) {
		l.cfg.Fatal = r.fatal
		return
	}
	if l.version.AtLeast(2, 16) {
		isFeature := func(e entry) bool {
			return e.name == "experimental-features" || e.name == "extra-experimental-features"
		}
		slices.SortStableFunc(r.entries, func(a, b entry) int {
			return btoi(isFeature(b)) - btoi(isFeature(a))
		})
	}
	for _, e := range r.entries {
		l.set(e)
		if l.cfg.Fatal != nil {
			return
		}
	}
	l.cfg.Fatal = r.fatal
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// set applies one entry by name.
func (l *loader) set(e entry) {
	e.origin.Name = e.name
	s, extra, ok := l.lookup(e.name)
	if !ok {
		if _, seen := l.unknown[e.name]; !seen {
			l.unknown[e.name] = e.origin.Pos
		}
		return
	}
	if (e.name == "nix-path" || e.name == "extra-nix-path") && l.version.AtLeast(2, 24) {
		if _, ok := l.env.lookup("NIX_PATH"); ok {
			e.origin.Append = extra
			l.slots[s].history = append(l.slots[s].history, Assignment{Origin: e.origin, Value: e.value})
			return
		}
	}
	switch d := l.assign(s, extra, e.origin, e.value, e.tokens); {
	case d == nil:
	case d.Severity == SeverityFatal:
		l.cfg.Fatal = d
	default:
		l.cfg.Warnings = append(l.cfg.Warnings, *d)
	}
}

// afterwards does what the `nix` command does once its files are read.
func (l *loader) afterwards() {
	by := func(name string) Origin { return Origin{Layer: LayerEnv, Pos: Pos{File: name}, Name: name} }
	if value, ok := l.env.lookup("NIX_PATH"); ok && l.version.AtLeast(2, 24) {
		list := strings.Join(splitNixPath(value, l.version), " ")
		l.assign(l.byName["nix-path"], false, by("NIX_PATH"), list, bare(list))
	}
	l.hook()
	l.plugins()
	l.warnUnknown()
	l.force("pure-eval", "true", Origin{Name: "nix"})
	if l.env.Offline {
		l.offline()
	}
}

// hook sets the build hook that nothing after the system file has set: from
// 2.17 to 2.33 the command does that late, so that system file has no say in it.
func (l *loader) hook() {
	s := l.byName["build-hook"]
	if !l.version.AtLeast(2, 17) || l.version.AtLeast(2, 34) || l.slots[s].forwarded || l.env.NixPath == "" {
		return
	}
	value := l.env.NixPath + " __build-remote"
	l.assign(s, false, Origin{Name: "nix"}, value, bare(value))
	l.slots[s].forwarded = false
}

// plugins finds the plugins that are not there, which Nix does not survive.
// What a plugin that is there does to the settings cannot be known.
func (l *loader) plugins() {
	for _, it := range l.slots[l.byName["plugin-files"]].items {
		p := it.Text
		if !path.IsAbs(p) {
			p = path.Join(l.dir, p)
		}
		if found, err := l.files.Exists(path.Clean(p)); err == nil && !found {
			l.cfg.Fatal = fatal("plugin", it.Origin.Pos, "No such file or directory",
				"the plugin "+it.Text+" does not exist, and Nix refuses to run without it")
			return
		}
		l.cfg.Warnings = append(l.cfg.Warnings, Diagnostic{Kind: "plugin", Pos: it.Origin.Pos,
			Text: "every Nix command runs the program code in " + it.Text + ", which may add settings and change anything shown here"})
	}
}

func unknownSetting(name string, pos Pos) Diagnostic {
	return Diagnostic{Kind: "unknown-setting", Severity: SeverityWarning, Pos: pos,
		Message: "unknown setting '" + name + "'", Text: "this version of Nix has no such setting, so this does nothing"}
}

func (l *loader) warnUnknown() {
	names := make([]string, 0, len(l.unknown))
	for name := range l.unknown {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name == "darwin-log-sandbox-violations" && l.env.darwin() {
			continue // what no Linux has is not in the table, and it decides nothing
		}
		d := unknownSetting(name, l.unknown[name])
		if !l.version.KnowsAll() {
			d.Severity, d.Message, d.Text = SeverityNote, "", "whether Nix "+l.version.String()+" has the setting "+name+" is not known here"
		}
		if strings.HasPrefix(name, "\ufeff") {
			d.Kind = "bom"
			d.Text = "the file starts with a byte order mark, which Nix takes for a part of the first setting's name, so that line does nothing: save the file without it"
		}
		l.cfg.Warnings = append(l.cfg.Warnings, d)
	}
}

// force sets a value as the program itself does, without a trace in Forwarded.
func (l *loader) force(name, value string, o Origin) {
	s := l.byName[name]
	sl := l.slots[s]
	if sl.text == value {
		return
	}
	forwarded := sl.forwarded
	l.assign(s, false, o, value, nil)
	sl.forwarded = forwarded
}

// offline does what the command does without a network.
func (l *loader) offline() {
	o := Origin{Name: "offline"}
	for _, f := range [][2]string{
		{"substitute", "false"}, {"tarball-ttl", "4294967295"}, {"download-attempts", "0"},
		{"connect-timeout", "1"}, {"narinfo-cache-meta-ttl", "4294967295"},
	} {
		if s := l.byName[f[0]]; s != nil && !l.slots[s].forwarded {
			l.force(f[0], f[1], o)
		}
	}
}

// bare are the tokens of a value that has no place in a file.
func bare(value string) []Token {
	ts := tokens(value)
	for i := range ts {
		ts[i].Col = 0
	}
	return ts
}

func (l *loader) publish() {
	on := map[*Setting]bool{}
	for _, s := range l.settings {
		on[s] = l.enabled(s)
	}
	base := make(map[string]*Value, len(l.slots))
	for s, sl := range l.slots {
		sl.forwarded = sl.forwarded && on[s]
		base[s.Name] = sl.value(l.dialect, l.version)
	}
	l.cfg.base = base
}
