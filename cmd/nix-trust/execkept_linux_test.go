package main

import (
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// docs/gate.md says so: a signature counts for as long as the key does, and not
// for as long as the grant.
func TestWhatTheGateHasSignedOutlivesARevokeWhereSomebodyKeptIt(t *testing.T) {
	s := newScene(t, realnix.Get(t, "2.34"), buildProgram(t), "")
	p := s.project("kept")
	s.grant(p.dir)
	base := p.base.In(s.inside + "/store")
	path, kept := p.mid.In(s.inside+"/store"), "file://"+s.inside+"/home/cache"
	s.alice(0, p.dir, "nix-store", "--realise", base)
	s.alice(0, p.dir, "nix", "copy", "--to", kept, base)
	s.exec(0, p.dir, "sh", "-c", `nix copy --no-recursive --from "$(echo "$NIX_CONFIG" | sed -n 's/^extra-substituters = //p')" --to `+kept+" "+path)
	s.trust(0, p.dir, "revoke", "--yes")
	s.own.requests()
	s.alice(0, p.dir, "nix", "copy", "--no-recursive", "--from", kept, path)
	s.requestsOf(0)
	p.want("common kept", "own kept", "")
}
