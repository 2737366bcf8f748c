package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/host"
)

func (a *app) gateStatusCommand() *cobra.Command {
	system := false
	c := &cobra.Command{
		Use:   "status",
		Short: "Say how the gates do: what they serve, to whom caches lied, and what is wrong",
		Long: `status asks the gates that run, yours and the machine's, what they serve, what they
have delivered and refused, and how the caches behind them do.

Exit code: 0 when a gate runs and all is well; 1 for conflicts between grants,
for files that could not be read, and for wrong bytes in an earlier run; 3 when
none runs or one could not be asked; 4 when a cache has delivered something else
than is pinned since the gate was started.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case a.demo, a.root != "", a.user != "":
				return usage("the gates of the running system are asked, as the user who runs the program", "leave out demo, --root and --user")
			}
			return a.gateStatus(cmd.Context(), system)
		},
	}
	c.Flags().BoolVar(&system, "system", false, "ask the machine's gate alone")
	return c
}

type gateStatusJSON struct {
	Version int             `json:"version"`
	Gates   []jsonFoundGate `json:"gates"`
}

type jsonFoundGate struct {
	Scope     string       `json:"scope"` // "user", "system"
	State     string       `json:"state"` // "running", "stopped", "unknown"
	Text      string       `json:"text"`
	Socket    string       `json:"socket"`
	Address   string       `json:"address"`   // where it serves, or would
	PublicKey string       `json:"publicKey"` // "" when there is none, or it could not be read
	Status    *gate.Status `json:"status"`    // null unless it runs
}

// A gateState says whether a gate answers. The zero value is unknown.
type gateState int

const (
	gateUnknown gateState = iota // it could not be asked
	gateStopped                  // nobody listens where it would
	gateRunning                  // it has answered
)

func (s gateState) String() string { return [...]string{"unknown", "stopped", "running"}[s] }

// A foundGate is a gate as it was found.
type foundGate struct {
	place  gateplace.Place
	state  gateState
	text   string // a sentence
	key    string // its public half, "" when it has none or it could not be read
	status gate.Status
}

// findGate asks the gate of a place how it does.
func findGate(ctx context.Context, place gateplace.Place) foundGate {
	f := foundGate{place: place, key: publicKeyIn(place)}
	status, err := place.Status(ctx)
	switch {
	case err == nil:
		f.state, f.status, f.text = gateRunning, status, "It runs."
		f.key, f.place.Address = status.PublicKey, status.Address
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		f.state, f.text = gateStopped, "It does not run."
	default:
		f.text = "It could not be asked: " + err.Error() + "."
	}
	return f
}

// publicKeyIn is the public half of a place's key, as it was written beside it.
func publicKeyIn(place gateplace.Place) string {
	text, err := host.Under("/").ReadFile(place.PublicFile())
	if err != nil || len(text) > 1024 {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// findGates asks the user's gate and the machine's. The machine's is left out
// where there is none.
func (a *app) findGates(ctx context.Context) ([]foundGate, error) {
	own, err := a.gatePlace("")
	if err != nil {
		return nil, err
	}
	out := []foundGate{findGate(ctx, own)}
	if !own.System {
		f := findGate(ctx, gateplace.OfMachine(""))
		if _, err := os.Lstat(gateplace.MachineDir); f.state == gateRunning || err == nil {
			out = append(out, f)
		}
	}
	return out, nil
}

func (a *app) gateStatus(ctx context.Context, system bool) error {
	found := []foundGate{}
	if system {
		found = append(found, findGate(ctx, gateplace.OfMachine("")))
	} else {
		var err error
		if found, err = a.findGates(ctx); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	code := gatesCode(found)
	if a.json {
		out := gateStatusJSON{Version: 1, Gates: []jsonFoundGate{}}
		for _, f := range found {
			out.Gates = append(out.Gates, f.json())
		}
		if err := a.writeJSON(out); err != nil {
			return err
		}
		return silent(code)
	}
	for i, f := range found {
		if i > 0 {
			a.print("")
		}
		a.printGate(f)
	}
	return silent(code)
}

func (f foundGate) json() jsonFoundGate {
	out := jsonFoundGate{Scope: "user", State: f.state.String(), Text: f.text, Socket: f.place.Socket, Address: f.place.Address, PublicKey: f.key}
	if f.place.System {
		out.Scope = "system"
	}
	if f.state == gateRunning {
		out.Status = &f.status
	}
	return out
}

// gatesCode is the gravest exit code of the gates that run. That one of two does
// not run is no fault of the other's.
func gatesCode(found []foundGate) int {
	code, running := exitOK, false
	for _, f := range found {
		switch f.state {
		case gateRunning:
			running = true
			code = worse(code, f.code())
		case gateUnknown:
			code = worse(code, exitUnknown)
		}
	}
	if !running {
		code = worse(code, exitUnknown)
	}
	return code
}

func (f foundGate) code() int {
	s := f.status
	switch {
	case s.Served.Wrong > 0:
		return exitBad
	case len(s.Conflicts)+len(s.Problems)+len(s.Evidence) > 0:
		return exitFindings
	}
	return exitOK
}
