package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/nix-trust/nix-trust/"

// layers has each package with the packages of ours that it may import, tests
// aside. The arrows point one way: what decides and verifies knows nothing of
// what shows it. docs/architecture.md draws the picture.
var layers = map[string][]string{
	"tui/safetext":    {},
	"nixconf":         {},
	"lock/bincache":   {"lock/bincache/keytable"},
	"nixconf/flake":   {"nixconf"},
	"lock":            {"nixconf", "nixconf/flake", "lock/bincache"},
	"lock/verify":     {"lock", "lock/bincache", "lock/nix"}, // goes to the network; lock itself stays pure
	"lock/nix":        {"lock", "lock/bincache"},             // runs the user's nix
	"lock/generate":   {"lock", "lock/bincache", "lock/nix"},
	"lock/challenge":  {"lock", "lock/bincache", "lock/nix", "lock/trustix"},
	"lock/trustix":    {"lock/bincache"}, // asks a node what its logs agree on
	"lock/cachix":     {"lock/bincache"}, // what cachix.org says of a cache's keys
	"lock/probe":      {"lock/bincache"}, // asks caches how they are
	"trust":           {"nixconf", "nixconf/flake", "lock/bincache", "tui/safetext"},
	"trust/grants":    {"nixconf", "nixconf/flake", "lock", "lock/bincache", "trust"},
	"trust/gate":      {"lock", "lock/bincache", "trust/grants"},             // serves what grants pin, on the loopback interface
	"trust/dbfile":    {},                                                    // reads SQLite files without touching them
	"trust/diskcache": {"trust/dbfile"},                                      // what Nix remembers of caches' answers
	"trust/storedb":   {"lock/bincache", "trust/dbfile"},                     // Nix's database of its store
	"trust/audit":     {"lock/bincache", "trust/storedb"},                    // what vouches for what is in a store
	"trust/message":   {"nixconf", "trust"},                                  // reads what Nix printed
	"trust/service":   {"nixconf", "trust"},                                  // what a service manager needs to run a gate
	"trust/operation": {"nixconf", "lock/bincache", "trust", "trust/grants"}, // what belongs to the administrator
	"trust/global":    {"nixconf", "lock", "lock/bincache", "trust"},         // caches that are trusted whatever the flake
	"trust/host":      {"nixconf", "nixconf/flake", "lock", "lock/bincache", "trust", "trust/dbfile", "trust/diskcache", "trust/storedb", "trust/audit"},
	"trust/host/demo": {"nixconf", "lock", "lock/bincache", "trust", "trust/grants", "trust/gate", "trust/host", "trust/storedb"},
	"tui/explain":     {"nixconf", "trust", "trust/audit", "lock/probe", "tui/safetext"},
	"tui/svg":         {},
	"tui/markdown":    {"tui/safetext"}, // outside text in a comment
	"tui/page":        {"nixconf", "lock/probe", "trust", "trust/audit", "tui/safetext", "tui/explain", "tui/markdown"},
	"trust/ledger":    {"trust"}, // durable writes
	"tui":             {"nixconf", "lock", "lock/challenge", "lock/probe", "lock/verify", "trust", "trust/audit", "trust/gate", "trust/storedb", "tui/safetext", "tui/explain", "tui/svg"},
	"cmd/nix-trust": {
		"nixconf", "nixconf/flake",
		"lock", "lock/bincache", "lock/cachix", "lock/challenge", "lock/generate", "lock/nix", "lock/probe", "lock/trustix", "lock/verify",
		"trust", "trust/global", "trust/grants", "trust/gate", "trust/diskcache", "trust/storedb", "trust/audit", "trust/operation", "trust/service", "trust/message", "trust/ledger", "trust/host", "trust/host/bundle", "trust/host/demo",
		"trust/child", "trust/fetch", "trust/gateplace", "trust/gateprocess", "trust/guard", "trust/keeper", "trust/setup",
		"tui", "tui/explain", "tui/markdown", "tui/page", "tui/safetext",
	},

	// What many signatures are checked with.
	"lock/bincache/keytable": {},

	// What a gate is run with.
	"trust/child":       {"nixconf", "trust", "trust/guard"},                                          // Nix with something of its own
	"trust/fetch":       {"lock", "lock/bincache"},                                                    // in which order, and from a gate without waiting
	"trust/gateprocess": {"trust/gate", "trust/gateplace", "tui/safetext"},                            // a gate as a process of its own
	"trust/gateplace":   {"lock/bincache", "trust/gate", "trust/guard", "trust/host", "trust/ledger"}, // where a gate has its things
	"trust/guard":       {},                                                                           // reads what nobody else may have written
	"trust/setup":       {"lock/bincache", "nixconf", "trust"},                                        // what a gate needs, held against the configuration
	"trust/keeper":      {"lock", "trust/grants", "trust/guard", "tui/safetext"},                      // what is granted at each moment

	// For tests alone.
	"nixconf/realnix":            {"nixconf"},                                             // runs real Nix
	"tui/markdown/markdowntest":  {},                                                      // Markdown, read
	"lock/bincache/bincachetest": {"lock/bincache"},                                       // keys that sign
	"trust/host/hosttest":        {"nixconf", "nixconf/flake"},                            // makes big hosts
	"trust/keeper/keepertest":    {"lock", "trust/grants", "trust/guard", "trust/keeper"}, // files of grants
	"trust/smalldisk":            {},                                                      // a disk that is soon full

	// What a look went by, in one file.
	"trust/host/bundle": {"nixconf", "nixconf/flake", "lock", "trust", "trust/host", "tui/safetext"},
}

// pure are the packages that decide: no network, no files, no clock of their own.
var pure = []string{"trust", "trust/setup", "trust/audit", "trust/service", "trust/global", "trust/grants", "trust/operation", "trust/message", "nixconf/flake", "lock", "lock/bincache/keytable", "tui/safetext", "tui/markdown", "tui/page"}

func TestImportsPointOneWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(words[0], module)
		allowed, known := layers[pkg]
		if !known {
			t.Errorf("%s is not in the table: say what it may import", pkg)
		}
		for _, imp := range words[1:] {
			ours, isOurs := strings.CutPrefix(imp, module)
			if isOurs && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s: that arrow points the wrong way", pkg, ours)
			}
			shows := strings.HasPrefix(pkg, "tui") || strings.HasPrefix(pkg, "cmd/")
			if (strings.HasPrefix(imp, "charm.land/") || strings.HasPrefix(imp, "github.com/charmbracelet/")) && !shows {
				t.Errorf("%s imports %s: only tui and cmd draw", pkg, imp)
			}
			if slices.Contains(pure, pkg) && slices.Contains([]string{"os", "net", "net/http", "os/exec", "syscall", "math/rand", "math/rand/v2"}, imp) {
				t.Errorf("%s imports %s: it has to stay pure", pkg, imp)
			}
		}
	}
}

func TestTheEngineHasNoClock(t *testing.T) {
	files, err := filepath.Glob("../../trust/*.go")
	grants, err2 := filepath.Glob("../../trust/grants/*.go")
	if err != nil || err2 != nil || len(files) == 0 || len(grants) == 0 {
		t.Fatal(files, grants, err, err2)
	}
	files = append(files, grants...)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(f, "_test.go") && strings.Contains(string(data), "time.Now(") {
			t.Errorf("%s reads the clock: times are facts that the engine is told", f)
		}
	}
}
