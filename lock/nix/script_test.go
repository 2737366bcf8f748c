package nix

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/lock"
)

// A script is a nix that says what a test wants.
type script func(args []string) (stdout string, code int)

func (s script) Run(ctx context.Context, c Call) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	out, code := s(c.Args)
	if code != 0 {
		return Result{Stderr: []byte("error: " + out), Code: code}, nil
	}
	return Result{Stdout: []byte(out)}, nil
}

const (
	anyHash   = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
	cleanTree = `{"path":"` + h0 + `source","url":"path:/x","resolvedUrl":"path:/x","resolved":{"type":"path","path":"/x"},` +
		`"locked":{"type":"path","path":"/x","narHash":"` + anyHash + `","lastModified":7},"locks":{"root":"root","nodes":{"root":{}}}}`
)

var dirtyTree = strings.NewReplacer(`"type":"path","path":"/x","narHash"`, `"type":"git","url":"file:///x","dirtyRev":"1-dirty","narHash"`,
	`"path:/x"`, `"git+file:///x"`).Replace(cleanTree)

func TestWhatNixSaysOfAFlakeIsNotBelievedBlindly(t *testing.T) {
	for name, out := range map[string]string{
		"no JSON": "x", "no object": "[]", "empty": "", "nothing": "{}", "null": "null",
		"another store":      strings.Replace(cleanTree, "/nix/store", "/other/store", 1),
		"no store path":      strings.Replace(cleanTree, h0+"source", "/nix/store/../etc", 1),
		"no hash":            strings.Replace(cleanTree, anyHash, "", 1),
		"another hash":       strings.Replace(cleanTree, "sha256-", "sha512-", 1),
		"an unlocked input":  strings.Replace(cleanTree, `"root":{}`, `"root":{},"a":{"locked":{"type":"git","url":"x"}}`, 1),
		"a dirty input":      strings.Replace(cleanTree, `"root":{}`, `"root":{},"a":{"locked":{"type":"git","rev":"1","dirtyRev":"1-dirty"}}`, 1),
		"an indirect input":  strings.Replace(cleanTree, `"root":{}`, `"root":{},"a":{"locked":{"type":"indirect"}}`, 1),
		"a hashless input":   strings.Replace(cleanTree, `"root":{}`, `"root":{},"a":{"locked":{"type":"path","path":"/etc"}}`, 1),
		"two JSON documents": cleanTree + cleanTree,
	} {
		n := &Nix{Runner: script(func([]string) (string, int) { return out, 0 })}
		if src, err := n.Source(t.Context(), "."); err == nil {
			t.Errorf("%s: %+v", name, src)
		}
	}
	n := &Nix{Runner: script(func([]string) (string, int) { return cleanTree, 0 })}
	inner := strings.Replace(cleanTree, `"root":{}`, `"root":{},"a":{"locked":{"type":"path","path":"./inner"}},"b":{"locked":{"type":"git","rev":"1","narHash":"x"}}`, 1)
	if _, err := (&Nix{Runner: script(func([]string) (string, int) { return inner, 0 })}).Source(t.Context(), "path:/x"); err != nil {
		t.Error(err)
	}
	src, err := n.Source(t.Context(), "path:/x")
	if err != nil || src.Path != base0+"source" || src.NarHash.String() != anyHash || src.Folder != "/x" || src.Rev != "" {
		t.Errorf("%+v %v", src, err)
	}
}

func TestWhatNixSaysOfOutputsIsNotBelievedBlindly(t *testing.T) {
	good := `{"narHash":"` + anyHash + `","answers":[[{"kind":"attributes","names":[]}],[{"kind":"absent"}],[{"kind":"absent"}],[{"kind":"absent"}]]}`
	for name, out := range map[string]string{
		"no JSON": "x", "nothing": "{}", "null": "null", "an array": "[]",
		"another tree":     strings.Replace(good, "ungW", "xngW", 1),
		"no tree":          strings.Replace(good, `"`+anyHash+`"`, "null", 1),
		"too few answers":  strings.Replace(good, `,[{"kind":"absent"}]]`, "]", 1),
		"too many answers": strings.Replace(good, `]]}`, `],[]]}`, 1),
		"an empty answer":  strings.Replace(good, `[{"kind":"absent"}]`, "[]", 1),
		"two in one":       strings.Replace(good, `{"kind":"absent"}`, `{"kind":"absent"},{"kind":"absent"}`, 1),
	} {
		for _, out := range map[string]string{name: out} {
			n := &Nix{Runner: script(func(args []string) (string, int) {
				if slices.Contains(args, "metadata") {
					return cleanTree, 0
				}
				return out, 0
			})}
			src, err := n.Source(t.Context(), ".")
			if err != nil {
				t.Fatal(err)
			}
			if o, err := n.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{}); err == nil {
				t.Errorf("%s: %+v", name, o)
			}
		}
	}
	n := &Nix{Runner: script(func(args []string) (string, int) {
		if slices.Contains(args, "metadata") {
			return cleanTree, 0
		}
		return good, 0
	})}
	src, _ := n.Source(t.Context(), ".")
	if o, err := n.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{}); err != nil || len(o.Outputs)+len(o.Failures) != 0 {
		t.Errorf("%+v %v", o, err)
	}
}

