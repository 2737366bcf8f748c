package explain

import (
	"strings"

	"github.com/nix-trust/nix-trust/trust"
)

// RadiusChecks are how to check in another way what rests on a key alone. list is
// the command that lists the paths, and without are the keys that are believed
// besides, whole.
func RadiusChecks(list string, without []string) []trust.Fix {
	out := []trust.Fix{
		{Title: "Do other caches have the same?", Command: list + " | xargs nix-trust challenge"},
		{Title: "Are the files still what was registered?", Command: list + " | xargs nix store verify --no-trust"},
	}
	if len(without) > 0 {
		out = append(out, trust.Fix{Title: "Did another key sign the same elsewhere?", Command: list +
			" | xargs nix store verify --no-contents --sigs-needed 1 --substituter https://cache.nixos.org --trusted-public-keys " + word(strings.Join(without, " "))})
	}
	return append(out,
		trust.Fix{Title: "Is it what a lock pins?", Command: "nix-trust verify --store FLAKE/flake.cache-lock"},
		trust.Fix{Title: "Does a build here make the same?", Command: list + " | xargs nix-trust challenge --rebuild"})
}

// RadiusFixes are RadiusChecks, and how to be rid of it.
func RadiusFixes(list string, believed bool, without []string) []trust.Fix {
	out := RadiusChecks(list, without)
	if believed {
		out = append(out, trust.Fix{Title: "Believe the key no longer, or it comes again", Detail: "It lists what can be taken out, and for whom it can be granted.", Command: "nix-trust narrow"})
	}
	return append(out, trust.Fix{Title: "Remove it, once no root leads to it", Detail: "It refuses what a root still keeps.", Command: list + " | xargs nix-store --delete"})
}

// UnvouchedFixes are what to do about paths that nothing vouches for.
func UnvouchedFixes() []trust.Fix {
	const list = "nix-trust audit --list"
	return []trust.Fix{
		{Title: "Ask the caches whether one signs the same", Command: list + " | xargs nix-trust challenge"},
		{Title: "Get good signatures where a trusted cache has them", Command: list + " | xargs nix store copy-sigs --substituter https://cache.nixos.org"},
		{Title: "Or remove what no root keeps", Command: "nix-collect-garbage"},
	}
}

// word makes one word of a shell.
func word(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
