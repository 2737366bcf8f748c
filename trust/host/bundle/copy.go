package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// A copier makes what goes into a bundle of the files that were read: what is
// read of them, without what is secret.
type copier struct {
	cover
	facts   *trust.Facts
	ids     []uint32 // groups of the process
	sources bool     // flake.nix go in whole
}

var errWithin = errors.New("what is secret in it cannot be told from the rest")

// file returns what goes in of a file of a kind.
func (c *copier) file(k kind, name string, data []byte) ([]byte, error) {
	switch k {
	case kindConfig:
		return c.config(name, data), nil
	case kindRegistry, kindLock:
		return c.inJSON(data, nil), nil
	case kindAnswers:
		return c.inJSON(data, func(names []string) string {
			if len(names) == 2 {
				return names[1]
			}
			return ""
		}), nil
	case kindFlake:
		return c.flake(data)
	case kindCacheLock:
		return c.cacheLock(name, data)
	case kindProfile:
		return c.profile(data)
	case kindPreferences:
		return c.preferences(data)
	case kindUsers:
		return c.users(data), nil
	case kindGroups:
		return c.groups(data), nil
	case kindRelease:
		return keepLines(data, "ID="), nil
	case kindPackages:
		return packages(data), nil
	}
	return nil, errors.New("it is of a kind that is not copied")
}

// config keeps the settings that are known, each where it is. Comments go, but
// for a generator's mark, and so do the values of settings that nobody knows.
func (c *copier) config(name string, data []byte) []byte {
	var out bytes.Buffer
	for line := range nixconf.Parse(name, data).Lines() {
		switch line.Kind {
		case nixconf.LineBlank:
			if mark := host.GeneratedMark(line.Raw); mark != "" {
				out.WriteString("# " + mark)
			}
		case nixconf.LineAssign:
			out.WriteString(c.assignment(line))
		default:
			out.WriteString(c.line(line.Text))
		}
		if bytes.HasSuffix(line.Raw, []byte("\n")) {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

func (c *copier) assignment(line nixconf.Line) string {
	setting := line.Tokens[0].Text
	at := line.Tokens[1].Col // after the equals sign
	if _, _, ok := nixconf.Lookup(setting); !ok {
		return line.Text[:at]
	}
	return line.Text[:at] + c.value(setting, line.Text[at:])
}

// line covers a line that Nix cannot read, or an include.
func (c *copier) line(s string) string {
	for w := range strings.FieldsSeq(s) {
		name, _, _ := strings.Cut(w, "=")
		if name = strings.TrimRight(name, ":"); safetext.IsSecret(name) {
			at := strings.Index(s, name) + len(name)
			return s[:at] + notBlank.ReplaceAllStringFunc(s[at:], func(w string) string {
				if strings.Trim(w, "=:") == "" {
					return w
				}
				return c.secretWords(w)
			})
		}
	}
	return c.text(s)
}

func (c *copier) flake(data []byte) ([]byte, error) {
	features := c.facts.Client.Tokens("experimental-features")
	v := c.facts.Nix.Version
	out, ok := []byte(nil), true
	if c.sources {
		out = []byte(c.text(string(data)))
	} else {
		if out, ok = flake.Reduce(data, v, features, c.value); !ok {
			return nil, errors.New("what Nix reads of it cannot be told from the rest; --sources takes flakes whole")
		}
	}
	settings, _ := flake.ReadConfig("flake.nix", out, v, features...)
	for _, s := range settings {
		if !c.covers(s.Name, s.Value) {
			return nil, errWithin
		}
	}
	return out, nil
}

// covers reports whether nothing is left to cover in a setting's value.
func (c *copier) covers(setting, value string) bool {
	if safetext.IsSecret(setting) {
		for w := range strings.FieldsSeq(value) {
			if _, secret, _ := strings.Cut(w, "="); secret != "" && !covered.MatchString(secret) {
				return false
			}
		}
		return true
	}
	return c.text(value) == value
}

// cacheLock keeps a lock as it is, as long as that says everything: what is
// written with escapes could hide something.
func (c *copier) cacheLock(name string, data []byte) ([]byte, error) {
	l, err := lock.Parse(name, data)
	out := []byte(c.text(string(data)))
	if err != nil {
		if bytes.IndexByte(data, '\\') >= 0 || bytes.IndexByte(data, '#') >= 0 {
			return nil, errWithin
		}
		return out, nil
	}
	for _, cache := range l.Caches {
		if !clean(cache.URL) {
			return nil, errWithin
		}
	}
	return dropComments(out), nil
}

// dropComments blanks lines of TOML that are comments.
func dropComments(data []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#")) {
			line = []byte("\n")
		}
		out.Write(line)
	}
	return out.Bytes()
}

// profile keeps where packages were installed from, and not which files they are.
func (c *copier) profile(data []byte) ([]byte, error) {
	type element struct {
		AttrPath    string `json:"attrPath,omitempty"`
		OriginalURI string `json:"originalUri,omitempty"`
		OriginalURL string `json:"originalUrl,omitempty"`
		URI         string `json:"uri,omitempty"`
		URL         string `json:"url,omitempty"`
	}
	var m struct {
		Version  int             `json:"version"`
		Elements json.RawMessage `json:"elements"`
	}
	var list []element
	var byName map[string]element
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	var elements any = &list
	if bytes.HasPrefix(bytes.TrimSpace(m.Elements), []byte("{")) {
		elements = &byName
	}
	if err := json.Unmarshal(m.Elements, elements); err != nil {
		return nil, err
	}
	var err error
	if m.Elements, err = json.Marshal(elements); err != nil {
		return nil, err
	}
	out, err := json.Marshal(m)
	return c.inJSON(out, nil), err
}

// preferences keeps what is known of a config.toml.
func (c *copier) preferences(data []byte) ([]byte, error) {
	var p struct {
		Roots []string `toml:"roots,omitempty"`
		Gate  string   `toml:"gate,omitempty"`
	}
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, errors.New("it has more than is known here")
	}
	out, err := toml.Marshal(p)
	return []byte(c.text(string(out))), err
}

