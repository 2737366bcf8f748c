package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/ledger"
)

// The gate of the whole machine is run by a user of its own.
const (
	gateUser   = "nix-trust-gate"
	systemGate = "/var/lib/nix-trust-gate"
	// gateAddress is where a gate listens unless it is told otherwise. No
	// service is registered for the port.
	gateAddress = "127.0.0.1:8128"
)

// A gatePlace is where one gate has its things. There are two: the machine's,
// for what root has granted, and the user's, for that and for the user's own
// grants. Whoever runs a gate has its key, and with it the daemon's belief, so
// the user's is for machines that are administered by that user.
type gatePlace struct {
	system  bool
	dir     string // of the key, and of what the gate remembers
	socket  string // where it says how it does
	address string // where it serves, on the loopback interface
	netrc   string // the file with credentials for the caches, "" for the system's
}

func (p gatePlace) keyFile() string      { return filepath.Join(p.dir, "gate.key") }
func (p gatePlace) publicFile() string   { return filepath.Join(p.dir, "gate.pub") }
func (p gatePlace) epochFile() string    { return filepath.Join(p.dir, "gate-epochs.json") }
func (p gatePlace) evidenceFile() string { return filepath.Join(p.dir, "evidence.jsonl") }

// url is where one epoch of the gate is asked, with the slash with which a
// daemon admits both spellings (Nix: src/libstore/daemon.cc, ClientSettings).
func (p gatePlace) url(epoch int) string {
	return "http://" + p.address + "/e" + strconv.Itoa(epoch) + "/"
}

// urls are all that a daemon has to admit for an untrusted user.
func (p gatePlace) urls() []string {
	out := make([]string, gate.Epochs)
	for i := range out {
		out[i] = p.url(i)
	}
	return out
}

// userGatePlace is the gate of the user who runs the program; for root that is
// the machine's.
func userGatePlace(uid int, getenv func(string) string, address string) (gatePlace, error) {
	if address == "" {
		address = gateAddress
	}
	if !gate.OnLoopback(address) {
		return gatePlace{}, errors.New(addressProblem(address))
	}
	if uid == 0 && getenv("NIX_TRUST_STATE_DIR") == "" {
		return gatePlace{system: true, dir: systemGate, socket: systemGateSocket(runtime.GOOS), address: address}, nil
	}
	dir, err := ledger.StateDir(uid, getenv)
	if err != nil {
		return gatePlace{}, err
	}
	p := gatePlace{dir: dir, socket: filepath.Join(dir, "gate.sock"), address: address}
	if run := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		p.socket = filepath.Join(run, "nix-trust", "gate.sock")
	}
	return p, nil
}

// systemGateSocket is the socket of the machine's gate: in a folder that systemd
// makes, and where there is no systemd beside the key. All users reach it there.
func systemGateSocket(goos string) string {
	if goos == "linux" {
		return "/run/nix-trust-gate/gate.sock"
	}
	return systemGate + "/gate.sock"
}

// users are those who may run the gate that answers on the socket. The machine's
// is run by whoever has the folder that root has made for it.
func (p gatePlace) users() []uint32 {
	if !p.system {
		return []uint32{uint32(os.Geteuid())}
	}
	out := []uint32{0}
	if info, err := os.Lstat(filepath.Dir(p.socket)); err == nil {
		if uid, known := ownerOf(info); known {
			out = append(out, uint32(uid))
		}
	}
	return out
}

// status asks the gate that runs there.
func (p gatePlace) status(ctx context.Context) (gate.Status, error) {
	return gate.ReadStatus(ctx, p.socket, p.users()...)
}

func addressProblem(address string) string {
	return strconv.Quote(address) + " is no address on the loopback interface, such as " + gateAddress
}

// systemGatePlace is the machine's gate. Without an address it is the one of the
// system's config.toml, as far as that can be read.
func systemGatePlace(address string) gatePlace {
	if address == "" {
		address, _ = host.GateAddress(host.Under("/"), filepath.Join(systemGrants, "config.toml"))
	}
	if address == "" {
		address = gateAddress
	}
	return gatePlace{system: true, dir: systemGate, socket: systemGateSocket(runtime.GOOS), address: address}
}

// gatePlace is the gate of the user who runs the program. Without an address it
// is the one of the config.toml beside the user's grants: for root that of the
// system.
func (a *app) gatePlace(address string) (gatePlace, error) {
	if dir, err := grantsDir(os.Geteuid(), os.Getenv); err == nil && address == "" {
		file := filepath.Join(dir, "config.toml")
		if address, err = host.GateAddress(host.Under("/"), file); err != nil {
			a.warn("%s does not say where the gate listens, so it is %s: %v", file, gateAddress, cause(err))
		}
	}
	p, err := userGatePlace(os.Geteuid(), os.Getenv, address)
	if err != nil {
		return p, &problem{code: exitUsage, text: err.Error()}
	}
	return p, nil
}

// grantsAndGate is what is granted here, and the gate that serves it: at an
// address and with a file of credentials, "" for the usual ones.
func (a *app) grantsAndGate(address, netrc string) (*grantBook, gatePlace, error) {
	b, _, err := a.grantBook()
	if err != nil {
		return nil, gatePlace{}, err
	}
	place, err := a.gatePlace(address)
	place.netrc = netrc
	return b, place, err
}
