package trust

import "github.com/nix-trust/nix-trust/nixconf"

// A reach says how far a client's value of a setting gets. The zero reach is
// the narrowest one that involves the daemon.
type reach int

const (
	reachTrusted  reach = iota // sent, and taken from trusted users alone
	reachAnyone                // the daemon takes it from every user
	reachFiltered              // the daemon takes what it lists itself: substituters
	reachClient                // never sent; the user's own process obeys it
	reachStartup               // the daemon reads it from its files when it starts
	reachOpened                // the daemon has opened its store before it hears of it
)

// reachOf says how far a setting gets. What is sent at all is in the settings
// table; this is what the daemon does with it.
// Nix: src/libstore/daemon.cc, ClientSettings::apply.
func reachOf(s *nixconf.Setting, daemon nixconf.Version) reach {
	switch s.Name {
	case "trusted-users", "allowed-users":
		return reachStartup
	case "require-sigs":
		return reachOpened
	case "substituters":
		return reachFiltered
	case "timeout", "connect-timeout":
		return reachAnyone
	case "max-connect-timeout", "initial-connect-timeout":
		return reachAnyone // Lix: libstore/daemon.cc, ClientSettings::apply
	case "build-poll-interval":
		if daemon.AtLeast(2, 12) {
			return reachAnyone
		}
	case "repeat":
		if !daemon.AtLeast(2, 13) {
			return reachAnyone
		}
	}
	switch s.Scope {
	case nixconf.ScopeClient:
		return reachClient
	case nixconf.ScopeFixed:
		return reachAnyone
	}
	return reachTrusted
}

// transferSettings are those of file transfers. A trusted user's values were
// sent and had no effect before 2.34.1.
var transferSettings = map[string]bool{
	"http-connections": true, "stalled-download-timeout": true, "download-attempts": true,
	"filetransfer-retry-attempts": true, "download-buffer-size": true, "download-speed": true,
	"netrc-file": true, "ssl-cert-file": true, "user-agent-suffix": true, "http2": true,
	"connect-timeout": true, "max-connect-timeout": true, "initial-connect-timeout": true,
}

// whitelisted reports whether Nix applies a flake's setting with no question.
// base is the name without one leading "extra-".
// Nix: src/libflake/config.cc, ConfigFile::apply.
func whitelisted(base string, v nixconf.Version) bool {
	switch base {
	case "bash-prompt", "bash-prompt-suffix", "flake-registry":
		return true
	case "bash-prompt-prefix":
		return v.AtLeast(2, 9)
	case "commit-lockfile-summary":
		return v.AtLeast(2, 16)
	case "commit-lock-file-summary":
		return v.AtLeast(2, 23)
	}
	return false
}
