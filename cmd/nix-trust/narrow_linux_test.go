package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
)

// granted serves the one grant of a grants.toml, as a gate does.
func (h *household) granted(config, state string) (url string) {
	h.t.Helper()
	file, err := grants.Parse("grants.toml", []byte(content(h.t, h.Root+config+"/grants.toml")))
	if err != nil || len(file.Grants) != 1 {
		h.t.Fatalf("%v %+v", err, file)
	}
	g := file.Grants[0]
	l, err := lock.Parse("accepted", []byte(content(h.t, h.Root+state+"/locks/"+g.Lock+".cache-lock")))
	if err != nil {
		h.t.Fatal(err)
	}
	st := grants.Judge(g.Flake, []grants.Scope{{File: file}}, time.Now(), grants.ReadBack(l, nil), grants.Offer{State: grants.OfferNone})
	served, err := gate.New(gate.Options{Key: h.gate, Client: bincache.NewClient(bincache.Options{})})
	if err != nil {
		h.t.Fatal(err)
	}
	served.Load([]grants.Standing{st})
	s := httptest.NewServer(served)
	h.t.Cleanup(s.Close)
	return s.URL
}

// nothingForTheOther builds the flake that was not chosen, and fails when the
// cache had a part in it.
func (h *household) nothingForTheOther() {
	h.t.Helper()
	h.requests()
	h.alice(0, "nix build --no-link -L path:/home/alice/src/other")
	if asked := h.requests(); len(asked) > 0 {
		h.t.Errorf("the cache was asked for %q", asked)
	}
	if log := h.alice(0, "nix path-info --json path:/home/alice/src/other"); !strings.Contains(log, `"ultimate":true`) {
		h.t.Errorf("it was not built here: %s", log)
	}
}

// theOneThrough gets what the chosen flake has through the gate, as a script of
// alice's does, and then builds the flake with no job allowed.
func (h *household) theOneThrough(script string) {
	h.t.Helper()
	h.alice(0, script)
	if asked := strings.Join(h.requests(), " "); !strings.Contains(asked, "/nar/") {
		h.t.Errorf("nothing came from the cache through the gate: %s", asked)
	}
	out := h.alice(0, "nix build --no-link -L path:/home/alice/src/needs --max-jobs 0\nnix path-info --json path:/home/alice/src/needs", h.gate.Public().Name)
	if strings.Contains(out, `"ultimate":true`) {
		h.t.Errorf("it was built here: %s", out)
	}
}

func TestNarrowingKeepsTheCacheForTheChosenFlakeAlone(t *testing.T) {
	bin := buildProgram(t)
	for _, version := range []string{"2.26", "2.34"} {
		t.Run("nix-"+version, func(t *testing.T) {
			t.Parallel()
			h := newHousehold(t, realnix.Get(t, version), bin)
			stop := h.daemon()
			before := h.files()
			h.alice(0, "cd src/needs && nix-trust narrow", h.cache+"  asked for every path", "in substituters (/etc/nix/nix.conf:5)", "in substituters (~/.config/nix/nix.conf:2)", "key shop-1", "It goes: a flake lists it for the cache")
			narrow := "nix-trust narrow " + h.cache + " --flake ./src/needs"
			h.alice(2, narrow+" --dry-run", "1 host would learn that you use 1 path")
			h.alice(2, narrow+" --json", "1 host would learn that you use 1 path")
			if asked := h.requests(); len(asked) > 0 {
				t.Errorf("the cache was asked unasked: %q", asked)
			}
			h.asItWas(before)
			h.alice(0, narrow+" --yes --dry-run", "Not done by this change: "+h.cache+" stays in substituters (/etc/nix/nix.conf:5")
			h.asItWas(before)

			h.alice(0, narrow+" --yes", "Done. `nix-trust undo 1` takes it back.", "goes out of your substituters", "sudo nix-trust apply ", "nix-trust fetch /home/alice/src/needs")
			if got := content(t, h.Root+"/home/alice/.config/nix/nix.conf"); got != "max-jobs = 1\n" {
				t.Errorf("the user's nix.conf is %q", got)
			}
			if l := content(t, h.Root+"/home/alice/src/needs/flake.cache-lock"); !strings.Contains(l, "-needs-dep") || strings.Contains(l, "-other") {
				t.Errorf("the lock is\n%s", l)
			}

			// The administrator does the rest.
			file := "/home/alice/.local/state/nix-trust/narrow-" + slug(strings.TrimPrefix(h.cache, "http://")) + ".json"
			apply := "SUDO_UID=1000 nix-trust apply " + file
			out := h.root(0, apply+" --dry-run", "goes out of substituters", "Digest: ")
			_, digest, _ := strings.Cut(out, "Digest: ")
			digest, _, _ = strings.Cut(digest, "\n")
			h.root(0, apply+" --yes --digest "+digest, "Done.", "Restart the daemon")
			if got := content(t, h.Root+"/etc/nix/nix.conf"); strings.Contains(got, h.cache) || strings.Contains(got, "shop-1") || !strings.Contains(got, h.gate.Public().String()) {
				t.Errorf("the system's nix.conf is\n%s", got)
			}
			stop()
			stop = h.daemon()
			h.nothingForTheOther()
			h.theOneThrough("nix-trust fetch ./src/needs")
			h.alice(1, "nix-trust fetch ./src/other")
			h.alice(1, narrow+" --yes", "no list of the configuration has")

			h.root(0, "nix-trust undo --yes", "Done.")
			h.alice(0, "nix-trust undo --yes", "Done.")
			stop()
			h.asItWas(before)
		})
	}
}

