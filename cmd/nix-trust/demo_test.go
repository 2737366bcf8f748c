package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui"
)

// emptyFolder fails unless a folder has nothing in it: empty DIR
func emptyFolder(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: empty DIR")
	}
	list, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if (len(list) == 0) == neg {
		ts.Fatalf("%s has %d entries", args[0], len(list))
	}
}

// demoApp is the program on the demo's host, with its scratch folders in a
// folder of the test.
func demoApp(t *testing.T) (a *app, tmp string) {
	t.Helper()
	tmp = t.TempDir()
	t.Setenv("TMPDIR", tmp)
	a = &app{demo: true, streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}}
	a.made().Hurry()
	return a, tmp
}

func demoGrant(t *testing.T, a *app, folder string) string {
	t.Helper()
	p, err := a.Plan(t.Context(), tui.Action{Kind: tui.Grant, Flake: trust.FlakeID{Path: folder}}, noProgress)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return "path:" + folder
}

// The whole life of the demo on the screens: what is granted is served and
// fetched at once, undo takes it away at once, and at the end nothing is left.
func TestTheDemosGateFollowsEveryChangeAndLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a, tmp := demoApp(t)
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Fatal("the demo begins with a scratch folder")
	}
	view := func() tui.GateView {
		t.Helper()
		views, err := a.Gates(t.Context())
		if err != nil || len(views) != 1 || views[0].State != tui.GateRunning {
			t.Fatalf("%+v, %v", views, err)
		}
		return views[0]
	}
	if v := view(); v.Status.Paths != 0 || v.Dir == "" || filepath.Dir(v.Dir) != tmp {
		t.Errorf("before anything is granted: %+v", v)
	}
	id := demoGrant(t, a, tourFine)
	if n := view().Status.Paths; n != 13 {
		t.Errorf("the gate serves %d paths of the grant", n)
	}
	ask, err := a.FetchAsks(t.Context(), id)
	if err != nil || ask.Paths != 13 || len(ask.Hosts) != 2 || !strings.Contains(ask.Into, tmp) {
		t.Errorf("%+v, %v", ask, err)
	}
	if served := view().Status.Served; served.Infos != 0 {
		t.Error("it was asked before a yes")
	}
	out, err := a.Fetch(t.Context(), id, noProgress)
	if err != nil || !out.Whole() || out.Paths != 13 || out.Bytes != ask.Bytes {
		t.Errorf("%+v, %v", out, err)
	}
	if again, err := a.Fetch(t.Context(), id, noProgress); err != nil || again.Had != 13 || again.Paths != 0 {
		t.Errorf("what is there is fetched again: %+v, %v", again, err)
	}
	if s := view().Status; s.Served.Contents != 13 || len(s.Recent) != 13 || s.Served.Wrong != 0 {
		t.Errorf("%+v", s.Served)
	}
	p, err := a.Plan(t.Context(), tui.Action{Kind: tui.Undo}, noProgress)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if n := view().Status.Paths; n != 0 {
		t.Errorf("after undo the gate serves %d paths", n)
	}
	if _, err := a.Fetch(t.Context(), id, noProgress); err == nil {
		t.Error("what was taken back can be fetched")
	}
	address := view().Address
	if err := a.endDemo(); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("the gate listens after the end")
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if views, _ := a.Gates(t.Context()); len(views) != 1 || views[0].State != tui.GateUnknown {
		t.Errorf("a gate was started after the end: %+v", views)
	}
}

func TestTheDemoBlamesACacheThatTurnedHostileAndNobodyElse(t *testing.T) {
	a, _ := demoApp(t)
	defer a.endDemo()
	if _, err := a.Gates(t.Context()); err != nil {
		t.Fatal(err)
	}
	fine, bad := demoGrant(t, a, tourFine), demoGrant(t, a, tourHostile)
	out, err := a.Fetch(t.Context(), bad, noProgress)
	if err != nil || out.Whole() || len(out.Wrong) != 1 || !strings.Contains(out.Wrong[0], "https://harbor-cache.example") || len(out.Refused) != 2 {
		t.Errorf("%+v, %v", out, err)
	}
	if out, err := a.Fetch(t.Context(), fine, noProgress); err != nil || !out.Whole() {
		t.Errorf("another flake's caches are blamed: %+v, %v", out, err)
	}
	views, err := a.Gates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range views[0].Status.Caches {
		if c.Wrong > 0 != (c.URL == "https://harbor-cache.example") {
			t.Errorf("%+v", c)
		}
	}
}

func TestTheDemoIsReadOnlyWhenAskedTo(t *testing.T) {
	a, _ := demoApp(t)
	a.readOnly = true
	if _, err := a.Fetch(t.Context(), "path:"+tourFine, noProgress); err == nil {
		t.Error("it was fetched")
	}
}

func TestATourThatIsStoppedEndsAndLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a, tmp := demoApp(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.tour(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The tour fails when a step does not come out as it has to.
func TestATourOfADemoThatIsNotAsItComesFails(t *testing.T) {
	a, tmp := demoApp(t)
	var out strings.Builder
	a.out = &out
	demoGrant(t, a, tourFine)
	err := a.tour(t.Context())
	if p := new(problem); !errors.As(err, &p) || p.code != exitFindings || !strings.Contains(p.text, "nothing granted: 13 paths came without a grant") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(out.String(), "This is not what it has to be") || strings.Contains(out.String(), "revoke") {
		t.Errorf("it said: %s", out.String())
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
