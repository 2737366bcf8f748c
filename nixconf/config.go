package nixconf

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Layer is one source of configuration. Later layers override earlier ones.
// The zero Layer is a built-in default.
type Layer int

const (
	LayerDefault Layer = iota // compiled into Nix
	LayerSystem               // $NIX_CONF_DIR/nix.conf and what it includes
	LayerUser                 // the user files and what they include
	LayerEnv                  // $NIX_CONFIG
	LayerFlag                 // --option and friends
	LayerFlake                // an accepted nixConfig
)

// A Pos is a place in a file. Line and Col count from 1; 0 means unknown.
// Col counts bytes. File is a path, or "NIX_CONFIG".
type Pos struct {
	File      string
	Line, Col int
}

// An Origin says where a value came from and how it was put there.
type Origin struct {
	Layer    Layer
	Pos      Pos
	Included []Pos  // the include lines that led here, outermost first
	Name     string // the setting's name as written: "extra-binary-caches"
	Append   bool   // it was added to what was there, not set
}

// An Item is one element of a list, set or map setting that is in force.
type Item struct {
	Text   string // one token; "k=v" for map settings
	Origin Origin
}

// An Assignment is one line that set or extended a setting, in the order of
// application, whether or not anything of it is still in force.
type Assignment struct {
	Origin       Origin
	Value        string  // the tokens of the line, joined by one space
	OverriddenBy *Origin // what discarded it; nil while it is in force
}

// A Value is one setting's effective value with its history.
type Value struct {
	Setting *Setting
	Items   []Item          // for list, set and map types, in Nix's order
	Text    string          // for the other types: the value as Nix prints it
	Origin  Origin          // of the last assignment that set (not appended to) it
	History []Assignment    // every assignment, oldest first
	JSON    json.RawMessage // exactly as `nix config show --json` prints "value"
	// Forwarded says that something after the system file touched the setting,
	// so a client sends its whole value to the daemon.
	// Nix: src/libutil/configuration.cc, AbstractConfig::resetOverridden.
	Forwarded bool
}

// Set reports whether something but Nix's own default assigned the setting.
func (v *Value) Set() bool {
	return slices.ContainsFunc(v.History, func(a Assignment) bool { return a.Origin.Layer != LayerDefault })
}

// A Config is the configuration as one process of Nix resolves it.
type Config struct {
	Version  Version
	Fatal    *Diagnostic  // what makes every Nix command fail; nil when it loads
	Warnings []Diagnostic // what Nix warns of, and what it passes over silently
	Read     []Source     // the top-level sources that were read or tried, in order of application

	dialect *dialect
	dir     string
	cpus    int
	base    map[string]*Value // never written to once it is here: clones share it
	own     map[string]*Value // what Apply changed since
}

// Get returns the value of a setting by its name or an alias, nil when this
// version does not have it. The caller must not change it.
func (c *Config) Get(name string) *Value {
	if c == nil || c.dialect == nil {
		return nil
	}
	s := c.dialect.byName[name]
	if s == nil {
		return nil
	}
	if v := c.own[s.Name]; v != nil {
		return v
	}
	return c.base[s.Name]
}

// All returns the value of every setting that this version has, sorted by name.
func (c *Config) All() []*Value {
	if c == nil || c.dialect == nil {
		return nil
	}
	list := make([]*Value, len(c.dialect.settings))
	for i, s := range c.dialect.settings {
		list[i] = c.Get(s.Name)
	}
	return list
}

// Bool reports whether a setting is true; one that is no bool is not.
func (c *Config) Bool(name string) bool {
	v := c.Get(name)
	return v != nil && v.Text == "true"
}

// Tokens returns the items of a list, set or map setting.
func (c *Config) Tokens(name string) []string {
	v := c.Get(name)
	if v == nil {
		return nil
	}
	list := make([]string, len(v.Items))
	for i, it := range v.Items {
		list[i] = it.Text
	}
	return list
}

// Clone returns a configuration that starts as c is and then goes its own way.
// It is cheap: the two share what neither changes.
func (c *Config) Clone() *Config {
	n := *c
	n.Warnings = slices.Clip(n.Warnings)
	n.Read = slices.Clip(n.Read)
	n.own = maps.Clone(c.own)
	return &n
}

