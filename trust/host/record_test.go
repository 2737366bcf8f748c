package host

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/nix-trust/nix-trust/trust"
)

// A variable that is asked for and not recorded would be taken for unset in a
// bundle.
func TestNoVariableIsAskedForThatIsNotRecorded(t *testing.T) {
	for _, nix := range []string{"2.8.0", "2.26.3", "2.34.8", "2.95.0"} {
		for _, set := range []bool{false, true} {
			files := fstest.MapFS{"nix/store/" + hash32 + "-nix-" + nix + "/bin/nix": {Mode: 0o755}, "etc/nix/nix.conf": {Data: []byte("x = y\n")}}
			m := New(In(files), nil, trust.User{Name: "mira", UID: 1000, Home: "/home/mira"}, nil)
			var mu sync.Mutex
			asked := map[string]bool{}
			m.env = func(name string) (string, bool) {
				mu.Lock()
				defer mu.Unlock()
				asked[name] = true
				if name == "PATH" {
					return "/nix/store/" + hash32 + "-nix-" + nix + "/bin", true
				}
				return "/set", set && name != "NIX_REMOTE"
			}
			m.addrs = nil
			Look(context.Background(), m, Options{Cwd: "/home/mira"})
			if len(asked) < 10 {
				t.Fatalf("only %d were asked for", len(asked))
			}
			for name := range asked {
				if !slices.Contains(variables, name) {
					t.Errorf("%s: %s is asked for and not recorded", nix, name)
				}
			}
		}
	}
}

const hash32 = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

func TestReplayRefusesARecordThatContradictsItself(t *testing.T) {
	good := RecordedDaemon{State: "answered", Trust: "trusted"}
	for _, bad := range []Record{
		{},
		{Daemon: RecordedDaemon{State: "answered"}},
		{Daemon: RecordedDaemon{State: "great", Trust: "trusted"}},
		{Daemon: RecordedDaemon{State: "answered", Trust: "very"}},
		{Daemon: RecordedDaemon{State: "absent", Trust: "trusted"}},
		{Daemon: RecordedDaemon{State: "garbled", Trust: "untrusted"}},
		{Daemon: good, User: &RecordedUser{Name: "mira"}},
	} {
		if _, _, err := Replay(In(fstest.MapFS{}), bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	for _, d := range []RecordedDaemon{good, {State: "refused", Trust: "unknown"}, {State: "garbled", Trust: "unknown"}, {State: "not-asked", Trust: "unknown"}} {
		m, _, err := Replay(In(fstest.MapFS{}), Record{Daemon: d})
		if err != nil {
			t.Errorf("%+v: %v", d, err)
			continue
		}
		if got := m.replayed.daemon; got.State.String() != d.State || got.Trust.String() != d.Trust {
			t.Errorf("%+v became %+v", d, got)
		}
	}
}
