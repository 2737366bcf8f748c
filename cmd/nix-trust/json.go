package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// The shapes of --json, described in docs/json.md. A key once there stays, and
// keeps its meaning while "version" is 1. Strings are exact, not made safe to
// show: JSON itself escapes control characters. Only secrets are left out.

type jsonHead struct {
	Version int      `json:"version"`
	User    jsonUser `json:"user"`
	Nix     jsonNix  `json:"nix"`
}

type jsonUser struct {
	Name    string       `json:"name"`
	UID     uint32       `json:"uid"`
	Trusted string       `json:"trusted"`
	Reasons []jsonReason `json:"reasons"`
}

type jsonNix struct {
	Version  string     `json:"version"`
	Store    string     `json:"store"`
	StoreWhy string     `json:"storeWhy"`
	Daemon   jsonDaemon `json:"daemon"`
}

type jsonDaemon struct {
	State   string `json:"state"`
	Version string `json:"version"`
	Socket  string `json:"socket"`
}

type jsonFlake struct {
	Ref   string   `json:"ref"`
	Path  string   `json:"path"`
	Found []string `json:"found"`
}

type jsonReason struct {
	Code    string    `json:"code"`
	Title   string    `json:"title"`
	Outcome string    `json:"outcome"`
	Where   string    `json:"where"`
	Text    string    `json:"text"`
	NixSays string    `json:"nixSays"`
	Fixes   []jsonFix `json:"fixes"`
}

type jsonFix struct {
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	File    string `json:"file"`
	Command string `json:"command"`
	Admin   bool   `json:"admin"`
}

type jsonSetting struct {
	Name    string       `json:"name"`
	Value   string       `json:"value"`
	Items   []string     `json:"items"`
	State   string       `json:"state"`
	Daemon  string       `json:"daemon"`
	Risk    string       `json:"risk"`
	Where   string       `json:"where"`
	Reasons []jsonReason `json:"reasons"`
}

type jsonCache struct {
	URL     string       `json:"url"`
	Keys    []string     `json:"keys"`
	Claimed bool         `json:"claimed"`
	State   string       `json:"state"`
	Grant   *jsonScope   `json:"grant"` // that names the cache for the flake, or the flake's denial
	Where   string       `json:"where"`
	Reasons []jsonReason `json:"reasons"`
	Probed  jsonReach    `json:"reachability"`
}

// jsonReach is how a cache answered when it was last probed.
type jsonReach struct {
	State string `json:"state"`
	At    string `json:"at"`    // "" when it was not
	Asked string `json:"asked"` // whether Nix would have asked it: "pass", "fail" or "unknown"
}

type jsonScope struct {
	Flake    string   `json:"flake"`
	State    string   `json:"state"`
	Lock     string   `json:"lock"`
	Systems  []string `json:"systems"`
	Paths    int      `json:"paths"`
	Disputed int      `json:"disputed"`
	Expires  string   `json:"expires"` // "" for never
	Machine  bool     `json:"machine"`
	Where    string   `json:"where"`
}

type jsonInput struct {
	Name      string   `json:"name"`
	Ref       string   `json:"ref"`
	StorePath string   `json:"storePath"`
	URLs      []string `json:"urls"`
}

type jsonFinding struct {
	Code     string    `json:"code"`
	Title    string    `json:"title"`
	Severity string    `json:"severity"`
	Where    string    `json:"where"`
	Subject  string    `json:"subject"`
	Text     string    `json:"text"`
	Fixes    []jsonFix `json:"fixes"`
}

type jsonNote struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// writeJSON prints one object. HTML is not escaped: this is no web page. What a
// terminal would act on or not show is, so that it may be looked at in one.
func (a *app) writeJSON(v any) error {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := a.out.Write(escapeUnseen(buf.Bytes()))
	return err
}

// escapeUnseen writes \u escapes for the characters of a JSON text that safetext
// does not show as they are. All of them are inside strings.
func escapeUnseen(text []byte) []byte {
	if bytes.IndexFunc(text, func(r rune) bool { return r >= 0x7f }) < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r < 0x7f || safetext.Exact(string(text[:n])) {
			out = append(out, text[:n]...)
		} else {
			for _, u := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, u)
			}
		}
		text = text[n:]
	}
	return out
}

