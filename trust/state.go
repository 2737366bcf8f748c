package trust

// word returns the i-th of words, or the first for a value out of range, so
// that a state nobody knows reads as the unknown it is.
func word[T ~int](i T, words []string) string {
	if i < 0 || int(i) >= len(words) {
		return words[0]
	}
	return words[i]
}

var (
	cacheStates    = []string{"unknown", "usable", "scoped", "asks", "denied", "ignored", "wrong-key", "off", "none"}
	settingStates  = []string{"unknown", "applied", "asks", "denied", "rejected", "inert"}
	daemonVerdicts = []string{"unknown", "honoured", "dropped", "partly", "not-forwarded"}
	trusts         = []string{"unknown", "trusted", "untrusted"}
	outcomes       = []string{"unknown", "pass", "fail"}
	severities     = []string{"info", "warning", "danger"}
	storeKinds     = []string{"unknown", "daemon", "local", "other", "none"}
	daemonStates   = []string{"not-asked", "answered", "absent", "refused", "silent", "garbled"}
	platforms      = []string{"plain", "nixos", "nix-darwin", "darwin", "determinate", "debian"}
)

// The String methods return the words of the command line and of --json. They
// never change.

func (s CacheState) String() string    { return word(s, cacheStates) }
func (s SettingState) String() string  { return word(s, settingStates) }
func (v DaemonVerdict) String() string { return word(v, daemonVerdicts) }
func (t Trust) String() string         { return word(t, trusts) }
func (o Outcome) String() string       { return word(o, outcomes) }
func (s Severity) String() string      { return word(s, severities) }
func (k StoreKind) String() string     { return word(k, storeKinds) }
func (s DaemonState) String() string   { return word(s, daemonStates) }
func (p PlatformOS) String() string    { return word(p, platforms) }

// severityOf orders cache states by how much a user should care, worst first,
// for summing up a flake.
func severityOf(s CacheState) int {
	switch s {
	case StateWrongKey:
		return 8
	case StateIgnored:
		return 7
	case StateUnknown:
		return 6
	case StateDenied:
		return 5
	case StateAsks:
		return 4
	case StateOff:
		return 3
	case StateScoped:
		return 2
	case StateUsable:
		return 1
	}
	return 0
}