func TestRootNarrowsTheWholeMachineInOnePlan(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, realnix.Get(t, "2.34"), buildProgram(t))
	stop := h.daemon()
	h.root(0, "rm /home/alice/.config/nix/nix.conf") // what is alice's own is not root's to change
	before := h.files()
	h.root(0, "nix-trust narrow "+h.cache+" --flake path:/home/alice/src/needs --yes", "goes out of substituters (/etc/nix/nix.conf:5)", "Restart the daemon", "/home/alice/src/needs is not yours to write to", "Done. `nix-trust undo 1` takes it back.")
	stop()
	stop = h.daemon()
	h.nothingForTheOther()
	from := "nix copy --from " + h.granted("/etc/nix-trust", "/var/lib/nix-trust") + " $(nix eval --raw path:/home/alice/src/"
	h.theOneThrough(from + "needs#packages.x86_64-linux.default.outPath)")
	h.alice(1, from+"other#packages.x86_64-linux.default.outPath) --to $HOME/elsewhere", "-other")
	h.root(0, "nix-trust undo --yes", "Done.")
	stop()
	h.asItWas(before)
}

// Each of these stops, or has to be confirmed, and leaves every file as it is.
func TestNarrowingStopsBeforeABuildWouldBreak(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, realnix.Get(t, "2.34"), buildProgram(t))
	h.daemon()
	narrow := "nix-trust narrow " + h.cache + " --flake ./src/needs --yes"
	before := h.files()

	key := content(t, h.Root+"/home/alice/.local/state/nix-trust/gate.key")
	h.alice(1, "mv .local/state/nix-trust/gate.key kept\n"+narrow, "nothing was changed. What has to be confirmed", "The gate has no key: run `nix-trust setup` first.", "--confirmed")
	h.alice(0, narrow+" --dry-run", "nix-trust setup", "To be confirmed: The gate has no key: ")
	h.alice(0, "mv kept .local/state/nix-trust/gate.key")
	if content(t, h.Root+"/home/alice/.local/state/nix-trust/gate.key") != key {
		t.Fatal("the key was not put back")
	}
	h.root(0, "sed -i 's/ nix-trust-gate-.*//' /etc/nix/nix.conf")
	h.alice(1, narrow, "The gate's key is in none of the files that could be read.")
	putFile(t, h.Root+"/etc/nix/nix.conf", strings.SplitN(before["/etc/nix/nix.conf"], " ", 2)[1], 0o644)
	h.asItWas(before)

	// The cache lacks a part of it.
	h.root(0, "cd /srv/cache; mv $(grep -l -- '-needs-dep$' *.narinfo | head -1) /srv/gone")
	h.alice(1, narrow, "not pinned, as no cache has it", "the lock lacks something")
	h.root(0, "mv /srv/gone /srv/cache/$(sed -n 's,^StorePath: /nix/store/\\([a-z0-9]*\\)-.*,\\1,p' /srv/gone).narinfo")
	h.asItWas(before)

	// Something else is locked than the cache has.
	h.alice(0, "nix-trust lock --yes ./src/needs", "wrote")
	other := strings.Replace(content(t, h.Root+"/home/alice/src/needs/flake.cache-lock"), "size = 128", "size = 129", 1)
	h.root(0, "cat > /home/alice/src/needs/flake.cache-lock <<'END'\n"+other+"END")
	locked := h.files()
	h.alice(4, narrow+" --confirmed", "129 bytes", "nothing was changed, as there is no lock for")
	h.asItWas(locked)
	h.alice(4, narrow+" --confirmed --json", `"kind": "differs"`)
	h.asItWas(locked)

	// A cache that stays, and does not answer.
	h.root(0, "rm /home/alice/src/needs/flake.cache-lock\nsed -i 's,^substituters = ,&http://127.0.0.1:9 ,' /etc/nix/nix.conf")
	here := h.files()
	h.alice(3, narrow+" --confirmed", "http://127.0.0.1:9")
	h.asItWas(here)
	h.alice(1, narrow+" --without http://127.0.0.1:9", "What has to be confirmed", "http://127.0.0.1:9 is trusted anyway and was not asked")
	h.asItWas(here)

	// What NixOS makes is told to the one who writes its configuration.
	h.root(0, "touch /etc/NIXOS; sed -i 's,http://127.0.0.1:9 ,,' /etc/nix/nix.conf; mv /etc/nix/nix.conf /nix/store/2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-nix.conf; ln -s /nix/store/2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-nix.conf /etc/nix/nix.conf")
	out := h.alice(0, narrow+" --dry-run", `out of nix.settings.substituters`, "sudo nixos-rebuild switch", "Not done by this change: ")
	if strings.Contains(out, "nix-trust apply") {
		t.Errorf("the administrator is told to apply what cannot be:\n%s", out)
	}
}

