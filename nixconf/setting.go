package nixconf

import "slices"

// A Type is how Nix reads a setting's value.
type Type string

const (
	TypeString   Type = "string"
	TypeOptional Type = "optional" // a string that may be null
	TypeBool     Type = "bool"
	TypeInt      Type = "int" // unsigned unless the table says otherwise, with K/M/G/T units
	TypeList     Type = "list"
	TypeSet      Type = "set"
	TypeMap      Type = "map"
	TypeRefs     Type = "refs"    // ordered store references from 2.34, plain strings before
	TypeRefSet   Type = "refset"  // a set of store references from 2.34
	TypeSandbox  Type = "sandbox" // true, false or relaxed
)

// A Risk is what a flake gains that sets a setting.
type Risk string

const (
	RiskNone       Risk = ""
	RiskCosmetic   Risk = "cosmetic"
	RiskCache      Risk = "cache trust"    // widens whose binaries are believed
	RiskCode       Risk = "code execution" // runs a program of the flake's choosing
	RiskSandbox    Risk = "sandbox"        // weakens build isolation
	RiskCredential Risk = "credentials"    // exposes secrets or data
	RiskEvaluation Risk = "evaluation"     // impurity
	RiskDenial     Risk = "performance"    // slows or stops builds
)

// A Scope is how a client hands a setting to the daemon.
// Nix: src/libstore/remote-store.cc, RemoteStore::setOptions.
type Scope string

const (
	ScopeClient Scope = "client" // never: only the client obeys it
	ScopeFixed  Scope = "fixed"  // always, in a field of its own, obeyed for everyone
	ScopeNamed  Scope = "named"  // by name, when something after the system file set it
)

// A Setting is one setting as one version of Nix has it.
type Setting struct {
	Name       string
	Aliases    []string
	Type       Type
	Appendable bool // extra-NAME exists
	Risk       Risk
	Feature    string // the experimental feature that gates it, "" when none
	Scope      Scope

	kind    kind
	initial string // the default as the table has it
}

// Lookup finds a setting by its name, an alias of it, or extra-NAME when it can
// be appended to, as the newest version of Nix that has it, else as the newest of
// Lix. extra says which it was.
// A setting whose own name starts with "extra-" is found by that name first.
func Lookup(name string) (s *Setting, extra, ok bool) {
	for _, minor := range []int{newest, 26, oldest} {
		if s, extra, ok = dialects[minor]().lookup(name); ok {
			return s, extra, ok
		}
	}
	return lixDialects[len(lixDialects)-1]().lookup(name)
}

// SettingNames returns the name of every setting of any version of Nix, sorted.
func SettingNames() []string {
	var names []string
	for _, minor := range []int{newest, 26, oldest} {
		for _, s := range dialects[minor]().settings {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
