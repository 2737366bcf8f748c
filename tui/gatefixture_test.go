package tui

import (
	"context"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gate"
)

// gateBackend answers with what a test put into it, and notes what was asked.
type gateBackend struct {
	changeBackend
	views    []GateView
	viewsErr error
	looks    int
	block    bool // looking goes on until its context ends
	ask      FetchAsk
	askErr   error
	out      FetchOutcome
	outErr   error
	fetches  []string
}

func gateFixture() *gateBackend {
	return &gateBackend{
		changeBackend: *changeFixture(), views: fixtureGates(),
		ask: FetchAsk{Told: Told{Hosts: []string{"hyprland.cachix.org", "mirror.example.org"}, Paths: 3}, Had: 2, Left: 1, Bytes: 1234567, Into: "the store"},
		out: FetchOutcome{Paths: 3, Bytes: 1234567, Into: "the store"},
	}
}

func (b *gateBackend) Gates(ctx context.Context) ([]GateView, error) {
	b.looks++
	if b.block {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return b.views, b.viewsErr
}

func (b *gateBackend) FetchAsks(context.Context, string) (FetchAsk, error) { return b.ask, b.askErr }

func (b *gateBackend) Fetch(ctx context.Context, grant string, progress func(done, all int)) (FetchOutcome, error) {
	b.fetches = append(b.fetches, grant)
	progress(1, 3)
	if err := ctx.Err(); err != nil {
		return FetchOutcome{}, err
	}
	return b.out, b.outErr
}

const evilText = "\x1b[2J\u202eevil\nline \u200b\x1b]8;;https://evil.example\x07"

// fixtureGates are the user's gate, which has seen everything, and the
// machine's, which says what a stranger could say.
func fixtureGates() []GateView {
	at := func(s int) time.Time { return clock.Add(time.Duration(s-60) * time.Second) }
	const hypr, mirror, down = "https://hyprland.cachix.org", "https://mirror.example.org/hypr", "https://down.example.org"
	return []GateView{
		{
			Name: "your gate", State: GateRunning, Address: "127.0.0.1:8128", Dir: home + "/.local/state/nix-trust",
			Key: KeyInForce, KeyText: "The daemon's trusted-public-keys have it.",
			Status: gate.Status{
				Version: 1, Started: clock.Add(-2 * time.Hour), PublicKey: "nix-trust-gate-ada-1:Mt/9hbGlnV4rfmRW0o8hE8nX/PsErINPJf8pKrGJVck=", Address: "127.0.0.1:8128",
				Epoch: 3, Fresh: true, Paths: 3,
				Grants: []gate.GrantStatus{{Flake: "git:/home/ada/src/hypr-config/.git", State: "active", Paths: 3}, {Flake: "path:/home/ada/src/blog", State: "stale"}},
				Served: gate.Counts{Infos: 12, Misses: 340, Contents: 2, Refused: 2, Bytes: 1_234_567, Wrong: 1},
				Caches: []gate.CacheStatus{
					{URL: down, Failed: 3, Until: clock.Add(90 * time.Second)},
					{URL: hypr, Delivered: 2, Bytes: 1_234_567, Absent: 1, Begins: 23456 * time.Microsecond},
					{URL: mirror, Wrong: 1},
					{URL: "https://never.example"},
				},
				Recent: []gate.Event{
					{When: at(40), Path: string(lonePath), Result: gate.Left, Cache: hypr, Bytes: 512},
					{When: at(30), Path: string(swappedPath), Result: gate.Refused},
					{When: at(20), Path: string(swappedPath), Result: gate.Cut, Cache: mirror, Bytes: 65536},
					{When: at(10), Path: string(cleanPath), Result: gate.Served, Cache: hypr, Bytes: 1_169_031},
				},
				Evidence: []gate.Evidence{{When: at(20), Path: swappedPath, Cache: mirror, Pinned: lock.Hash{1, 2, 3}, Got: "contents of 65540 bytes with the hash sha256-q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k="}},
			},
		},
		{
			Name: "the machine's gate", Machine: true, State: GateRunning, Address: "127.0.0.1:8129" + evilText, Text: evilText, KeyText: evilText,
			Status: gate.Status{
				PublicKey: evilText, Grants: []gate.GrantStatus{{Flake: evilText, State: evilText, Paths: -7}}, Conflicts: []string{evilText}, Problems: []string{evilText},
				Caches: []gate.CacheStatus{{URL: evilText, Delivered: -1, Bytes: -1}}, Recent: []gate.Event{{Path: evilText, Cache: evilText, Result: evilText, Bytes: -5}},
				Evidence: []gate.Evidence{{Path: evilText, Cache: evilText, Got: evilText}},
			},
			Start: []trust.Fix{{Title: evilText, Detail: evilText, Command: "echo " + evilText}},
		},
	}
}

func stoppedGates() []GateView {
	return []GateView{
		{Name: "your gate", State: GateStopped, Address: "127.0.0.1:8128", Dir: home + "/.local/state/nix-trust", Key: KeyMissing,
			Start: []trust.Fix{{Title: "Make its key, and bring it in force", Command: "nix-trust setup"}, {Title: "Start it", Command: "nix-trust gate", Detail: "fetch and exec need none that runs: they start one of their own."}}},
		{Name: "the machine's gate", Machine: true, Text: "Its socket is not open to this user, so that it cannot be asked.", Address: "127.0.0.1:8128", Dir: "/var/lib/nix-trust-gate",
			Key: KeyNotInForce, KeyText: "The daemon's trusted-public-keys do not have it."},
	}
}