// users keeps root and the user who is looked at, without password and name.
func (c *copier) users(data []byte) []byte {
	var out strings.Builder
	uid := strconv.FormatUint(uint64(c.facts.User.UID), 10)
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(f) < 6 || f[2] != "0" && f[2] != uid && f[0] != c.facts.User.Name {
			continue
		}
		fmt.Fprintf(&out, "%s:x:%s:%s::%s:\n", f[0], f[2], f[3], f[5])
	}
	return []byte(out.String())
}

// groups keeps the groups that the user or the process is in, and of their
// members the user alone. The first entry of a name or an id counts, so those
// that come before are kept too.
func (c *copier) groups(data []byte) []byte {
	type line struct {
		name, gid string
		member    bool
	}
	var all []line
	names, gids := map[string]bool{}, map[string]bool{}
	for _, name := range slices.Concat([]string{c.facts.User.Group}, c.facts.User.MemberOf, c.facts.User.Supplementary) {
		names[name] = true
	}
	for _, id := range c.ids {
		gids[strconv.FormatUint(uint64(id), 10)] = true
	}
	for text := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(text, "\n"), ":")
		if len(f) < 3 {
			continue
		}
		l := line{name: f[0], gid: f[2]}
		if len(f) > 3 {
			for m := range strings.SplitSeq(f[3], ",") {
				l.member = l.member || strings.TrimSpace(m) == c.facts.User.Name
			}
		}
		if l.member || gids[l.gid] {
			names[l.name], gids[l.gid] = true, true
		}
		all = append(all, l)
	}
	var out strings.Builder
	for _, l := range all {
		if !names[l.name] && !gids[l.gid] {
			continue
		}
		member := ""
		if l.member {
			member = c.facts.User.Name
		}
		fmt.Fprintf(&out, "%s:x:%s:%s\n", l.name, l.gid, member)
	}
	return []byte(out.String())
}

func keepLines(data []byte, starts ...string) []byte {
	var out strings.Builder
	for line := range strings.Lines(string(data)) {
		if slices.ContainsFunc(starts, func(s string) bool { return strings.HasPrefix(line, s) }) {
			out.WriteString(line)
		}
	}
	return []byte(out.String())
}

// packages keeps what Debian's package database says of Nix.
func packages(data []byte) []byte {
	var out bytes.Buffer
	for entry := range bytes.SplitSeq(data, []byte("\n\n")) {
		if bytes.HasPrefix(bytes.TrimLeft(entry, "\n"), []byte("Package: nix-bin\n")) {
			out.Write(keepLines(entry, "Package: ", "Status: ", "Version: "))
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}
