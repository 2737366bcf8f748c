package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// Where a user may not read the database, the daemon tells the same.
func TestAuditByTheDaemonIsTheAuditOfItsDatabase(t *testing.T) {
	bin := buildProgram(t)
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		h := newHousehold(t, nix, bin)
		stop := h.daemon()
		h.root(0, `nix-store --generate-binary-cache-key shop-1 forger pub
nix build --no-link path:/home/alice/src/other
nix build --no-link path:/home/alice/src/needs
echo text > text; nix-store --add text
nix store sign --key-file forger $(nix-store --add text)`)
		database := map[string]auditJSON{}
		for _, args := range []string{"", "--key shop-1", "--unused"} {
			database[args] = h.audit(args)
		}
		if d := database[""]; d.Daemon != "" || d.Total.Paths < 5 || d.Classes["signed"].Paths == 0 || d.Outcome != "forged" {
			t.Fatalf("there is too little to compare: %+v", d)
		}

		h.root(0, "chmod 700 /nix/var/nix/db")
		for args, want := range database {
			got := h.audit(args)
			if got.Daemon != "/nix/var/nix/daemon-socket/socket" {
				t.Errorf("%s: told by %q", args, got.Daemon)
			}
			got.Daemon = ""
			if a, b := sorted(t, got), sorted(t, want); a != b {
				t.Errorf("%s: by the daemon\n%s\nby the database\n%s", args, a, b)
			}
		}
		h.alice(4, "nix-trust audit --plain", "told by the daemon at /nix/var/nix/daemon-socket/socket, Nix "+nix.Short, "as the database could not be read: permission denied",
			"FORGED: under the name of the believed key shop-1")
		h.alice(4, "nix-trust audit --list")

		stop()
		h.alice(3, "nix-trust audit", "/nix/var/nix/db/db.sqlite could not be read", "permission denied", "run nix-trust audit as root")
	})
}

// audit is what alice's audit says.
func (h *household) audit(args string) (out auditJSON) {
	h.t.Helper()
	r := h.run(h.uid, h.gid, "nix-trust audit --json "+args)
	if err := json.Unmarshal([]byte(r.Stdout), &out); err != nil {
		h.t.Fatalf("%v: exit %d: %s%s", err, r.Code, r.Stdout, r.Stderr)
	}
	return out
}

// sorted is an audit with its paths in order, as JSON. How many processes there
// are changes in between.
func sorted(t *testing.T, a auditJSON) string {
	t.Helper()
	a.Roots.Unseen = nil
	slices.SortFunc(a.Paths, func(x, y jsonAuditPath) int { return strings.Compare(x.Path, y.Path) })
	text, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
