package main

// A saying is something that real Nix prints, or does without printing anything.
type saying struct {
	row  string   // of the table in docs/explain.md
	name string   // of its scene and its recording
	want []string // what is understood of 2.34's words, and ": " what the engine has for it
	// older is what differs in an older version, by its number.
	older map[string][]string
}

// in is what is understood of a version's words.
func (s saying) in(version string) []string {
	if w, ok := s.older[version]; ok {
		return w
	}
	return s.want
}

var sayings = []saying{
	{row: "1", name: "not-asked", want: []string{"setting-ignored extra-substituters: asks", "setting-ignored extra-trusted-public-keys: asks"}},
	{row: "1", name: "asked", want: []string{"setting-asked extra-substituters: asks", "setting-ignored extra-substituters: asks", "setting-asked extra-trusted-public-keys: asks", "setting-ignored extra-trusted-public-keys: asks"}},
	{row: "1", name: "with-logs", want: []string{"setting-asked extra-substituters: asks", "setting-ignored extra-substituters: asks", "setting-asked extra-trusted-public-keys: asks", "setting-ignored extra-trusted-public-keys: asks"}},
	{row: "2", name: "saved-no", want: []string{"setting-saved extra-substituters: denied", "setting-ignored extra-substituters: denied", "setting-saved extra-trusted-public-keys: denied", "setting-ignored extra-trusted-public-keys: denied"}},
	{row: "3", name: "other-value", want: []string{"setting-ignored extra-substituters: asks", "setting-saved extra-trusted-public-keys: applied", "setting-restricted trusted-public-keys: applied"}, older: map[string][]string{"2.8": {"setting-ignored extra-substituters: asks", "setting-saved extra-trusted-public-keys: applied"}}},
	{row: "3", name: "two-lines", want: []string{"setting-saved extra-substituters: applied", "substituter-ignored https://b.example: ignored"}},
	{row: "4", name: "metadata"},
	{row: "4", name: "old-command"},
	{row: "5", name: "input"},
	{row: "6", name: "overwritten", want: []string{"setting-saved extra-substituters: inert", "setting-saved substituters: applied"}},
	{row: "7", name: "replaced", want: []string{"setting-saved substituters: applied"}},
	{row: "8", name: "unlisted", want: []string{"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "substituter-ignored http://cache.example: ignored", "setting-restricted trusted-public-keys: applied"}, older: map[string][]string{"2.8": {"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "substituter-ignored http://cache.example: ignored"}}},
	{row: "8", name: "internal-json", want: []string{"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "substituter-ignored http://cache.example: ignored", "setting-restricted trusted-public-keys: applied"}, older: map[string][]string{"2.8": {"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "substituter-ignored http://cache.example: ignored"}}},
	{row: "8", name: "near-miss", want: []string{"setting-saved extra-substituters: applied", "substituter-ignored http://cache.example/: ignored"}},
	{row: "8", name: "alias", want: []string{"setting-saved extra-binary-cache-public-keys: applied", "setting-saved extra-binary-caches: applied", "substituter-ignored http://cache.example: ignored", "setting-restricted trusted-public-keys: applied"}, older: map[string][]string{"2.8": {"setting-saved extra-binary-cache-public-keys: applied", "setting-saved extra-binary-caches: applied", "substituter-ignored http://cache.example: ignored"}}},
	{row: "9", name: "accepted", want: []string{"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "setting-restricted trusted-public-keys: applied"}, older: map[string][]string{"2.8": {"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied"}}},
	{row: "9", name: "user-keys", want: []string{"setting-restricted trusted-public-keys: finding setting-restricted"}, older: map[string][]string{"2.8": {}}},
	{row: "10", name: "key-missing", want: []string{"setting-saved extra-substituters: applied", "not-signed http://cache.example: unknown"}},
	{row: "10", name: "key-missing-path", want: []string{"not-signed http://cache.example: unknown", "unsubstitutable /store/00000000000000000000000000000000-key-missing-path: -"}},
	{row: "10", name: "key-missing-new", want: []string{"not-signed http://cache.example: unknown", "unsubstitutable /store/00000000000000000000000000000000-key-missing-new: -"}},
	{row: "10", name: "copy", want: []string{"lacks-signature http://cache.example: asks"}},
	{row: "11", name: "key-clash", want: []string{"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "setting-restricted trusted-public-keys: applied", "not-signed http://cache.example: wrong-key"}, older: map[string][]string{"2.8": {"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "not-signed http://cache.example: wrong-key"}}},
	{row: "12", name: "key-no-key", want: []string{"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "setting-restricted trusted-public-keys: applied", "key-corrupt: step key-malformed"}, older: map[string][]string{"2.8": {"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "key-corrupt secret key is corrupt: step key-malformed"}}},
	{row: "12", name: "key-short", want: []string{"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "setting-restricted trusted-public-keys: applied", "key-corrupt public key is not valid: step key-malformed"}, older: map[string][]string{"2.8": {"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "key-corrupt public key is not valid: step key-malformed"}}},
	{row: "13", name: "no-sigs", want: []string{"setting-restricted require-sigs: finding setting-restricted", "setting-saved extra-substituters: applied", "not-signed http://cache.example: unknown"}, older: map[string][]string{"2.8": {"setting-saved extra-substituters: applied", "not-signed http://cache.example: unknown"}}},
	{row: "13", name: "no-sigs-root", want: []string{"setting-saved extra-substituters: applied", "not-signed http://cache.example: unknown"}},
	{row: "14", name: "off", want: []string{"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "setting-restricted trusted-public-keys: applied"}, older: map[string][]string{"2.8": {"setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied"}}},
	{row: "14", name: "off-path", want: []string{"unsubstitutable: step substitution-off", "unsubstitutable /store/00000000000000000000000000000000-off-path: step substitution-off"}},
	{row: "15", name: "no-network", want: []string{"no-internet: step offline", "setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied", "setting-restricted trusted-public-keys: applied"}, older: map[string][]string{"2.8": {"no-internet: step offline", "setting-saved extra-substituters: applied", "setting-saved extra-trusted-public-keys: applied"}}},
	{row: "16", name: "refuses"},
	{row: "17", name: "there"},
	{row: "18", name: "other-store", want: []string{"other-store http://cache.example: unknown"}},
	{row: "19", name: "no-cache", want: []string{"not-a-cache http://cache.example: unknown"}},
	{row: "19", name: "info-403", want: []string{"unreachable http://cache.example/nix-cache-info: unknown"}, older: map[string][]string{"2.8": {"not-a-cache http://cache.example: unknown"}}},
	{row: "19", name: "info-500", want: []string{"unreachable http://cache.example/nix-cache-info: unknown"}},
	{row: "20", name: "priority", want: []string{"bad-priority stoi: -"}},
	{row: "21", name: "unreachable", want: []string{"unreachable http://127.0.0.1:1/nix-cache-info: unknown"}},
	{row: "22", name: "turned-down", want: []string{"unreachable http://cache.example/00000000000000000000000000000000.narinfo: unknown"}},
	{row: "22", name: "turned-500", want: []string{"unreachable http://cache.example/00000000000000000000000000000000.narinfo: unknown"}},
	{row: "23", name: "fallback", want: []string{"unreachable http://cache.example/00000000000000000000000000000000.narinfo: unknown", "cache-disabled http://cache.example: unknown"}, older: map[string][]string{"2.8": {"unreachable http://cache.example/00000000000000000000000000000000.narinfo: unknown", "cache-disabled http://cache.example: unknown", "connection-closed unexpected end-of-file: -"}}},
	{row: "24", name: "remembered"},
	{row: "24", name: "nobody-has-it", want: []string{"unsubstitutable: -", "unsubstitutable /store/00000000000000000000000000000000-nobody-has-it: -"}},
	{row: "25", name: "no-colon", want: []string{"bad-narinfo 00000000000000000000000000000000.narinfo: -"}},
	{row: "25", name: "no-url", want: []string{"bad-narinfo 00000000000000000000000000000000.narinfo: -"}},
	{row: "25", name: "no-size", want: []string{"bad-narinfo 00000000000000000000000000000000.narinfo: -"}},
	{row: "25", name: "bad-signature", want: []string{"bad-base64 invalid character in Base64 string: '': -"}, older: map[string][]string{"2.26": {"bad-narinfo signature is not valid: -"}}},
	{row: "25", name: "short-sig", want: []string{"bad-narinfo signature is not valid: -"}},
	{row: "26", name: "nar-gone", want: []string{"file-missing http://cache.example: unknown"}},
	{row: "27", name: "nar-other", want: []string{"hash-mismatch http://cache.example: unknown", "unsubstitutable http://cache.example: unknown", "substitutes-failed /store/00000000000000000000000000000000-nar-other.drv: -"}, older: map[string][]string{"2.8": {"hash-mismatch http://cache.example: unknown", "substitutes-failed /store/00000000000000000000000000000000-nar-other.drv: -"}, "2.26": {"hash-mismatch http://cache.example: unknown", "substitutes-failed /store/00000000000000000000000000000000-nar-other.drv: -"}}},
	{row: "28", name: "reference-gone", want: []string{"unsubstitutable: -"}, older: map[string][]string{"2.8": {}}},
	{row: "28", name: "reference-gone-path", want: []string{"unsubstitutable: -", "references-missing /store/00000000000000000000000000000000-reference-gone-path: -"}, older: map[string][]string{"2.8": {"unsubstitutable: -", "unsubstitutable /store/00000000000000000000000000000000-reference-gone-path: -"}, "2.26": {"unsubstitutable: -", "unsubstitutable /store/00000000000000000000000000000000-reference-gone-path: -"}}},
	{row: "29", name: "lower-priority"},
	{row: "31", name: "refused", want: []string{"connection-closed daemon: step user-refused"}},
	{row: "31", name: "refused-log", want: []string{"user-refused alice: -"}},
	{row: "32", name: "stale", want: []string{"setting-saved extra-substituters: applied", "substituter-ignored http://cache.example: ignored"}},
	{row: "33", name: "accept-once", want: []string{"setting-ignored extra-substituters: asks", "setting-ignored extra-trusted-public-keys: asks"}},
	{row: "35", name: "no-url-at-all", want: []string{"bad-url https://[::1: step config-fatal"}, older: map[string][]string{"2.8": {"substituter-ignored https://[::1: ignored"}, "2.26": {"substituter-ignored https://[::1: ignored"}}},
	{row: "35", name: "unknown", want: []string{"setting-unknown magic: finding config-warning", "setting-unknown substitutors: finding config-warning"}},
	{row: "35", name: "gated", want: []string{"setting-gated auto-allocate-uids: finding config-warning"}, older: map[string][]string{"2.8": {"setting-unknown auto-allocate-uids: finding config-warning"}}},
	{row: "35", name: "bad-boolean", want: []string{"setting-invalid fallback: step config-fatal"}},
	{row: "35", name: "broken-line", want: []string{"config-broken /scene/home/.config/nix/nix.conf: step config-fatal"}},
	{row: "35", name: "no-include", want: []string{"config-broken /scene/home/.config/nix/nix.conf: step config-fatal"}},
	{row: "35", name: "flakes-off", want: []string{"flakes-off flakes: finding flakes-off"}},
	{row: "36", name: "not-literal", want: []string{"flake-rejected extra-substituters: step not-literal"}},
	{row: "36", name: "not-strings", want: []string{"flake-rejected extra-substituters: step not-literal"}},
	{row: "36", name: "bad-value", want: []string{"setting-saved require-sigs: rejected", "setting-invalid require-sigs: step bad-value"}},
	{row: "36", name: "accepted-url", want: []string{"setting-saved extra-substituters: rejected", "bad-url z: off"}, older: map[string][]string{"2.8": {"setting-saved extra-substituters: applied", "substituter-ignored z: ignored"}, "2.26": {"setting-saved extra-substituters: applied", "substituter-ignored z: ignored"}}},
	{row: "37", name: "broken-answers", want: []string{"answers-broken type must be boolean, but is number: step answers-broken"}},
	{row: "37", name: "empty-answers", want: []string{"answers-broken parse error at line 2, column 1: syntax error while parsing value - unexpected end of input; expected '[', '{', or a literal: step answers-broken"}},
	{row: "38", name: "no-daemon", want: []string{"daemon-absent /scene/socket: step trust-unknown"}},
	{row: "39", name: "repair", want: []string{"not-privileged repair paths: step user-untrusted"}},
	{row: "40", name: "sudo", want: []string{"home-ignored /scene/etc: -"}, older: map[string][]string{"2.8": {}}},
	{row: "41", name: "ca-claim", want: []string{"ca-claim /store/00000000000000000000000000000000-ca-claim: -", "not-signed http://cache.example: unknown"}},
	{row: "41", name: "ca-claim-signed", want: []string{"ca-claim /store/00000000000000000000000000000000-ca-claim-signed: -", "connection-closed Nix daemon disconnected unexpectedly (maybe it crashed?): -"}, older: map[string][]string{"2.8": {"ca-claim /store/00000000000000000000000000000000-ca-claim-signed: -", "connection-closed unexpected end-of-file: -"}}},
	{row: "42", name: "scheme", want: []string{"unknown-scheme foo: off"}, older: map[string][]string{"2.8": {"unknown-scheme foo://bar: off"}}},
}
