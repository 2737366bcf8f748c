package nix

import (
	"context"
	"fmt"
	"slices"
)

// closed are the flags under which a flake is evaluated. They stand on the
// command line, which no file and no variable overrides. What remains of the
// user's own configuration (experimental features, caches, netrc, tokens) is as
// in their own `nix build`.
//
// That the flake's nixConfig is not applied is no flag: builtins.getFlake does
// not. Nix: src/libflake/flake-primops.cc and flake.cc, applyNixConfig.
var closed = []string{
	"--extra-experimental-features", "nix-command flakes",
	"--option", "pure-eval", "true",
	"--option", "accept-flake-config", "false",
	"--option", "allow-unsafe-native-code-during-evaluation", "false", // builtins.exec
	"--option", "plugin-files", "",
	"--option", "eval-cache", "false",
	"--option", "warn-dirty", "false",
}

// quiet are the variables that keep Nix, git and ssh plain and silent.
var quiet = []string{"NO_COLOR=1", "TERM=dumb", "GIT_TERMINAL_PROMPT=0", "SSH_ASKPASS_REQUIRE=never"}

// isolated are flags and variables that keep every program off the network:
// --offline alone still fetches what is in no cache of the user's, and yields to
// `substitute = true` in a file. Nothing listens on port 9.
var isolated = struct{ flags, env []string }{
	flags: []string{"--offline", "--option", "substitute", "false"},
	env: []string{
		"GIT_ALLOW_PROTOCOL=file", "no_proxy=", "NO_PROXY=",
		"http_proxy=http://127.0.0.1:9", "https_proxy=http://127.0.0.1:9", "all_proxy=http://127.0.0.1:9",
		"HTTPS_PROXY=http://127.0.0.1:9", "ALL_PROXY=http://127.0.0.1:9",
	},
}

// run runs nix with a subcommand and its arguments under the closed flags, and
// returns what it printed. An error is an *Error that begins with text, or the
// context's.
func (n *Nix) run(ctx context.Context, text string, env []string, args ...string) ([]byte, error) {
	// Before the subcommand: plugins are loaded once it is known.
	flags := []string{"nix"}
	if n.Offline {
		flags, env = append(flags, isolated.flags...), slices.Concat(isolated.env, env)
	}
	args = slices.Concat(flags, closed, args)
	r, err := n.Runner.Run(ctx, Call{Args: args, Env: slices.Concat(quiet, env)})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &Error{Text: text + ": nix could not be run: " + err.Error(), Hint: "install Nix, or put it into PATH"}
	case r.Code != 0:
		e := &Error{Text: text, Said: lastError(r.Stderr)}
		if e.Said == "" {
			e.Text += fmt.Sprintf(": nix ended with %d and gave no reason", r.Code)
		}
		return nil, e
	}
	return r.Stdout, nil
}
