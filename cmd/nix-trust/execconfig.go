package main

import (
	"slices"
	"strings"
)

// nixConfig is a NIX_CONFIG with more lines. What is there stays byte for byte:
// Nix reads it as a nix.conf, in which a line ends at its newline whatever is
// before it, so that neither a comment nor a backslash reaches into what follows.
// Nix: src/libutil/configuration.cc, parseConfigFiles.
func nixConfig(old string, lines ...string) string {
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

// gateLines are what lets Nix ask the gate: its URL, and its key where the word
// of who runs the command counts. extra- adds to what the user has.
func gateLines(url, key string) []string {
	lines := []string{"extra-substituters = " + url}
	if key != "" {
		lines = append(lines, "extra-trusted-public-keys = "+key)
	}
	return lines
}

// withVariables puts variables over an environment.
func withVariables(env []string, vars ...string) []string {
	out := slices.Clone(env)
	for _, v := range vars {
		name, _, _ := strings.Cut(v, "=")
		out = slices.DeleteFunc(out, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		out = append(out, v)
	}
	return out
}

// variable is a variable's value in an environment.
func variable(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// direct are the variables that keep requests to this machine away from a proxy
// that the environment names; none when it names none.
// libcurl: CURLOPT_NOPROXY; lower case is read first.
func direct(env []string) []string {
	named := slices.ContainsFunc([]string{"http_proxy", "all_proxy", "ALL_PROXY"}, func(n string) bool { return variable(env, n) != "" })
	if !named {
		return nil
	}
	except := variable(env, "no_proxy")
	if except == "" {
		except = variable(env, "NO_PROXY")
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
