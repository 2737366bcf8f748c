package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/nix-trust/nix-trust/tui"
)

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
