package trust

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
)

// A Want is what shall be configured. None of it makes a user trusted or turns
// a check off.
type Want struct {
	// Caches may be used by whoever asks for them: trusted-substituters. Where
	// only this user's own configuration is written, they are asked for.
	Caches []string
	// Everything are caches that are asked for every path: substituters.
	Everything []string
	// Keys are believed for every path and every user: trusted-public-keys.
	Keys []string
}

// A Target is whose configuration a Want is written for.
type Target int

const (
	TargetSystem      Target = iota // the machine's, in the way of its platform
	TargetHomeManager               // the user's, as a home-manager module
	TargetCI                        // of the commands of one CI job, as NIX_CONFIG
)

// A Snippet is configuration to copy, complete and exact.
type Snippet struct {
	File  string // where it belongs: a path, or a configuration in words
	Text  string // the lines
	Then  string // the command that makes it count, "" when none is needed or known
	Admin bool   // it takes the administrator
	Notes []string
}

// Command is the text with what has to be done after it, for copying.
func (s Snippet) Command() string {
	if s.Then == "" {
		return s.Text
	}
	return s.Text + "\n# then: " + s.Then
}

// Snippet writes what is wanted for a target on this platform. It is an error
// when nothing is wanted, and when a text is not one that belongs into a
// configuration: what is copied often comes from a stranger's flake.
func (p Platform) Snippet(t Target, w Want) (Snippet, error) {
	if err := w.check(); err != nil {
		return Snippet{}, err
	}
	client := []listLine{
		{"extra-substituters", slashedAll(w.Caches, w.Everything)},
		{"extra-trusted-public-keys", w.Keys},
	}
	switch t {
	case TargetSystem:
		return p.systemSnippet([]listLine{
			{"extra-trusted-substituters", slashedAll(w.Caches)},
			{"extra-substituters", slashedAll(w.Everything)},
			{"extra-trusted-public-keys", w.Keys},
		}), nil
	case TargetHomeManager:
		return Snippet{
			File: "the home-manager configuration", Text: moduleLines(client, false), Then: "home-manager switch",
			Notes: []string{
				"It is this user's own configuration: a daemon that does not trust the user takes a cache from it only where the machine lists that cache, and never a key.",
				"home-manager writes the file only when nix.package is set too.",
			},
		}, nil
	case TargetCI:
		// What the job has set already stays.
		return Snippet{
			File: "the script of the CI job", Text: "export NIX_CONFIG=\"${NIX_CONFIG:-}\n" + confLines(client) + "\"",
			Notes: []string{"It counts for the commands of this job alone. Where Nix runs through a daemon, that has to trust the job's user, or to list the cache and its key itself."},
		}, nil
	}
	return Snippet{}, fmt.Errorf("there is no target %d", t)
}

// systemSnippet writes list settings for the whole machine.
func (p Platform) systemSnippet(lines []listLine) Snippet {
	s := Snippet{File: p.systemFile(), Then: p.activate(), Admin: true}
	if p.modules() {
		s.Text = moduleLines(lines, true)
		return s
	}
	s.Text = confLines(lines)
	s.Notes = []string{"It belongs at the end of the file, as a later line without extra- would undo it."}
	if p.OS != PlatformDeterminate && p.Generated {
		s.Notes = append(s.Notes, p.systemFile()+" is written by another program, which may overwrite the change; make it where that program takes its configuration from.")
	}
	return s
}

// Removal is what to do about an entry of a list setting that shall go.
func (p Platform) Removal(o nixconf.Origin, item string) Fix {
	f := Fix{File: place(o.Pos), Admin: o.Layer == nixconf.LayerSystem}
	name := cmp.Or(o.Name, "the setting")
	switch {
	case o.Layer == nixconf.LayerDefault:
		f.Title = fmt.Sprintf("Replace the built-in %s", name)
		f.Detail = fmt.Sprintf("%q is compiled into Nix; a line that sets the whole list without it is the only way to take it out.", item)
		f.Admin = true
		return f
	case o.Layer == nixconf.LayerEnv:
		f.Title = fmt.Sprintf("Take %q out of NIX_CONFIG", item)
		f.Detail = "Whatever sets the variable sets it again for the next shell."
		return f
	case o.Layer == nixconf.LayerFlag, o.Layer == nixconf.LayerFlake:
		f.Title = fmt.Sprintf("Leave %q out of the command", item)
		return f
	case o.Layer == nixconf.LayerSystem && p.modules():
		f.Title = fmt.Sprintf("Take %q out of nix.settings.%s", item, strings.TrimPrefix(name, "extra-"))
		f.Detail = "The file is made from " + p.systemFile() + "."
		f.Command = then(p.activate())
		return f
	case o.Layer == nixconf.LayerUser && p.HomeManager:
		f.Title = fmt.Sprintf("Take %q out of nix.settings.%s", item, name)
		f.Detail = "The file is made from the home-manager configuration."
		f.Command = then("home-manager switch")
		return f
	}
	f.Title = fmt.Sprintf("Take %q out of %s", item, name)
	if f.Admin {
		f.Command = then(p.Restart)
		if p.Generated {
			f.Detail = "The file is written by another program, which may put it back; take it out where that program takes its configuration from."
		}
	}
	return f
}

