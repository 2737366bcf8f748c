package nix

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	if err := checkSystem(system); err != nil {
		return "", &Error{Text: fmt.Sprintf("%s: %q is none", text, clip(system))}
	}
	return system, nil
}

// checkSystem holds a system against docs/cache-lock.md.
func checkSystem(s string) error {
	ok := len(s) > 0 && len(s) <= 64
	for i := range len(s) {
		c := s[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if !ok {
		return errors.New("a system is up to 64 letters, digits, _ and -, such as x86_64-linux")
	}
	return nil
}

// clip cuts what is quoted in a message.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
