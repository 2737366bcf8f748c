package main

import (
	"context"
	"strings"
	"testing"
)

// A person reads what is wrong with a command line: no word of the library that
// reads it, the command that is meant, and a hint that can be followed.
func TestMisuseIsSaidInASentenceWithTheCommandThatIsMeant(t *testing.T) {
	for line, want := range map[string]string{
		"foo":                   "`nix-trust` has no command \"foo\"",
		"statu":                 "is `nix-trust status` meant?",
		"gate stauts":           "is `nix-trust gate status` meant?",
		"gate status now":       "`nix-trust gate status` takes no argument, and \"now\" was given",
		"demo grnt":             "`nix-trust demo --help` lists the commands",
		"apply":                 "`nix-trust apply` takes 1 argument, and none was given",
		"grant a b":             "`nix-trust grant` takes at most 1 argument, and 2 were given",
		"lock diff a":           "`nix-trust lock diff` takes 2 arguments, and 1 was given",
		"lock merge a b":        "`nix-trust lock merge` takes 3 to 4 arguments, and 2 were given",
		"gate --port 3":         "`nix-trust gate` has no flag --port",
		"-x":                    "`nix-trust` has no flag -x",
		"setup -z":              "`nix-trust setup` has no flag -z",
		"fetch --lock":          "--lock needs a value: --lock FILE",
		"setup -o":              "--output needs a value: --output FILE",
		"grant --days x":        "--days is a whole number, which \"x\" is not",
		"gate --idle 5":         "--idle is a time such as 90s or 2h, which \"5\" is not",
		"grant --yes=perhaps":   "--yes is true or false, which \"perhaps\" is not",
		"grant --=x":            "--=x is no flag",
		"apply --help=perhaps":  "`nix-trust apply --help`",
		"fetch --days 3 a b c ": "`nix-trust fetch` has no flag --days",
	} {
		var said strings.Builder
		code := run(context.Background(), strings.Fields(line), streams{in: strings.NewReader(""), out: &said, err: &said})
		if code != exitUsage || !strings.Contains(said.String(), want) {
			t.Errorf("nix-trust %s: exit %d, %s, want %s", line, code, &said, want)
		}
		for _, ours := range []string{"arg(s)", "strconv", "unknown ", "invalid argument", "<nil>"} {
			if strings.Contains(said.String(), ours) {
				t.Errorf("nix-trust %s: it says %q in %s", line, ours, &said)
			}
		}
		if !strings.Contains(said.String(), "hint: ") {
			t.Errorf("nix-trust %s: no hint in %s", line, said.String())
		}
	}
}