func TestATreeThatChangesMeanwhileIsAnError(t *testing.T) {
	reads := 0
	n := &Nix{Runner: script(func(args []string) (string, int) {
		if slices.Contains(args, "metadata") {
			if reads++; reads > 1 {
				return strings.Replace(dirtyTree, "ungW", "xngW", 1), 0
			}
			return dirtyTree, 0
		}
		return `{"narHash":null,"answers":[[{"kind":"attributes"}],[{"kind":"absent"}],[{"kind":"absent"}],[{"kind":"absent"}]]}`, 0
	})}
	src, err := n.Source(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	if o, err := n.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{}); err == nil || !strings.Contains(err.Error(), "changed") || reads != 2 {
		t.Errorf("%+v %v", o, err)
	}
}

var ranges = regexp.MustCompile(`what = "(\w+)"; from = (\d+); to = (\d+);`)

// broken is a nix for a flake with n packages, all of which end the evaluation
// but those that are fine.
func broken(n int, fine func(int) bool, calls *int) script {
	return func(args []string) (string, int) {
		*calls++
		var answers []string
		for _, m := range ranges.FindAllStringSubmatch(strings.Join(args, " "), -1) {
			from, _ := strconv.Atoi(m[2])
			to, _ := strconv.Atoi(m[3])
			var some []string
			for i := from; i < to; i++ {
				if !fine(i) {
					return "it aborts", 1
				}
				some = append(some, fmt.Sprintf(`{"kind":"derivation","drv":"%sx%d.drv","output":"out"}`, h0, i))
			}
			if m[1] == "kind" {
				some = []string{`{"kind":"absent"}`}
				if len(answers) == 1 {
					var names []string
					for i := range n {
						names = append(names, fmt.Sprintf("%q", fmt.Sprint("p", i)))
					}
					some = []string{`{"kind":"attributes","names":[` + strings.Join(names, ",") + "]}"}
				}
			}
			answers = append(answers, "["+strings.Join(some, ",")+"]")
		}
		return `{"narHash":"` + anyHash + `","answers":[` + strings.Join(answers, ",") + "]}", 0
	}
}

func TestAFlakeFullOfBrokenOutputsEndsSoon(t *testing.T) {
	hash, err := lock.ParseHash(anyHash)
	src := &Source{Path: base0 + "source", NarHash: hash}
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	n := &Nix{Root: t.TempDir(), Runner: broken(3000, func(int) bool { return false }, &calls)}
	o, err := n.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{})
	if err != nil || len(o.Failures) != 3000 || calls > maxCalls {
		t.Fatalf("%d calls: %v", calls, err)
	}
	said := map[string]int{}
	for _, f := range o.Failures {
		said[f.Text]++
	}
	if said["it aborts"] == 0 || len(said) != 2 {
		t.Errorf("%v", said)
	}

	calls = 0
	n.Runner = broken(1000, func(i int) bool { return i != 500 && i != 7 }, &calls)
	o, err = n.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{})
	if err != nil || len(o.Failures) != 1000 {
		t.Fatal(err)
	}
	for _, f := range o.Failures {
		alone := f.Name == "packages.p500" || f.Name == "packages.p7"
		if alone != (f.Text == "it aborts") || !alone && !strings.Contains(f.Text, "not in the store") {
			t.Errorf("%s: %s", f.Name, f.Text)
		}
	}
	if calls > 50 {
		t.Errorf("%d calls for two broken ones of a thousand", calls)
	}
}

func TestAnEndedContextIsItsError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	n := &Nix{Runner: script(func(args []string) (string, int) {
		if calls++; calls == 2 {
			cancel()
			return "interrupted", 130
		}
		return cleanTree, 0
	})}
	src, err := n.Source(ctx, ".")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Outputs(ctx, src, "x86_64-linux", OutputOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := n.Source(ctx, "."); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := n.System(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzWhatNixPrints(f *testing.F) {
	f.Add(cleanTree, `{"narHash":"`+anyHash+`","answers":[[{"kind":"attributes"}],[{"kind":"attributes","names":["a"]}],[{"kind":"absent"}],[{"kind":"derivation"}]]}`)
	f.Add(dirtyTree, `{"answers":[[{"kind":"derivation","drv":"`+h0+`x.drv","output":"out"}]]}`)
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, tree, answers string) {
		n := &Nix{Root: root, Runner: script(func(args []string) (string, int) {
			if slices.Contains(args, "metadata") {
				return tree, 0
			}
			return answers, 0
		})}
		src, err := n.Source(t.Context(), "path:/x")
		if err != nil {
			return
		}
		if src.NarHash.IsZero() || src.Path == "" {
			t.Errorf("a source without a tree: %+v", src)
		}
		if src.dirty != "" {
			return // it makes folders
		}
		o, err := n.Outputs(t.Context(), src, "x86_64-linux", OutputOptions{})
		if err == nil && len(o.Outputs) > 0 {
			t.Errorf("outputs without a derivation in the store: %+v", o)
		}
	})
}
