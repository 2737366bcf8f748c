package trust

import (
	"fmt"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A Remedy is a kind of way out. The catalogue orders a code's remedies by
// blast radius. None of them makes a user trusted, turns signatures off or
// accepts what every flake asks: those are what this tool exists to avoid.
type Remedy int

const (
	RemedyNone Remedy = iota
	RemedyAnswer
	RemedyForget
	RemedyRemoveAccept
	RemedyAskAgain
	RemedyRepairAnswers
	RemedyAdminCache
	RemedyAdminKey
	RemedyGlobal
	RemedyAllowUser
	RemedyUntrustUser
	RemedyStartDaemon
	RemedyRestart
	RemedyKeyClash
	RemedyFixKey
	RemedyRequireSigs
	RemedyTrustedParam
	RemedySubstitute
	RemedyAsRoot
	RemedyEnableFlakes
	// Those of scoped trust are filled in with the flake that they are for.
	RemedyScoped
	RemedyGrantAgain
	RemedyLockAgain
	RemedyListGrants
	RemedyUndeny
	RemedyFetch
	RemedyExec
	RemedyMachineGrant
	RemedySetup
)

// A case is what a remedy is about: the machine and the parts that apply.
type remedyCase struct {
	platform Platform
	user     User
	url      string
	keys     []string
	answer   string      // path of the trusted-settings.json
	name     string      // setting
	value    string      // its literal value
	where    nixconf.Pos // the line to change
	// yesHelps says that a yes to Nix's question would be enough.
	yesHelps bool
	scoped   scopedCase
}

// fixes returns the ways out of a code in this case, smallest first.
func (c remedyCase) fixes(code Code) []Fix {
	var out []Fix
	for _, r := range catalogue[code].Remedies {
		if f, ok := c.fix(r); ok {
			out = append(out, f)
		}
	}
	return out
}

func (c remedyCase) fix(r Remedy) (Fix, bool) {
	switch r {
	case RemedyAnswer:
		if !c.yesHelps {
			return Fix{}, false
		}
		return Fix{
			Title:  "Answer Nix's question",
			Detail: "Run the command in a terminal and type the single letter y; “yes” written out counts as no. A second y saves the answer, for every flake that asks for this same value.",
		}, true
	case RemedyForget:
		if c.name == "" {
			return Fix{}, false
		}
		f := Fix{
			Title:   "Forget the saved answer",
			Detail:  fmt.Sprintf("It is the entry %q under %q. Nix then asks again.", safetext.RedactValue(c.name, c.value), c.name),
			Command: forgetCommand(c.name, c.value),
		}
		if f.Command == "" {
			f.File = c.answer
		}
		return f, true
	case RemedyRemoveAccept:
		return Fix{
			Title:  "Remove accept-flake-config",
			Detail: "Delete the line. Nix then asks about each setting again.",
			File:   place(c.where),
		}, true
	case RemedyAskAgain:
		return Fix{
			Title:  "Set accept-flake-config to ask",
			Detail: "Lix then goes by the saved answers, and asks about the rest.",
			File:   place(c.where),
		}, true
	case RemedyRepairAnswers:
		return Fix{
			Title:  "Correct the file, or move it away",
			Detail: "Moved away, every saved answer is forgotten and Nix asks again.",
			File:   c.answer, Command: moveAway(c.answer),
		}, true
	case RemedyAdminCache:
		if !listable(c.url) {
			return Fix{}, false
		}
		title, detail := "Have the administrator list this cache", "Every user of the machine may then use the cache, for any flake."
		if len(c.keys) > 0 {
			title += " and its key"
			detail = "Every user of the machine may then use the cache, for any flake, and its key is believed for every path."
		}
		f := c.snippet(title, detail+" Nobody becomes trusted.", Want{Caches: []string{c.url}})
		if f.Command != "" {
			f.Detail += c.proposal()
		}
		return f, true
	case RemedyAdminKey:
		if len(c.keys) == 0 {
			return Fix{}, false
		}
		return c.snippet("Have the administrator add the key",
			"Whatever is signed with it is then believed, for every path and every user. Nobody becomes trusted.", Want{}), true
	case RemedyGlobal:
		if !listable(c.url) {
			return Fix{}, false
		}
		return c.snippet("Have the administrator make it a cache for everything",
			"It is then asked for every package that any user installs, and slows every build down when it is slow or dead.",
			Want{Everything: []string{c.url}}), true
	case RemedyAllowUser:
		s := c.platform.systemSnippet([]listLine{{"extra-allowed-users", []string{c.user.Name}}})
		return Fix{
			Title:  "Have the administrator let this user in",
			Detail: "allowed-users says who may talk to the daemon; it gives no trust.",
			File:   s.File, Command: s.Command(), Admin: true,
		}, isName(c.user.Name)
	case RemedyUntrustUser:
		return Fix{
			Title:  "List the caches instead, and take the user out of trusted-users",
			Detail: "Caches that the administrator lists in trusted-substituters work for every user without making anybody root.",
			File:   place(c.where), Admin: true,
		}, true
	case RemedyStartDaemon:
		return Fix{Title: "Start the daemon", Command: c.platform.Restart, Admin: true}, c.platform.Restart != ""
	case RemedyRestart:
		return Fix{
			Title:   "Restart the daemon",
			Detail:  "Builds that it runs at the moment are stopped.",
			Command: c.platform.Restart, Admin: true,
		}, c.platform.Restart != ""
	case RemedyKeyClash:
		return Fix{
			Title:  "Find out which of the two keys is the cache's own",
			Detail: "Compare both with what the cache's owner publishes, and remove the other one. A key that was replaced under the same name deserves a question.",
			File:   place(c.where),
		}, true
	case RemedyFixKey:
		return Fix{
			Title:  "Correct or remove the key",
			Detail: "A key is written NAME:BASE64, with 32 bytes in the second part.",
			File:   place(c.where),
		}, true
	case RemedyRequireSigs:
		return Fix{
			Title: "Remove require-sigs = false and list the keys of the caches instead",
			File:  place(c.where), Admin: true,
		}, true
	case RemedyTrustedParam:
		return Fix{
			Title: "Remove trusted from the URL and list the cache's key instead",
			File:  place(c.where), Admin: true,
		}, true
	case RemedySubstitute:
		return Fix{
			Title: "Remove substitute = false",
			File:  place(c.where),
		}, c.where.File != ""
	case RemedyEnableFlakes:
		return Fix{
			Title: "Enable flakes for this user", Detail: "It concerns this user's own commands only.",
			File: "~/.config/nix/nix.conf", Command: "extra-experimental-features = nix-command flakes",
		}, true
	case RemedyAsRoot:
		return Fix{
			Title:   "Look again as the administrator",
			Detail:  "Root can read the file; nothing is changed by looking.",
			Command: "sudo nix-trust doctor --user " + c.user.Name, Admin: true,
		}, isName(c.user.Name)
	}
	return c.scoped.fix(r)
}

// snippet is the administrator's text for this platform. Where no line may be
// copied it says so instead.
func (c remedyCase) snippet(title, detail string, w Want) Fix {
	w.Keys = c.keys
	f := Fix{Title: title, Detail: detail, Admin: true, File: c.platform.systemFile()}
	s, err := c.platform.Snippet(TargetSystem, w)
	if err != nil {
		f.Detail += " No line to copy is offered: " + err.Error() + "."
		return f
	}
	f.Command = s.Command()
	f.Detail = strings.Join(append([]string{f.Detail}, s.Notes...), " ")
	return f
}

// proposal says how to write the change down instead, "" where the words would
// not be the same in every shell.
func (c remedyCase) proposal() string {
	words := append([]string{c.url}, c.keys...)
	if len(c.keys) == 0 {
		return ""
	}
	for _, w := range words {
		if _, ok := cacheName(c.url); !ok || strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/.+=_-") != "" || strings.HasPrefix(w, "-") {
			return ""
		}
	}
	return " If the administrator is somebody else, this writes it down for them: nix-trust propose allow " + strings.Join(words, " ") + " -o change.json"
}

// isName reports whether a user's name means itself on a command line and in a
// list of users, where @ begins a group.
func isName(s string) bool {
	return s != "" && !strings.HasPrefix(s, "-") && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// moveAway is the command that sets a file aside, "" when its name cannot be
// written safely on a command line.
// forgetCommand forgets one saved answer; "" where the words would not be the
// same in every shell, or hold a secret.
func forgetCommand(name, value string) string {
	if !safetext.Exact(name+value) || strings.ContainsAny(name+value, "'\\\n!") || safetext.RedactValue(name, value) != value {
		return ""
	}
	return fmt.Sprintf("nix-trust answers forget '%s' '%s'", name, value)
}

func moveAway(path string) string {
	if path == "" || !plain(path) {
		return ""
	}
	return fmt.Sprintf("mv '%s' '%s.bad'", path, path)
}

// place writes a position as file:line, "" when there is none.
func place(p nixconf.Pos) string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}
