package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/tui"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// auditedJSON is what `audit --json` prints.
func auditedJSON(t *testing.T, a *app) auditJSON {
	t.Helper()
	var out bytes.Buffer
	a.out, a.json = &out, true
	defer func() { a.out, a.json = io.Discard, false }()
	got, err := a.auditStore(t.Context(), "", func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	_ = a.writeAudit(got, auditFlags{}, nil) // its error is the exit code
	var j auditJSON
	if err := json.Unmarshal(out.Bytes(), &j); err != nil {
		t.Fatal(err)
	}
	return j
}

// shownSum is how the screen writes a sum, whole: "3 paths, 7.3 MB (7347464 bytes)".
var shownSum = regexp.MustCompile(`(in all|signed|alone|on) +(\d+|no) paths?, (?:\S+ \S+ \((\d+) bytes\)|(\d+) B)`)

// shownSums are the sums that a frame has, by their label.
func shownSums(frame string) map[string]jsonAuditSum {
	out := map[string]jsonAuditSum{}
	for _, m := range shownSum.FindAllStringSubmatch(frame, -1) {
		var s jsonAuditSum
		fmt.Sscan(m[2], &s.Paths)
		fmt.Sscan(m[3]+m[4], &s.Size)
		out[m[1]] = s
	}
	return out
}

// Every sum that the Store screen shows is the one that the command prints.
func TestTheStoreScreenHasTheNumbersOfTheAudit(t *testing.T) {
	a, _ := demoApp(t)
	j := auditedJSON(t, a)
	row := func(n int) (head string, sums map[string]jsonAuditSum) {
		t.Helper()
		keys := append([]string{"8"}, strings.Split(strings.Repeat("j", n), "")...)
		frame, err := tui.Frame(t.Context(), tui.Options{Backend: a, Demo: true}, 200, 90, append(keys, "shift+tab", "enter")...)
		if err != nil {
			t.Fatal(err)
		}
		text := ansi.Strip(frame)
		return strings.Split(text, "\n")[3], shownSums(text)
	}
	n := 0
	expect := func(head, label string, want jsonAuditSum) {
		t.Helper()
		got, sums := row(n)
		if !strings.Contains(got, head) || sums[label] != want {
			t.Errorf("row %d, %s: %s is %+v, and the command says %s and %+v", n, strings.Trim(got, " ┃"), label, sums[label], head, want)
		}
	}
	expect("FORGED /nix/store", "in all", j.Total.jsonAuditSum)
	for _, c := range audit.Classes {
		if sum := j.Classes[c.String()]; sum.Paths > 0 {
			n++
			expect(explain.ClassTitle(c), "in all", sum.jsonAuditSum)
		}
	}
	for _, believed := range []bool{true, false} {
		for _, k := range j.Keys {
			if k.Believed == believed && (believed || k.Signed.Paths > 0) {
				n++
				expect(k.Name, "signed", k.Signed.jsonAuditSum)
				expect(k.Name, "alone", k.Alone.jsonAuditSum)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d rows were compared", n)
	}
	sizes := map[string]int64{}
	for _, p := range j.Paths {
		sizes[p.Path] = p.Size
	}
	v, err := a.Store(t.Context(), func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	for range j.Claims {
		n++
		if head, sums := row(n); sums["on"].Paths == 0 {
			t.Errorf("row %d, %s has no paths", n, head)
		}
	}
	if v.Outcome != tui.StoreForged || j.Outcome != "forged" || v.Source != j.Database {
		t.Errorf("the screen says %v of %s, and the command %s of %s", v.Outcome, v.Source, j.Outcome, j.Database)
	}
}

// The demo has one of everything that can be in a store, so that every row of
// the screen can be seen.
func TestTheDemosStoreHasOneOfEverything(t *testing.T) {
	a, _ := demoApp(t)
	v, err := a.Store(t.Context(), func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	for c, sum := range v.ByClass() {
		if sum.All.Paths == 0 {
			t.Errorf("nothing is %s", c)
		}
	}
	kinds := map[audit.ClaimKind]bool{}
	for _, c := range v.Claims() {
		kinds[c.Kind] = true
	}
	for _, k := range []audit.ClaimKind{audit.ClaimForged, audit.ClaimMisfit, audit.ClaimUnknown, audit.ClaimMalformed} {
		if !kinds[k] {
			t.Errorf("no signature is %s", k)
		}
	}
	uses := map[audit.Use]bool{}
	gate := false
	for _, k := range v.Signers() {
		uses[k.Use()] = uses[k.Use()] || v.Keys[k.Key].Believed
		gate = gate || v.Keys[k.Key].Gate && k.Signed.All.Paths > 0
	}
	if !uses[audit.UseNeeded] || !uses[audit.UseNone] || !gate {
		t.Errorf("uses %v, a gate signed %v", uses, gate)
	}
	if total := v.Total(); !v.Roots.Complete() || total.Live.Paths == 0 || total.Dead.Paths == 0 {
		t.Errorf("%+v is kept, by roots that are complete: %v", total, v.Roots.Complete())
	}
	addresses := map[audit.Address]bool{}
	for i := range v.Paths {
		addresses[v.Paths[i].Address] = true
	}
	if !addresses[audit.AddressProved] || !addresses[audit.AddressNamed] {
		t.Errorf("addresses: %v", addresses)
	}
}

func TestTheStoreScreenSaysWhyThereIsNoStore(t *testing.T) {
	a := &app{root: t.TempDir(), user: "root", streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}}
	v, err := a.Store(t.Context(), func(int, int) {})
	if v != nil || err == nil || !strings.Contains(err.Error(), "/nix/var/nix") {
		t.Errorf("%v, %v", v, err)
	}
}