func headOf(r *trust.Report) jsonHead {
	version := ""
	if r.Nix.Version != (nixconf.Version{}) {
		version = r.Nix.Version.String()
	}
	return jsonHead{
		Version: 1,
		User:    jsonUser{Name: r.User.Name, UID: r.User.UID, Trusted: r.Trust.String(), Reasons: reasonsOf(r.TrustReasons)},
		Nix: jsonNix{
			Version: version, Store: r.Nix.Store.String(), StoreWhy: r.Nix.StoreWhy,
			Daemon: jsonDaemon{State: r.Daemon.State.String(), Version: r.Daemon.RawVersion, Socket: r.Daemon.Socket},
		},
	}
}

// where writes a place as file:line:col as far as it is known.
func where(p nixconf.Pos) string {
	s := p.File
	if s == "" || p.Line == 0 {
		return s
	}
	s += ":" + strconv.Itoa(p.Line)
	if p.Col > 0 {
		s += ":" + strconv.Itoa(p.Col)
	}
	return s
}

func list[T, U any](in []T, f func(T) U) []U {
	out := make([]U, 0, len(in)) // [] and not null
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

func same(s string) string { return s }

func reasonsOf(rs []trust.Reason) []jsonReason {
	return list(rs, func(r trust.Reason) jsonReason {
		return jsonReason{
			Code: string(r.Code), Title: r.Code.Title(), Outcome: r.Outcome.String(), Where: where(r.Where),
			Text: safetext.Redact(r.Text), NixSays: safetext.Redact(r.NixSays), Fixes: fixesOf(r.Fixes),
		}
	})
}

func fixesOf(fs []trust.Fix) []jsonFix {
	return list(fs, func(f trust.Fix) jsonFix {
		return jsonFix{Title: f.Title, Detail: safetext.Redact(f.Detail), File: f.File, Command: safetext.Redact(f.Command), Admin: f.Admin}
	})
}

func settingsOf(vs []trust.SettingVerdict) []jsonSetting {
	return list(vs, func(v trust.SettingVerdict) jsonSetting {
		return jsonSetting{
			Name: v.Name, Value: secretless(v.Name, v.Value),
			Items: list(v.Items, func(s string) string { return secretless(v.Name, s) }),
			State: v.State.String(), Daemon: v.Daemon.String(), Risk: string(v.Risk), Where: where(v.Where), Reasons: reasonsOf(v.Reasons),
		}
	})
}

func cachesOf(vs []trust.CacheVerdict) []jsonCache {
	return list(vs, func(v trust.CacheVerdict) jsonCache {
		return jsonCache{
			URL: safetext.Redact(v.URL), Keys: list(v.Keys, same), Claimed: v.Claimed, State: v.State.String(),
			Grant: scopeOf(v.Grant), Where: where(v.Where), Reasons: reasonsOf(v.Reasons), Probed: reachOf(v.Probed),
		}
	})
}

func reachOf(p trust.Probed) jsonReach {
	out := jsonReach{State: p.Reach.String(), Asked: p.Asked.String()}
	if p.Reach != trust.NotProbed {
		out.At = p.At.UTC().Format(time.RFC3339)
	}
	return out
}

func scopeOf(g *trust.Granted) *jsonScope {
	if g == nil {
		return nil
	}
	out := &jsonScope{
		Flake: g.Identity, State: string(g.State), Lock: g.Lock, Systems: list(g.Systems, same), Paths: g.Paths, Disputed: g.Disputed,
		Machine: g.Machine, Where: where(g.Where),
	}
	if !g.Expires.IsZero() {
		out.Expires = g.Expires.Format(time.RFC3339)
	}
	return out
}

func inputsOf(ins []trust.InputReport) []jsonInput {
	return list(ins, func(in trust.InputReport) jsonInput {
		return jsonInput{in.Name, safetext.Redact(in.Ref), in.StorePath, list(in.URLs, safetext.Redact)}
	})
}

func findingsOf(fs []trust.Finding) []jsonFinding {
	return list(fs, func(f trust.Finding) jsonFinding {
		return jsonFinding{
			Code: string(f.Code), Title: f.Code.Title(), Severity: f.Severity.String(), Where: where(f.Where),
			Subject: safetext.Redact(f.Subject), Text: safetext.Redact(f.Text), Fixes: fixesOf(f.Fixes),
		}
	})
}

func notesOf(ns []trust.Note) []jsonNote {
	return list(ns, func(n trust.Note) jsonNote { return jsonNote{n.Path, safetext.Redact(n.Text)} })
}

// secretless leaves out the tokens of settings that hold them.
func secretless(setting, value string) string { return explain.Redact(setting, value) }
