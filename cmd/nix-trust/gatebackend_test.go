package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/tui"
)

// What may say otherwise was not read: then a list that has the key is no
// proof, as every other screen says too.
func TestAGatesKeyIsInForceOnlyByWhatTheReportSays(t *testing.T) {
	for _, c := range []struct {
		name, conf string
		want       tui.KeyState
	}{
		{"listed", "extra-trusted-public-keys = KEY\n", tui.KeyInForce},
		{"not listed", "", tui.KeyNotInForce},
		{"listed, and a file is not read", "extra-trusted-public-keys = KEY\ninclude large.conf\n", tui.KeyUnknown},
		{"not listed, and a file is not read", "include large.conf\n", tui.KeyUnknown},
		{"listed, and signatures are off", "extra-trusted-public-keys = KEY\nrequire-sigs = false\n", tui.KeyUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, home, _ := changeHost(t)
			t.Setenv("NIX_REMOTE", "local")
			key, err := gate.NewKey("nix-trust-gate-test-1")
			if err != nil {
				t.Fatal(err)
			}
			write(t, home+"/trust-state/gate.pub", key.PublicText()+"\n")
			if err := key.Save(home+"/trust-state/gate.key", -1, -1); err != nil {
				t.Fatal(err)
			}
			write(t, home+"/conf/large.conf", strings.Repeat("#\n", 4<<20))
			write(t, home+"/conf/nix.conf", "substituters =\nexperimental-features = nix-command flakes\n"+strings.ReplaceAll(c.conf, "KEY", key.PublicText()))
			if _, err := a.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
			views, err := a.Gates(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if views[0].Key != c.want || views[0].KeyText == "" {
				t.Errorf("%v %q", views[0].Key, views[0].KeyText)
			}
			key2, err := gate.NewKey("nix-trust-gate-test-1")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(home + "/trust-state/gate.key"); err != nil {
				t.Fatal(err)
			}
			if err := key2.Save(home+"/trust-state/gate.key", -1, -1); err != nil {
				t.Fatal(err)
			}
			if views, err = a.Gates(t.Context()); err != nil || views[0].Key == tui.KeyInForce {
				t.Errorf("another key since: %v %q %v", views[0].Key, views[0].KeyText, err)
			}
		})
	}
}

// screenFetched is what came of asking as the Grants screen asks.
type screenFetched struct {
	Ask    tui.FetchAsk
	AskErr string
	Out    tui.FetchOutcome
	Err    string
	Gates  []tui.GateView
}

// screenFetch is a program that looks at the gates, and fetches the first grant
// there is, or was, as the Grants screen does.
func screenFetch() {
	ctx := context.Background()
	a := &app{streams: streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}}
	var f screenFetched
	fail := func(err error) {
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
	}
	_, err := a.Snapshot(ctx)
	fail(err)
	f.Gates, err = a.Gates(ctx)
	fail(err)
	list, err := a.Grants(ctx)
	fail(err)
	id := "path:/was/taken/back"
	if len(list.Items) > 0 {
		id = list.Items[0].Flake
	}
	if f.Ask, err = a.FetchAsks(ctx, id); err != nil {
		f.AskErr = err.Error()
	}
	if f.Out, err = a.Fetch(ctx, id, func(int, int) {}); err != nil {
		f.Err = err.Error()
	}
	fail(json.NewEncoder(os.Stdout).Encode(f))
}
