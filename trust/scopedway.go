package trust

import "strings"

// A scopedCase is what the ways to scoped trust for one flake depend on. The
// zero scopedCase leads to none of them.
type scopedCase struct {
	dir    string // the flake's folder as a command line has it, "" where none can name it
	helps  bool   // a lock and a grant would let pinned paths of the cache through
	locked bool   // the flake offers a lock that names the cache
	root   bool   // the grant is root's
	// viaRoot says that the daemon believes the machine's gate and not the user's,
	// so that only what root grants comes through.
	viaRoot bool
	setup   bool // no gate's key is believed
}

// fixes returns the ways out of a code, smallest first.
func (c scopedCase) fixes(code Code) []Fix { return remedyCase{scoped: c}.fixes(code) }

func (c scopedCase) fix(r Remedy) (Fix, bool) {
	named := c.dir != ""
	switch r {
	case RemedyScoped:
		f := Fix{
			Title:   "Pin what the cache may deliver to this flake",
			Detail:  "It writes flake.cache-lock, with the hash of each path. nix-trust grant " + c.dir + " then accepts it, and nix-trust fetch " + c.dir + " brings the paths in. Nothing else of the cache is trusted.",
			Command: "nix-trust lock " + c.dir,
		}
		if c.locked {
			f = c.grant(c.viaRoot)
			f.Title = "Accept what the flake's lock pins"
			f.Detail = "The paths in its flake.cache-lock may then come from the caches that it names, and nix-trust fetch " + c.dir + " brings them in. Nothing else of the cache is trusted."
		}
		return f, named && c.helps
	case RemedyGrantAgain:
		f := c.grant(c.root)
		f.Title = "Look at what is on offer, and grant it anew"
		f.Detail = "It compares every pinned path with the caches that the machine trusts anyway, and shows what changes before it asks."
		return f, named
	case RemedyLockAgain:
		return Fix{Title: "Lock the flake anew, or bring its flake.cache-lock back", Command: "nix-trust lock " + c.dir}, named
	case RemedyListGrants:
		return Fix{
			Title:   "Look at the grants one by one",
			Detail:  "It says what keeps each from counting. For a lock that belongs to one source tree it has Nix look at the flake's folder.",
			Command: "nix-trust grants",
		}, true
	case RemedyUndeny:
		f := Fix{Title: "Take the no back", Detail: "Nothing is granted by that; it only may be again.", Command: "nix-trust deny --remove " + c.dir}
		if c.root {
			f.Command, f.Admin = "sudo "+f.Command, true
		}
		return f, named
	case RemedyFetch:
		return Fix{Title: "Bring the pinned paths into the store", Detail: "The next build finds them there.", Command: "nix-trust fetch " + c.dir}, named
	case RemedyExec:
		return Fix{Title: "Or run one command for which Nix asks the gate too", Command: "nix-trust exec --flake " + c.dir + " -- nix build " + c.dir}, named
	case RemedyMachineGrant:
		f := c.grant(true)
		f.Title = "Have the administrator grant it for the machine"
		f.Detail = "The machine's gate, whose key the daemon believes, serves what root has granted and nothing of other users."
		return f, named && c.viaRoot
	case RemedySetup:
		return Fix{
			Title:   "Have the administrator set a gate up, once for this machine",
			Detail:  "It makes the gate's key and shows the line with which the daemon believes it. Nobody becomes trusted; whoever has the key can put anything into the store.",
			Command: "nix-trust setup", Admin: true,
		}, c.setup
	}
	return Fix{}, false
}

// lockInputs is the way to what a flake's inputs ask for, which Nix never applies.
func lockInputs(dir string) (Fix, bool) {
	return Fix{
		Title:   "Pin what the inputs' caches may deliver to this flake",
		Detail:  "It writes flake.cache-lock, with the hash of each path. nix-trust grant " + dir + " then accepts it. Nothing else of the caches is trusted.",
		Command: "nix-trust lock --inputs " + dir,
	}, dir != ""
}

// grant is the command that gives the grant, as the user or as root.
func (c scopedCase) grant(root bool) Fix {
	if root {
		return Fix{Command: "sudo nix-trust grant " + c.dir, Admin: true}
	}
	return Fix{Command: "nix-trust grant " + c.dir}
}

// onCommandLine is a folder as every shell takes it, "" for one that cannot be
// written safely, or that would be read as a reference with parts of its own.
func onCommandLine(folder string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@,:="
	switch {
	case !strings.HasPrefix(folder, "/") || strings.ContainsAny(folder, "'\\!#?%\""):
		return ""
	case strings.Trim(folder, safe) == "":
		return folder
	}
	for i := range len(folder) {
		if folder[i] < ' ' || folder[i] > '~' {
			return ""
		}
	}
	return "'" + folder + "'"
}
