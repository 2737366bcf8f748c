package nixconf

import (
	"slices"
	"strings"
)

// features are the experimental features of 2.8, 2.26 and 2.34, in the order in
// which Nix prints them. 2.8 prints their numbers in JSON.
// Nix: src/libutil/experimental-features.hh.
var features = [3][]string{
	strings.Fields(`ca-derivations impure-derivations flakes nix-command recursive-nix no-url-literals fetch-closure`),
	strings.Fields(`ca-derivations impure-derivations flakes fetch-tree nix-command git-hashing recursive-nix
		no-url-literals fetch-closure auto-allocate-uids cgroups daemon-trust-override dynamic-derivations
		parse-toml-timestamps read-only-local-store local-overlay-store configurable-impure-env mounted-ssh-store
		verified-fetches pipe-operators`),
	strings.Fields(`ca-derivations impure-derivations flakes fetch-tree nix-command git-hashing recursive-nix
		fetch-closure auto-allocate-uids cgroups daemon-trust-override dynamic-derivations parse-toml-timestamps
		read-only-local-store local-overlay-store configurable-impure-env mounted-ssh-store verified-fetches
		pipe-operators external-builders blake3-hashes`),
}

// parseFeatures splits names into those that this version has and the messages
// it prints for the rest. flakes brings fetch-tree with it where that exists.
func (d *dialect) parseFeatures(tokens []string) (known, warnings []string) {
	for _, name := range slices.Compact(slices.Sorted(slices.Values(tokens))) {
		switch {
		case slices.Contains(d.features, name):
			known = append(known, name)
			if name == "flakes" && slices.Contains(d.features, "fetch-tree") {
				known = append(known, "fetch-tree")
			}
		case name == "no-url-literals" && slices.Contains(d.features, "blake3-hashes"): // 2.34
			warnings = append(warnings, "experimental feature '"+name+"' has been stabilized and renamed; use 'lint-url-literals = fatal' setting instead")
		default:
			warnings = append(warnings, "unknown experimental feature '"+name+"'")
		}
	}
	return known, warnings
}
