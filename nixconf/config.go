package nixconf

import "encoding/json"

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

// A Config is the configuration as one process of Nix resolves it.
type Config struct {
	Version  Version
	Fatal    *Diagnostic  // what makes every Nix command fail; nil when it loads
	Warnings []Diagnostic // what Nix warns of, and what it passes over silently
	Read     []Source     // the top-level sources that were read or tried, in order of application
	values   map[string]*Value
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