func TestNarrowingFindsWhoNeedsItAndWhatWasSaved(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, realnix.Get(t, "2.34"), buildProgram(t))
	stop := h.daemon()
	putFile(t, h.Root+"/home/alice/.config/nix-trust/config.toml", "roots = [\"/home/alice/src\"]\n", 0o644)
	saved := `{"extra-substituters":{"` + h.cache + `":true,"https://b.example":true},"extra-trusted-public-keys":{"` + h.key + `":true}}`
	putFile(t, h.Root+"/home/alice/.local/share/nix/trusted-settings.json", saved, 0o600)
	h.root(0, "chown -R alice: /home/alice")
	before := h.files()
	narrow := "nix-trust narrow " + h.cache + " --all-claiming --yes"
	out := h.alice(0, narrow+" --dry-run", "to what the locks of 1 flake pin", "nix-trust answers forget "+h.cache)
	if strings.Contains(out, "other/flake.cache-lock") {
		t.Errorf("a flake that does not ask for it gets a grant:\n%s", out)
	}
	h.alice(0, narrow+" --probe --dry-run", "does not ask for it; the cache has 1 of its 1 output", "to what the locks of 2 flakes pin")
	h.asItWas(before)

	// A folder that the user may not write to: the lock lies elsewhere.
	h.root(0, "chown -R root: /home/alice/src/needs")
	h.alice(0, narrow+" --probe --forget-answers", "Done.", "/home/alice/src/needs is not yours to write to")
	if got := content(t, h.Root+"/home/alice/.local/share/nix/trusted-settings.json"); got != `{"extra-substituters":{"https://b.example":true}}` {
		t.Errorf("the answers are %s", got)
	}
	after := h.files()
	if _, wrote := after["/home/alice/src/needs/flake.cache-lock"]; wrote || after["/home/alice/src/other/flake.cache-lock"] == "" {
		t.Error("the locks are not where they belong")
	}
	h.alice(0, "nix-trust grants", "active  path:/home/alice/src/needs", "active  path:/home/alice/src/other")

	// Again, with the system's list alone: the locks and grants are taken as they are.
	out = h.alice(0, narrow+" --probe", "is complete, and is accepted as it is")
	if strings.Contains(out, "Done.") {
		t.Errorf("something was changed again:\n%s", out)
	}
	h.requests()
	h.alice(0, "nix-trust fetch ./src/needs && nix-trust fetch ./src/other")
	h.alice(0, "nix-trust undo --yes", "Done.")
	stop()
	h.asItWas(before)
}