// Apply assigns one setting on top of c, as an accepted nixConfig or --option
// does. It returns nil, a note or warning when the assignment was ignored, or a
// fatal diagnostic with the error that Nix exits with; c is changed only for
// nil. Nix ignores an unknown name in a flake silently, and most bad values on the
// command line with a warning. o.Name and o.Append are filled in.
// Nix: src/libflake/config.cc, ConfigFile::apply.
func (c *Config) Apply(o Origin, name, value string) *Diagnostic {
	if c.dialect == nil {
		return fatal("environment", o.Pos, "", "no configuration was loaded, so nothing can be set in it")
	}
	o.Name = name
	s, extra, ok := c.dialect.lookup(name)
	switch {
	case !ok && o.Layer == LayerFlake:
		return nil
	case !ok:
		d := unknownSetting(name, o.Pos)
		if !c.Version.AtLeast(2, 16) {
			// Flags after the subcommand come too late for the warning.
			d.Severity, d.Message = SeverityNote, ""
		}
		return &d
	case o.Layer == LayerFlake && s.Name == "plugin-files":
		return fatal("bad-value", o.Pos, "plugin-files set after plugins were loaded, you may need to move the flag before the subcommand",
			"a flake cannot set plugin-files, and Nix exits when it tries to")
	}
	slots := map[*Setting]*slot{}
	var warnings []Diagnostic
	e := editor{dialect: c.dialect, version: c.Version, dir: c.dir, cpus: c.cpus,
		slot: func(s *Setting) *slot {
			if slots[s] == nil {
				slots[s] = slotOf(c.Get(s.Name))
			}
			return slots[s]
		},
		peek: func(s *Setting) []Item { return c.Get(s.Name).Items },
		warn: func(d Diagnostic) { warnings = append(warnings, d) },
	}
	if d := e.assign(s, extra, o, value, bare(value)); d != nil {
		if o.Layer == LayerFlag {
			c.flagged(d)
		}
		return d
	}
	c.Warnings = append(c.Warnings, warnings...)
	if c.own == nil {
		c.own = map[string]*Value{}
	}
	for s, sl := range slots {
		c.own[s.Name] = sl.value(c.dialect, c.Version)
	}
	return nil
}

// Severity orders diagnostics.
type Severity int

const (
	SeverityNote    Severity = iota // Nix says nothing
	SeverityWarning                 // Nix prints a warning
	SeverityFatal                   // Nix exits with this error
)

// A Diagnostic is one thing wrong with a configuration.
type Diagnostic struct {
	Kind     string // stable word: "syntax", "unknown-setting", "unreadable", "include-missing", "include-cycle", "bad-value", "bom", …
	Severity Severity
	Pos      Pos
	Message  string // Nix's own message, literally, where it has one
	Text     string // what it means, one sentence
}

// Skipped is the place of something that Nix would read and that was not read
// here, so that any setting may be another than it seems. Nil when there is none.
func (c *Config) Skipped() *Pos {
	for _, s := range c.Read {
		if s.State == SourceUnseen && strings.HasPrefix(s.Path, "~/") {
			return &Pos{File: s.Path} // in a home folder that is not known
		}
	}
	for _, d := range c.Warnings {
		if d.Kind == "too-large" || d.Kind == "not-regular" {
			return &d.Pos
		}
	}
	return nil
}

// A Source is one top-level place that configuration is read from.
type Source struct {
	Layer Layer
	Path  string // "NIX_CONFIG" for the environment variable
	State SourceState
}

// SourceState says what became of a source. The zero state is not read.
type SourceState int

const (
	SourceNotRead SourceState = iota
	SourceRead
	SourceMissing    // it does not exist: nothing hidden
	SourceUnreadable // it exists and could not be read: something may be hidden
	SourceUnseen     // even its existence could not be checked (an unsearchable folder)
)

// MarshalText writes the state as String has it.
func (s SourceState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *SourceState) UnmarshalText(text []byte) error {
	for state := SourceNotRead; state <= SourceUnseen; state++ {
		if state.String() == string(text) {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("%q is no state of a file", text)
}

// flagged makes a fatal diagnostic of what a value on the command line does:
// Nix only warns, unless the mistake is in a path or in a URL's query.
func (c *Config) flagged(d *Diagnostic) {
	if d.Severity != SeverityFatal || strings.HasPrefix(d.Message, "not an absolute path") || strings.HasPrefix(d.Message, "invalid URI query") {
		return
	}
	d.Severity = SeverityWarning
	if !c.Version.AtLeast(2, 34) {
		d.Message = "error: " + d.Message
	}
}
