// Package gateplace knows where a gate has its things and to whom they belong: its
// key, its socket, its addresses. There are two gates on a machine, the machine's
// and the user's.
package gateplace

import (
	"cmp"
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
	MachineUser = "nix-trust-gate"
	MachineDir  = "/var/lib/nix-trust-gate"
	// Address is where a gate listens unless it is told otherwise. No service is
	// registered for the port.
	Address = "127.0.0.1:8128"
	// machineConfig may say where the machine's gate listens.
	machineConfig = "/etc/nix-trust/config.toml"
)

// A Place is where one gate has its things. There are two: the machine's,
// for what root has granted, and the user's, for that and for the user's own
// grants. Whoever runs a gate has its key, and with it the daemon's belief, so
// the user's is for machines that are administered by that user.
type Place struct {
	System  bool   // it is the machine's
	Dir     string // of the key, and of what the gate remembers
	Socket  string // where it says how it does
	Address string // where it serves, on the loopback interface
	Netrc   string // the file with credentials for the caches, "" for the system's
}

func (p Place) KeyFile() string      { return filepath.Join(p.Dir, "gate.key") }
func (p Place) PublicFile() string   { return filepath.Join(p.Dir, "gate.pub") }
func (p Place) EpochFile() string    { return filepath.Join(p.Dir, "gate-epochs.json") }
func (p Place) EvidenceFile() string { return filepath.Join(p.Dir, "evidence.jsonl") }

// URL is where one epoch of the gate is asked, with the slash with which a
// daemon admits both spellings (Nix: src/libstore/daemon.cc, ClientSettings).
func (p Place) URL(epoch int) string {
	return "http://" + p.Address + "/e" + strconv.Itoa(epoch) + "/"
}

// URLs are all that a daemon has to admit for an untrusted user.
func (p Place) URLs() []string {
	out := make([]string, gate.Epochs)
	for i := range out {
		out[i] = p.URL(i)
	}
	return out
}

// OfUser is the gate of the user who runs the program; for root that is the
// machine's. Without an address it is at the usual one; an error says that the
// address is none of this machine's own, or that the user has no home.
func OfUser(uid int, getenv func(string) string, address string) (Place, error) {
	if address == "" {
		address = Address
	}
	if err := CheckAddress(address); err != nil {
		return Place{}, err
	}
	if uid == 0 && getenv("NIX_TRUST_STATE_DIR") == "" {
		return Place{System: true, Dir: MachineDir, Socket: machineSocket(runtime.GOOS), Address: address}, nil
	}
	dir, err := ledger.StateDir(uid, getenv)
	if err != nil {
		return Place{}, err
	}
	p := Place{Dir: dir, Socket: filepath.Join(dir, "gate.sock"), Address: address}
	if run := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		p.Socket = filepath.Join(run, "nix-trust", "gate.sock")
	}
	return p, nil
}

// machineSocket is the socket of the machine's gate: in a folder that systemd
// makes, and where there is no systemd beside the key. All users reach it there.
func machineSocket(goos string) string {
	if goos == "linux" {
		return "/run/nix-trust-gate/gate.sock"
	}
	return MachineDir + "/gate.sock"
}

// Users are those who may run the gate that answers on the socket. The machine's
// is run by whoever has the folder that root has made for it.
func (p Place) Users() []uint32 {
	if !p.System {
		return []uint32{uint32(os.Geteuid())}
	}
	out := []uint32{0}
	if info, err := os.Lstat(filepath.Dir(p.Socket)); err == nil {
		if uid, known := ownerOf(info); known {
			out = append(out, uint32(uid))
		}
	}
	return out
}

// Status asks the gate that runs there.
func (p Place) Status(ctx context.Context) (gate.Status, error) {
	return gate.ReadStatus(ctx, p.Socket, p.Users()...)
}

// CheckAddress says what is wrong with an address that a gate may not listen on.
func CheckAddress(address string) error {
	if gate.OnLoopback(address) {
		return nil
	}
	return errors.New(strconv.Quote(address) + " is no address on the loopback interface, such as " + Address)
}

// OfMachine is the machine's gate. Without an address it is the one of the
// system's config.toml, as far as that can be read.
func OfMachine(address string) Place {
	if address == "" {
		address = cmp.Or(MachineAddress(), Address)
	}
	return Place{System: true, Dir: MachineDir, Socket: machineSocket(runtime.GOOS), Address: address}
}

// MachineAddress is where the machine's gate is told to listen, "" when nothing
// that can be read says so.
func MachineAddress() string {
	address, _ := host.GateAddress(host.Under("/"), machineConfig)
	return address
}
