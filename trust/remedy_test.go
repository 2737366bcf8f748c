package trust

import (
	"strings"
	"testing"
)

// commands are the lines to copy that a chain offers.
func commands(rs []Reason) string {
	var b strings.Builder
	for _, r := range rs {
		for _, f := range r.Fixes {
			b.WriteString(f.Command + "\n")
		}
	}
	return b.String()
}

// What a stranger's flake asks for is never passed on as advice when it would do
// more, or harm more, than the advice says.
func TestAdviceNeverTurnsAgainstTheAdministrator(t *testing.T) {
	const malformed = "cache.example-2:AAAA"
	for name, c := range map[string]struct {
		url, key, system string
		never            []string
	}{
		"a URL that turns signatures off":          {url: cacheURL + "?trusted=1", key: goodKey, never: []string{"trusted=1"}},
		"the same, written otherwise":              {url: cacheURL + "?%74rusted=%31", key: goodKey, never: []string{"rusted="}},
		"a key that spoils every other":            {url: cacheURL, key: malformed, never: []string{malformed}},
		"a key whose name is another's":            {url: cacheURL, key: goodKey, system: "extra-trusted-public-keys = " + otherKey, never: []string{goodKey}},
		"a URL that ends in a comment":             {url: cacheURL + "/#/x", key: goodKey, never: []string{"#/x"}},
		"what later Nix stops at":                  {url: "cache", key: goodKey, never: []string{"substituters"}},
		"a kind of store that nobody knows":        {url: "gopher://cache.example", key: goodKey, never: []string{"gopher"}},
		"a malformed key, where the URL is listed": {url: cacheURL, key: malformed, system: "extra-trusted-substituters = " + cacheURL, never: []string{malformed}},
	} {
		for _, answers := range []string{"", `{"extra-substituters":{"` + c.url + `":true},"extra-trusted-public-keys":{"` + c.key + `":true}}`} {
			r := scene{
				version: since(2, 26), system: c.system, answers: answers,
				flake: `nixConfig.extra-substituters = "` + c.url + `"; nixConfig.extra-trusted-public-keys = "` + c.key + `";`,
			}.decide(t)
			lines := commands(r.Flakes[0].Caches[0].Reasons)
			for _, bad := range c.never {
				if strings.Contains(lines, bad) {
					t.Errorf("%s: the advice has %q:\n%s", name, bad, lines)
				}
			}
		}
	}
}

// Modules merge lists; extra- is written before the plain name by older ones.
func TestAdviceForModulesUsesThePlainNames(t *testing.T) {
	c := remedyCase{url: cacheURL, keys: []string{goodKey}, platform: Platform{OS: PlatformNixOS}}
	f, _ := c.fix(RemedyAdminCache)
	want := "nix.settings.trusted-substituters = [ \"" + cacheURL + "/\" ];\nnix.settings.trusted-public-keys = [ \"" + goodKey + "\" ];\n# then: sudo nixos-rebuild switch"
	if f.Command != want {
		t.Errorf("%s", f.Command)
	}
}

func TestTrustedInAURLIsReadAsEachNixReadsIt(t *testing.T) {
	for url, want := range map[string][2]bool{ // before 2.34, since
		"https://x?trusted=1":           {true, true},
		"https://x?a=b&trusted=yes":     {true, true},
		"https://x?trusted=%74rue":      {true, true},
		"https://x?trusted=1#y":         {true, true},
		"https://x?trusted=1&a=b;c":     {true, true},
		"https://x?%74rusted=1":         {false, true},
		"https://x?trusted=0&trusted=1": {false, false},
		"https://x?trusted=TRUE":        {false, false},
		"https://x#?trusted=1":          {false, false},
		"https://trusted=1":             {false, false},
	} {
		if got := [2]bool{urlRule{}.trusts(url), urlRule{refs: true}.trusts(url)}; got != want {
			t.Errorf("%s: %v, want %v", url, got, want)
		}
	}
}

// Nix passes over a cache when it cannot read its URL's parameters.
func TestParametersHaveToBeReadable(t *testing.T) {
	for param, want := range map[string]CacheState{
		"priority=x": StateOff, "priority=": StateOff, "want-mass-query=maybe": StateOff, "trusted=maybe": StateOff, "trusted=": StateOff,
		"store=/other": StateOff, "store=/nix/store": StateUsable, "priority=10": StateUsable, "trusted=0": StateUsable, "unknown=x": StateUsable,
	} {
		url := cacheURL + "?" + param
		s := scene{
			system:  "trusted-substituters = " + url + "\nextra-trusted-public-keys = " + goodKey,
			flake:   `nixConfig.extra-substituters = "` + url + `"; nixConfig.extra-trusted-public-keys = "` + goodKey + `";`,
			answers: `{"extra-substituters":{"` + url + `":true},"extra-trusted-public-keys":{"` + goodKey + `":true}}`,
		}
		if c := s.decide(t).Flakes[0].Caches[0]; c.State != want {
			t.Errorf("%s: %v, want %v: %s", param, c.State, want, codes(c.Reasons))
		}
	}
}

// A name that a shell or a list of users would take for more than a name is not
// put into a line to copy.
func TestOnlyPlainNamesAreInCommands(t *testing.T) {
	for name, want := range map[string]bool{"mira": true, "m.k-2_": true, "a;reboot": false, "$(id)": false, "@wheel": false, "*": false, "-x": false, "": false, "a b": false} {
		c := remedyCase{user: User{Name: name}}
		for _, r := range []Remedy{RemedyAllowUser, RemedyAsRoot} {
			if f, ok := c.fix(r); ok != want {
				t.Errorf("%q: offered %v: %s", name, ok, f.Command)
			}
		}
	}
}
