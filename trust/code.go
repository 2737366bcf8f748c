package trust

import (
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A Code names one kind of reason. It is stable: scripts match on it. What a
// code means never changes; a new meaning gets a new code.
type Code string

const (
	// What the client does with a flake's setting.
	CodeNotAsked         Code = "not-asked"
	CodeSavedNo          Code = "saved-no"
	CodeSavedYes         Code = "saved-yes"
	CodeValueChanged     Code = "value-changed"
	CodeWhitelisted      Code = "whitelisted"
	CodeAcceptFlag       Code = "accept-flag"
	CodeAcceptOff        Code = "accept-off"
	CodeAnswersBroken    Code = "answers-broken"
	CodeNotLiteral       Code = "not-literal"
	CodeNotStatic        Code = "not-static"
	CodeBadValue         Code = "bad-value"
	CodeUnknownSetting   Code = "unknown-setting"
	CodeInputConfig      Code = "input-config"
	CodeExtraOverwritten Code = "extra-overwritten"
	CodeDefaultsReplaced Code = "defaults-replaced"
	CodeCommandIgnores   Code = "command-ignores-config"

	// Whether the daemon believes the user.
	CodeUserTrusted   Code = "user-trusted"
	CodeUserUntrusted Code = "user-untrusted"
	CodeUserRefused   Code = "user-refused"
	CodeTrustUnknown  Code = "trust-unknown"
	CodeLocalStore    Code = "local-store"
	CodeNoStore       Code = "no-store"

	// What the daemon does with a setting, a URL and a key.
	CodeSettingForwarded    Code = "setting-forwarded"
	CodeSettingRestricted   Code = "setting-restricted"
	CodeSettingIneffective  Code = "setting-ineffective"
	CodeClientSide          Code = "client-side"
	CodeSubstituterListed   Code = "substituter-listed"
	CodeSubstituterUnlisted Code = "substituter-unlisted"
	CodeNearMissURL         Code = "near-miss-url"
	CodeKeyForwarded        Code = "key-forwarded"
	CodeKeyRestricted       Code = "key-restricted"
	CodeKeyListed           Code = "key-listed"
	CodeKeyMissing          Code = "key-missing"
	CodeKeyNameClash        Code = "key-name-clash"
	CodeKeyMalformed        Code = "key-malformed"
	CodeKeyUndeclared       Code = "key-undeclared"
	CodeSigsOff             Code = "sigs-off"
	CodeStoreTrustedParam   Code = "store-trusted-param"

	// Why nothing is asked at all.
	CodeSubstitutionOff  Code = "substitution-off"
	CodeOffline          Code = "offline"
	CodeNotInList        Code = "not-in-list"
	CodeBadParameter     Code = "bad-parameter"
	CodeStoreDirMismatch Code = "store-dir-mismatch"
	CodeUnknownScheme    Code = "unknown-scheme"

	// What clouds the view.
	CodeDaemonStale     Code = "daemon-stale"
	CodeUnreadableLayer Code = "unreadable-layer"
	CodeFlakesOff       Code = "flakes-off"
	CodeFlakeUnreadable Code = "flake-unreadable"
	CodeConfigFatal     Code = "config-fatal"
	CodeConfigWarning   Code = "config-warning"

	// Findings about the machine.
	CodeSkeletonKey    Code = "skeleton-key"
	CodeRootEquivalent Code = "root-equivalent"
	CodeDangerous      Code = "dangerous-setting"
	CodeSuspectText    Code = "suspect-text"
	CodeDaemonAbsent   Code = "daemon-absent"
	CodeDaemonSilent   Code = "daemon-silent"
)

// An Entry is what is known about a code whatever the machine.
type Entry struct {
	Code     Code
	Title    string // a few words
	Explain  string // one paragraph: what it means and why Nix does so
	Severity Severity
	// Says are the lines Nix prints for it, newest first; none when Nix is silent.
	Says []Said
	// Remedies are the ways out, smallest blast radius first.
	Remedies []Remedy
}

// Said is one line that Nix prints, from a version on; one since a release of
// Lix is Lix's alone, and stands before the others. "%s" stands for the subject.
type Said struct {
	Since nixconf.Version
	Text  string
}

// Lookup returns the entry of a code, and whether there is one.
func (c Code) Lookup() (Entry, bool) {
	e, ok := catalogue[c]
	e.Code = c
	return e, ok
}

// Title returns a few words for the code, or the code itself.
func (c Code) Title() string {
	if e, ok := catalogue[c]; ok {
		return e.Title
	}
	return string(c)
}

// Explain returns the paragraph for the code, "" for one that nobody knows.
func (c Code) Explain() string { return catalogue[c].Explain }

// Codes returns every code that has an entry, sorted.
func Codes() []Code { return sortedKeys(catalogue) }

// says returns what this version of Nix prints for the code, "" when nothing.
func (c Code) says(v nixconf.Version, subject string) string {
	for _, s := range catalogue[c].Says {
		if s.Since.Lix() && v.LixAtLeast(s.Since.Minor) || !s.Since.Lix() && v.AtLeast(s.Since.Major, s.Since.Minor) {
			return strings.ReplaceAll(s.Text, "%s", subject)
		}
	}
	return ""
}
