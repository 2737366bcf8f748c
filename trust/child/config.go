// Package child is a program of Nix's that is run with something of its own: lines
// of NIX_CONFIG, saved answers, and the signals that reach it.
package child

import (
	"slices"
	"strings"
)

// NixConfig is a NIX_CONFIG with more lines. What is there stays byte for byte:
// Nix reads it as a nix.conf, in which a line ends at its newline whatever is
// before it, so that neither a comment nor a backslash reaches into what follows.
// Nix: src/libutil/configuration.cc, parseConfigFiles.
func NixConfig(old string, lines ...string) string {
	var b strings.Builder
	b.WriteString(old)
	if old != "" && !strings.HasSuffix(old, "\n") {
		b.WriteByte('\n')
	}
	for _, l := range lines {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return b.String()
}

// GateLines are what lets Nix ask the gate: its URL, and its key where the word
// of who runs the command counts. extra- adds to what the user has.
func GateLines(url, key string) []string {
	lines := []string{"extra-substituters = " + url}
	if key != "" {
		lines = append(lines, "extra-trusted-public-keys = "+key)
	}
	return lines
}

// WithVariables puts variables over an environment.
func WithVariables(env []string, vars ...string) []string {
	out := slices.Clone(env)
	for _, v := range vars {
		name, _, _ := strings.Cut(v, "=")
		out = slices.DeleteFunc(out, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		out = append(out, v)
	}
	return out
}

// Variable is a variable's value in an environment.
func Variable(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// Direct are the variables that keep requests to this machine away from a proxy
// that the environment names; none when it names none.
// libcurl: CURLOPT_NOPROXY; lower case is read first.
func Direct(env []string) []string {
	named := slices.ContainsFunc([]string{"http_proxy", "all_proxy", "ALL_PROXY"}, func(n string) bool { return Variable(env, n) != "" })
	if !named {
		return nil
	}
	except := Variable(env, "no_proxy")
	if except == "" {
		except = Variable(env, "NO_PROXY")
	}
	switch {
	case except == "*":
		return nil
	case except != "":
		except += ","
	}
	except += "127.0.0.1,::1,localhost"
	return []string{"no_proxy=" + except, "NO_PROXY=" + except}
}
