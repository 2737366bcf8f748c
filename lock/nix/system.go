package nix

import (
	"context"
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/lock"
)

// System returns the system that the user's nix builds for, "x86_64-linux". It
// need not be this machine's: the user's configuration may say another.
func (n *Nix) System(ctx context.Context) (string, error) {
	const text = "the system that nix builds for could not be found out"
	out, err := n.run(ctx, text, nil, "eval", "--raw", "--impure", "--expr", "builtins.currentSystem")
	if err != nil {
		return "", err
	}
	system := strings.TrimSpace(string(out))
	if err := lock.CheckSystem(system); err != nil {
		return "", &Error{Text: fmt.Sprintf("%s: %q is none", text, clip(system))}
	}
	return system, nil
}

// clip cuts what is quoted in a message.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
