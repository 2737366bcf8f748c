package lock

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestSameIsNotFooledByOneEqualPart(t *testing.T) {
	p := Pin{NAR: hashOf("1"), Size: 1, Refs: []StorePath{pathOf("a")}, CA: "text:sha256:1mkvday29m2qxg1fnbv8xh9s6151bh8a2xzhh0k86j7lqhyfwibh", By: []string{"k-1"}}
	if !p.Same(p) {
		t.Error("a pin is not the same as itself")
	}
	by := p
	by.By = nil
	if !p.Same(by) {
		t.Error("who signed makes another pin")
	}
	for name, change := range map[string]func(*Pin){
		"hash": func(p *Pin) { p.NAR = hashOf("2") }, "size": func(p *Pin) { p.Size++ }, "references": func(p *Pin) { p.Refs = nil }, "content address": func(p *Pin) { p.CA = "" },
	} {
		o := p
		change(&o)
		if p.Same(o) || o.Same(p) {
			t.Errorf("another %s makes no other pin", name)
		}
	}
}

func TestALockThatCouldNotBeReadIsNotPrinted(t *testing.T) {
	for name, change := range map[string]func(*Lock){
		"two pins in two systems":       func(l *Lock) { l.Section("t").Paths[pathOf("a")] = Pin{NAR: hashOf("2"), Size: 1} },
		"two names for one hash part":   func(l *Lock) { l.Section("t").Paths[pathOf("a")+"x"] = Pin{NAR: hashOf("1"), Size: 1} },
		"the same within one system":    func(l *Lock) { l.Section("s").Paths[pathOf("a")+"x"] = Pin{NAR: hashOf("1"), Size: 1} },
		"another version":               func(l *Lock) { l.Version = 2 },
		"a system with a slash":         func(l *Lock) { l.Section("x86/64") },
		"a section that is missing":     func(l *Lock) { l.Systems["t"] = nil },
		"an output that is no path":     func(l *Lock) { l.Section("s").Outputs["x"] = "/nix/store" },
		"a newline in an output's name": func(l *Lock) { l.Section("s").Outputs["x\n"] = pathOf("a") },
		"a quote in a path":             func(l *Lock) { l.Section("s").Paths[pathOf("b")+`"`] = Pin{NAR: hashOf("1"), Size: 1} },
		"references out of order": func(l *Lock) {
			l.Section("s").Paths[pathOf("b")] = Pin{NAR: hashOf("1"), Size: 1, Refs: []StorePath{pathOf("c"), pathOf("b")}}
		},
		"no size":                      func(l *Lock) { l.Section("s").Paths[pathOf("b")] = Pin{NAR: hashOf("1")} },
		"a content address of no kind": func(l *Lock) { l.Section("s").Paths[pathOf("b")] = Pin{NAR: hashOf("1"), Size: 1, CA: `x" }`} },
		"a signer of two words":        func(l *Lock) { l.Section("s").Paths[pathOf("b")] = Pin{NAR: hashOf("1"), Size: 1, By: []string{"a b"}} },
		"a cache without a URL":        func(l *Lock) { l.Caches = []Cache{{}} },
		"a cache twice":                func(l *Lock) { l.Caches = []Cache{{URL: "https://a.example"}, {URL: "https://a.example"}} },
		"a key twice":                  func(l *Lock) { l.Caches = []Cache{{URL: "https://a.example", Keys: []string{keyA, keyA}}} },
		"two keys of one name":         func(l *Lock) { l.Caches = []Cache{{URL: "https://a.example", Keys: []string{keyA, keyA2}}} },
		"a key in another spelling":    func(l *Lock) { l.Caches = []Cache{{URL: "https://a.example", Keys: []string{keyA + "x"}}} },
		"more systems than are read":   func(l *Lock) { addSystems(l, maxSystems) },
		"more references than are read": func(l *Lock) {
			l.Section("s").Paths[pathOf("b")] = Pin{NAR: hashOf("1"), Size: 1, Refs: make([]StorePath, maxRefs+1)}
		},
	} {
		l := made(t, "s:a=1")
		mustPrint(t, l)
		change(l)
		text, err := l.Print()
		var e *Error
		if !errors.As(err, &e) || text != nil || e.Text == "" {
			t.Errorf("%s: printed %q, %v", name, text, err)
		}
	}
}

func addSystems(l *Lock, n int) {
	for i := range n {
		l.Section("x" + strings.Repeat("y", i%60) + string('a'+rune(i/60)))
	}
}

func TestMergeKeepsASignerThatWasTakenAwayAway(t *testing.T) {
	for _, c := range []struct{ base, ours, theirs, want string }{
		{"a b", "b", "a b c", "b c"}, {"", "a", "b", "a b"}, {"a", "", "a", ""}, {"a", "a", "a", "a"}, {"", "a", "a", "a"},
	} {
		f := strings.Fields
		if got := signers(f(c.base), f(c.ours), f(c.theirs)); !slices.Equal(got, f(c.want)) {
			t.Errorf("%+v: %q", c, got)
		}
		if got := signers(f(c.base), f(c.theirs), f(c.ours)); !slices.Equal(got, f(c.want)) {
			t.Errorf("%+v, sides swapped: %q", c, got)
		}
	}
}

func TestAMarkerInsideALineIsNone(t *testing.T) {
	path := zeros + "-a======="
	l := mustParse(t, "version = 1 # ======= <<<<<<< >>>>>>> |||||||\n[paths.s]\n\""+path+"\" = { nar = \""+nar1+"\", size = 1, refs = [] }\n")
	if _, ok := l.Find(StorePath(path)); !ok {
		t.Error("the path is not there")
	}
}
