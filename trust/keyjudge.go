package trust

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
)

// declaredKey is one key that a flake declares, or one in force.
type declaredKey struct {
	text  string
	where nixconf.Pos
	by    int // index of the declaring setting's verdict, -1 for a key in force
}

// keysFor picks the keys that are said to sign for a cache. Nothing in Nix ties
// a key to a cache, so this goes by the habit of naming a key after the host:
// keys named so, else those that are named after none of the hosts. It decides
// only which keys are looked at; whether they are believed goes by their bytes.
func keysFor(url string, keys []declaredKey, urls []string) []declaredKey {
	hosts := make([]string, 0, len(urls))
	for _, u := range urls {
		hosts = append(hosts, hostOf(u))
	}
	var named, loose []declaredKey
	for _, k := range keys {
		host := keyHost(k.text)
		switch {
		case host != "" && host == hostOf(url):
			named = append(named, k)
		case !slices.Contains(hosts, host):
			loose = append(loose, k)
		}
	}
	if len(named) > 0 {
		return named
	}
	return loose
}

// keyHost is the host a key is named after: "example.org" for "example.org-1:…".
func keyHost(text string) string {
	name := strings.ToLower(keyName(text))
	if i := strings.LastIndexByte(name, '-'); i > 0 && strings.Trim(name[i+1:], "0123456789") == "" {
		return name[:i]
	}
	return name
}

// judgeKeys decides whether a signature by one of the declared keys would be
// believed. All of them have to be for a Pass and none of them for a Fail:
// which of several keys signs is not known here.
func (e *engine) judgeKeys(v *view, url string, declared []declaredKey, settings []SettingVerdict) (Outcome, []Reason) {
	if e.rule.trusts(url) {
		r := e.reason(CodeStoreTrustedParam, Pass, url, "trusted in the URL means that nothing from it has to be signed.")
		r.Fixes = e.caseOf().fixes(CodeStoreTrustedParam)
		return Pass, []Reason{r}
	}
	if v.noSigs != nil {
		return Pass, []Reason{*v.noSigs}
	}
	if v.keyFrom == keysUnknown {
		return Unknown, nil
	}
	if bad := v.ring.Bad(); bad != nil {
		r := e.reason(CodeKeyMalformed, Fail, bad.Text, fmt.Sprintf("%q among the keys cannot be read, and then no signature of any cache is accepted.", bad.Text))
		r.Where, r.NixSays = v.keys[bad.Index].Origin.Pos, "error: "+bad.Err.Error()
		r.Fixes = e.caseAt(r.Where).fixes(CodeKeyMalformed)
		if v.cloudy != nil {
			return Unknown, []Reason{r, e.clouded(v, "The running daemon's keys may be others:")}
		}
		return Fail, []Reason{r}
	}
	if host := hostOf(url); !slices.ContainsFunc(declared, func(k declaredKey) bool { return keyHost(k.text) == host }) {
		declared = append(slices.Clip(declared), inForce(v, url)...)
	}
	if len(declared) == 0 {
		r := e.reason(CodeKeyUndeclared, Unknown, url, "No key is declared for it and none that is believed is named after its host, so whether its signatures are accepted is not known without asking it.")
		return Unknown, []Reason{r}
	}
	var reasons []Reason
	pass, fail := 0, 0
	for _, k := range declared {
		r := e.judgeKey(v, url, k, settings)
		if v.cloudy != nil && r.Outcome == Fail {
			r = e.clouded(v, fmt.Sprintf("%s is not among the keys of the files that can be read, but these may not be all that the daemon goes by:", keyName(k.text)))
		}
		switch r.Outcome {
		case Pass:
			pass++
		case Fail:
			fail++
		}
		reasons = append(reasons, r)
	}
	if v.cloudy != nil && pass > 0 {
		reasons = append(reasons, e.clouded(v, "The running daemon's keys may be others:"))
		return Unknown, reasons
	}
	switch len(declared) {
	case pass:
		return Pass, reasons
	case fail:
		return Fail, reasons
	}
	return Unknown, reasons
}

// clouded is the step for the doubt about where the keys come from.
func (e *engine) clouded(v *view, text string) Reason {
	return e.doubted(v.cloudy, v.cloudy.where.File, text+" "+v.cloudy.text+".")
}

func keyName(text string) string {
	name, _, _ := strings.Cut(text, ":")
	return name
}

// judgeKey decides about one declared key.
func (e *engine) judgeKey(v *view, url string, k declaredKey, settings []SettingVerdict) Reason {
	key, err := bincache.ParsePublicKey(k.text)
	if err != nil {
		r := e.reason(CodeKeyMalformed, Fail, k.text, fmt.Sprintf("The declared key %q is malformed, so it can match nothing.", k.text))
		r.Where = k.where
		return r
	}
	have, i, found := v.ring.Find(key.Name)
	if found && bytes.Equal(have.Key, key.Key) {
		at := v.keys[i].Origin
		code, text := CodeKeyListed, fmt.Sprintf("%s is one of the believed keys.", key.Name)
		if at.Layer == nixconf.LayerFlake {
			code, text = CodeKeyForwarded, fmt.Sprintf("%s is accepted from the flake and believed while the command runs.", key.Name)
		}
		r := e.reason(code, Pass, k.text, text)
		r.Where = at.Pos
		return r
	}
	c := e.caseOf()
	c.url, c.keys = url, []string{k.text}
	if found {
		r := e.reason(CodeKeyNameClash, Fail, k.text, fmt.Sprintf("Another key called %s is believed: %s. Only that one is tried.", key.Name, v.keys[i].Text))
		r.Where = v.keys[i].Origin.Pos
		c.where = r.Where
		r.Fixes = c.fixes(CodeKeyNameClash)
		return r
	}
	if extra := e.secretKeys(v); extra != nil {
		return *extra
	}
	if k.by >= 0 && k.by < len(settings) && settings[k.by].State == SettingApplied && v.keyFrom == keysDaemon && e.trust == Untrusted {
		r := e.reason(CodeKeyRestricted, Fail, "trusted-public-keys", fmt.Sprintf("The daemon drops the key %s, because it takes keys from trusted users alone, and does not list it itself.", key.Name))
		r.Where = k.where
		r.Fixes = c.fixes(CodeKeyRestricted)
		return r
	}
	text := fmt.Sprintf("%s is not one of the keys that are believed.", key.Name)
	if v.keyFrom == keysDaemon {
		text = fmt.Sprintf("%s is not one of the daemon's trusted-public-keys.", key.Name)
	}
	r := e.reason(CodeKeyMissing, Fail, k.text, text)
	r.Where = k.where
	r.Fixes = c.fixes(CodeKeyMissing)
	return r
}

// secretKeys is the doubt that secret-key-files raise: the public halves of
// those keys are believed too, and the files are not read here.
func (e *engine) secretKeys(v *view) *Reason {
	if len(v.secret) == 0 {
		return nil
	}
	r := e.reason(CodeUnreadableLayer, Unknown, "secret-key-files", "It is not listed, but the public halves of secret-key-files are believed too, and those files are not read here.")
	r.Where = v.secret[0].Origin.Pos
	return &r
}