func then(command string) string {
	if command == "" {
		return ""
	}
	return "# then: " + command
}

// check reports why a want is not written.
func (w Want) check() error {
	if len(w.Caches)+len(w.Everything)+len(w.Keys) == 0 {
		return errors.New("nothing is wanted")
	}
	for _, u := range slices.Concat(w.Caches, w.Everything) {
		if !plain(u) {
			return fmt.Errorf("the URL %q has characters that do not belong in a configuration", u)
		}
		if !listable(u) {
			return fmt.Errorf("%q is no URL of a cache that every Nix can open with its signatures checked", u)
		}
	}
	names := map[string]string{}
	for _, text := range w.Keys {
		if !plain(text) {
			return fmt.Errorf("the key %q has characters that do not belong in a configuration", text)
		}
		k, err := bincache.ParsePublicKey(text)
		if err != nil || k.Weak() {
			return fmt.Errorf("the key %q is no key that proves anything; one that cannot be read keeps Nix from checking any signature", text)
		}
		if other, known := names[k.Name]; known && other != k.String() {
			return fmt.Errorf("two different keys are called %s, and Nix would try only one of them", k.Name)
		}
		names[k.Name] = k.String()
	}
	return nil
}

// A listLine is one list setting and what is added to it. Without values there
// is no line.
type listLine struct {
	name   string // with extra-
	values []string
}

// confLines writes settings as nix.conf has them.
func confLines(lines []listLine) string {
	var out []string
	for _, l := range lines {
		if len(l.values) > 0 {
			out = append(out, l.name+" = "+strings.Join(l.values, " "))
		}
	}
	return strings.Join(out, "\n")
}

// moduleLines writes settings as modules have them. The system's modules merge
// the plain name with the lists that others set; older ones write extra- before
// it, where it has no effect. home-manager sets no list of its own, so that the
// plain name would replace the machine's.
func moduleLines(lines []listLine, system bool) string {
	var out []string
	for _, l := range lines {
		if len(l.values) == 0 {
			continue
		}
		name := l.name
		if system {
			name = strings.TrimPrefix(name, "extra-")
		}
		quoted := make([]string, len(l.values))
		for i, v := range l.values {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `${`, `\${`).Replace(v) + `"`
		}
		out = append(out, "nix.settings."+name+" = [ "+strings.Join(quoted, " ")+" ];")
	}
	return strings.Join(out, "\n")
}

// modules reports whether the platform's configuration is made of modules, which
// merge the lists that several of them set.
func (p Platform) modules() bool { return p.OS == PlatformNixOS || p.OS == PlatformNixDarwin }

// systemFile is where the administrator writes on this platform.
func (p Platform) systemFile() string {
	switch p.OS {
	case PlatformNixOS:
		return "the NixOS configuration"
	case PlatformNixDarwin:
		return "the nix-darwin configuration"
	case PlatformDeterminate:
		return "/etc/nix/nix.custom.conf"
	}
	return "/etc/nix/nix.conf"
}

// activate is the command after which the system's configuration counts.
func (p Platform) activate() string {
	switch p.OS {
	case PlatformNixOS:
		return "sudo nixos-rebuild switch"
	case PlatformNixDarwin:
		return "sudo darwin-rebuild switch"
	}
	return p.Restart
}

func slashedAll(lists ...[]string) []string {
	var out []string
	for _, u := range slices.Concat(lists...) {
		if s := slashed(u); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// slashed adds the last slash to a URL. The daemon admits a URL that lacks the
// slash where its own entry has one, but not the other way round, so the form
// with the slash admits both spellings.
func slashed(url string) string {
	if strings.HasSuffix(url, "/") || strings.ContainsAny(url, "?#") {
		return url
	}
	return url + "/"
}

// listable reports whether an administrator may be told to list a URL: one that
// every Nix can read and open, and whose signatures are checked.
func listable(url string) bool {
	_, err := nixconf.ParseStoreRef(url)
	return err == nil && openable(url) == Pass && !trustedParam(url)
}

// plain reports whether text is printable ASCII and so safe to copy: into a
// nix.conf, where a # begins a comment, and into a shell's quotes.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e || strings.IndexByte("#\"$`\\'", s[i]) >= 0 {
			return false
		}
	}
	return true
}
