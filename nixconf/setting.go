package nixconf

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

// A Setting is one row of the settings table.
type Setting struct {
	Name       string
	Aliases    []string
	Type       Type
	Appendable bool // extra-NAME exists
	Risk       Risk
	Feature    string // the experimental feature that gates it, "" when none
}
