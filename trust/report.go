package trust

import (
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A Report is everything that is shown, by the TUI, as text and as JSON. It is
// a pure function of Facts.
type Report struct {
	Nix      Nix
	User     User
	Daemon   Daemon
	Platform Platform
	// TrustReasons explain User's standing with the daemon (handshake, and which
	// rule of which file matches), decisive one first.
	TrustReasons []Reason
	Trust        Trust // of this user with the store that will be used
	Flakes       []FlakeReport
	// Caches are the caches in effect for this user whatever the flake, in the
	// order Nix asks them, followed by those that some flake claims.
	Caches  []CacheReport
	Keys    []KeyReport
	Answers []AnswerReport
	// AnswerFiles are the files the answers come from, the user's own first.
	AnswerFiles []AnswersFile
	// Grants are the grants and denials of the user and of the machine, and Gates
	// the user's gate and the machine's, each once.
	Grants []Granted
	Gates  []GateReport
	// Client is the configuration as this user's nix resolves it, nil when unknown.
	Client   *nixconf.Config
	Settings []SettingReport
	Findings []Finding
	// Remembered is what Nix remembers of caches' answers, for counting; what it
	// means for a flake is among the reasons of its caches.
	Remembered []Remembered
	Notes      []Note // what could not be looked at
	// Doubt is why the daemon's lists may not be what they seem, nil when there
	// is no doubt. What is found in no list is then unknown.
	Doubt *Reason
	Made  time.Time // set by the caller; zero in the pure engine

	probes map[string]Probed // by BareURL
}

// FlakeReport is one flake's verdicts.
type FlakeReport struct {
	ID       FlakeID
	Found    []string
	Rejected *Reason          // Nix refuses the flake: its message
	Err      string           // it could not be read: then nothing below is known
	Settings []SettingVerdict // every nixConfig setting, in Nix's order of application
	// Caches has every cache the flake claims, then every cache in effect for
	// the user without a claim (Claimed false), then those that only a grant names.
	Caches []CacheVerdict
	Inputs []InputReport // inputs that declare a nixConfig of their own
	Locked bool          // a flake.cache-lock lies beside it
	// State sums up the flake: the worst of its own caches, StateNone when it has none.
	State CacheState
}

// InputReport is an input whose own nixConfig Nix never applies.
type InputReport struct {
	Name, Ref, StorePath string
	Present              bool
	Settings             []SettingVerdict
	URLs                 []string // the caches it declares
}

// SettingVerdict is the outcome for one nixConfig setting of one flake.
type SettingVerdict struct {
	Name    string
	Value   string   // the literal joined value: with Name, the key of the saved answer
	Items   []string // the tokens of a list setting
	State   SettingState
	Daemon  DaemonVerdict
	Risk    nixconf.Risk
	Where   nixconf.Pos
	Reasons []Reason
}

// SettingState is what the client does with a nixConfig setting.
type SettingState int

const (
	SettingUnknown  SettingState = iota
	SettingApplied               // no question: saved yes, whitelisted, or accept-flake-config
	SettingAsks                  // Nix asks, or without a terminal ignores it with a warning
	SettingDenied                // a saved no
	SettingRejected              // Nix refuses the flake
	SettingInert                 // an input's setting, or overwritten by a later-sorting one
)

// DaemonVerdict is what becomes of an applied setting at the daemon.
type DaemonVerdict int

const (
	DaemonVerdictUnknown DaemonVerdict = iota
	Honoured
	Dropped
	Partly
	NotForwarded // obeyed by the client itself: the daemon never sees it
)

// CacheVerdict is the outcome for one cache and one flake.
type CacheVerdict struct {
	URL     string   // as written
	Keys    []string // the public keys that the flake declares for it, or those in effect
	Claimed bool     // by this flake
	State   CacheState
	// Grant is the grant that names the cache, or the denial of the flake, nil
	// when there is neither.
	Grant   *Granted
	Where   nixconf.Pos // of the claim, or of the line that puts it in effect
	Reasons []Reason
	Probed  Probed // beside the verdict, which does not follow from it
}

// Own reports whether the cache is there because of the flake, as the flake asks
// for it or as a grant names it for the flake.
func (v CacheVerdict) Own() bool { return v.Claimed || v.Grant != nil }

// GateReport is one gate.
type GateReport struct {
	GateKey
	Machine  bool    // the machine's, which serves what root has granted alone
	Believed Outcome // whether what it signs is accepted
	Why      Reason
}

// CacheState is the sum of a cache's reasons. The zero value is unknown.
type CacheState int

const (
	StateUnknown  CacheState = iota
	StateUsable              // it would be asked, and a declared key's signature accepted
	StateScoped              // a grant covers it: pinned paths come through the gate
	StateAsks                // depends on an answer Nix would still ask for
	StateDenied              // a saved answer says no
	StateIgnored             // the user's side is fine, the daemon drops it
	StateWrongKey            // it would be asked, and every signature refused
	StateOff                 // never asked
	StateNone                // nothing is claimed (flakes only)
)

// CacheReport is one cache across the machine.
type CacheReport struct {
	URL      string
	InEffect bool
	State    CacheState // without any flake
	Priority string     // a ?priority= in the URL, "" otherwise
	Keys     []string   // keys in effect that are named after its host
	Origins  []nixconf.Origin
	ListedBy []string // daemon-side lists that admit it: "trusted-substituters", "substituters"
	Flakes   []int    // indexes into Report.Flakes that claim it
	Granted  []int    // indexes of those for which pinned paths of it come through the gate
	Reasons  []Reason
	Probed   Probed // as of CacheVerdict
}

// KeyReport is one public key, in effect or claimed.
type KeyReport struct {
	Name, Text string
	InEffect   bool
	Origins    []nixconf.Origin
	Flakes     []int
	Problem    *Reason // malformed, or a name clash
}

// AnswerReport is one saved decision.
type AnswerReport struct {
	File    string // path of the trusted-settings.json
	Root    bool
	Setting string
	Value   string
	Yes     bool
	Items   []string // the value split into URLs or keys
	Risk    nixconf.Risk
	// Asked are the known flakes that ask for exactly this value today.
	Asked []int
	// Near are the known flakes that ask for the same setting with another
	// value that shares an item: the answer does not count for them.
	Near     []int
	Orphan   bool // no known flake asks for it
	Skeleton bool // accept-flake-config = true: a yes to everything
}

// SettingReport is one effective setting of the client, with its origin.
type SettingReport struct {
	Value *nixconf.Value
	// Daemon is the daemon's value as its files say, nil when it is the same or unknown.
	Daemon   *nixconf.Value
	Findings []int // indexes into Report.Findings
}

// Outcome of one step. The zero value is unknown.
type Outcome int

const (
	Unknown Outcome = iota
	Pass
	Fail
)

// A Reason is one step of a verdict's chain.
type Reason struct {
	Code    Code
	Outcome Outcome
	Where   nixconf.Pos // the evidence's place; zero when it has none
	Subject string      // what it is about: a URL, a key, a setting
	Text    string      // one or two sentences for a person, with the values in it
	NixSays string      // the literal line Nix prints for it, "" when it is silent
	Fixes   []Fix
	// beyond marks the steps of a setting that are about what follows the
	// user's decision.
	beyond bool
}

// A Fix is one way out, smallest blast radius first.
type Fix struct {
	Title   string
	Detail  string // what it changes and for whom
	Command string // a command or snippet to copy; "" when there is none
	File    string // the file a snippet belongs in
	Admin   bool   // needs the administrator
}

// A Finding is something wrong or dangerous that is not one cache's verdict.
type Finding struct {
	Code     Code
	Severity Severity
	Where    nixconf.Pos
	Subject  string
	Text     string
	Fixes    []Fix
}

// Severity of a finding.
type Severity int

const (
	Info Severity = iota
	Warn
	Danger
)
