package message

// A Kind is what a message says. It is stable: scripts match on it.
type Kind string

const (
	// What the client does with a flake's settings.
	SettingIgnored Kind = "setting-ignored" // a flake's setting was not accepted
	SettingSaved   Kind = "setting-saved"   // a saved answer was used
	SettingAsked   Kind = "setting-asked"   // the question itself
	SettingUnknown Kind = "setting-unknown"
	SettingInvalid Kind = "setting-invalid" // a value that Nix does not take
	SettingGated   Kind = "setting-gated"   // it belongs to a feature that is off
	FlakeRejected  Kind = "flake-rejected"  // nixConfig is not written as literals
	AnswersBroken  Kind = "answers-broken"  // the file of saved answers stops Nix
	ConfigBroken   Kind = "config-broken"   // a line of nix.conf that stops Nix
	HomeIgnored    Kind = "home-ignored"    // another home than $HOME is used
	FlakesOff      Kind = "flakes-off"

	// What the daemon does with what it was sent.
	SubstituterIgnored Kind = "substituter-ignored"
	SettingRestricted  Kind = "setting-restricted"
	UserRefused        Kind = "user-refused"      // the daemon's log: the user may not connect
	ConnectionClosed   Kind = "connection-closed" // what that user sees, among other reasons
	DaemonAbsent       Kind = "daemon-absent"     // nobody listens
	NotPrivileged      Kind = "not-privileged"    // an operation for trusted users alone

	// Signatures and hashes.
	NotSigned      Kind = "not-signed"      // what a cache says is signed by no believed key
	LacksSignature Kind = "lacks-signature" // the same when the path arrives
	KeyCorrupt     Kind = "key-corrupt"     // a key in a list that stops Nix
	BadBase64      Kind = "bad-base64"      // a key in a list, or a signature, that stops Nix
	HashMismatch   Kind = "hash-mismatch"   // the bytes are not those that were said
	CAMismatch     Kind = "ca-mismatch"
	CAClaim        Kind = "ca-claim" // said to be content-addressed, under a name that is not of those contents

	// Caches.
	NotACache       Kind = "not-a-cache"
	OtherStore      Kind = "other-store"
	BadPriority     Kind = "bad-priority"
	BadNarinfo      Kind = "bad-narinfo"
	BadURL          Kind = "bad-url"
	UnknownScheme   Kind = "unknown-scheme"
	Unreachable     Kind = "unreachable"
	CacheDisabled   Kind = "cache-disabled" // for a while, after an error
	FileMissing     Kind = "file-missing"   // said to be there, and is not
	NoInternet      Kind = "no-internet"
	SubstitutionOff Kind = "substitution-off"
	Unsubstitutable Kind = "unsubstitutable"    // no cache has it, and it cannot be built
	References      Kind = "references-missing" // some reference could not be had
	Failed          Kind = "substitutes-failed" // and Nix does not build instead
)

// A Message is something that Nix printed and that is about trust or caches.
type Message struct {
	Kind  Kind
	Line  int    // of its first line, from 1
	Lines int    // how many it has, 1 or more
	Level string // "error", "warning" or ""
	Text  string // its lines without colour and decoration, joined by newlines

	// What it is about, "" where it does not say.
	Setting string
	Value   string
	URL     string
	Path    string // a store path or derivation
	User    string
	Key     string
	File    string
	Detail  string // the rest: an error of curl, a status, what was expected
}
