package trust

import (
	"bytes"
	"fmt"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
)

// A belief is whether signatures of a gate are accepted, and the step that says
// so. The zero belief is unknown.
type belief struct {
	of Outcome
	by Reason
}

// gateBelief judges a gate's key under a view. A pass takes the key in the
// effective list, where the first key of a name counts, of a daemon that answers
// and that has read what is in its files. That signatures are not checked at all
// is none: then the gate adds nothing.
func (e *engine) gateBelief(k GateKey, v *view) belief {
	fail := func(format string, args ...any) belief {
		r := e.reason(CodeGateKeyMissing, Fail, k.Key, fmt.Sprintf(format, args...))
		r.Where = nixconf.Pos{File: k.File}
		return belief{Fail, r}
	}
	unknown := func(code Code, format string, args ...any) belief {
		r := e.reason(code, Unknown, k.Key, fmt.Sprintf(format, args...))
		r.Where = nixconf.Pos{File: k.File}
		return belief{Unknown, r}
	}
	switch k.State {
	case nixconf.SourceMissing:
		b := fail("No gate was set up: there is no %s.", k.File)
		b.by.Where = nixconf.Pos{}
		return b
	case nixconf.SourceRead:
	default:
		why := "it was not looked at"
		if k.Err != "" {
			why = k.Err
		}
		return unknown(CodeGateKeyUnknown, "Whether a gate's key is believed is not known, as %s could not be read: %s.", k.File, why)
	}
	key, err := bincache.ParsePublicKey(k.Key)
	if err != nil {
		return unknown(CodeGateKeyUnknown, "%s has no public key: %v.", k.File, err)
	}
	switch {
	case e.client.Fatal != nil:
		return fail("Every Nix command stops at %s, so nothing comes through the gate.", place(e.client.Fatal.Pos))
	case e.f.Nix.Store == StoreDaemon && e.f.Daemon.State == DaemonRefused:
		r := e.reason(CodeUserRefused, Fail, e.f.User.Name, "The daemon refuses the user, so nothing comes through the gate.")
		return belief{Fail, r}
	case e.f.Nix.Store == StoreDaemon && e.f.Daemon.State != DaemonAnswered, v.keyFrom == keysUnknown:
		code := CodeTrustUnknown
		if e.f.Nix.Store != StoreDaemon {
			code = CodeNoStore
		}
		return unknown(code, "Whose keys are believed is not known, so neither is whether the gate's is.")
	}
	if v.noSigs != nil {
		return belief{Fail, *v.noSigs}
	}
	have, i, found := v.ring.Find(key.Name)
	listed := v.ring.Bad() == nil && found && bytes.Equal(have.Key, key.Key)
	switch {
	case v.cloudy != nil:
		says := "does not have"
		if listed {
			says = "has"
		}
		r := e.clouded(v, fmt.Sprintf("The list of keys %s the gate's, %s, but the running daemon's may be another:", says, key.Name))
		return belief{Unknown, r}
	case listed:
		r := e.reason(CodeKeyListed, Pass, k.Key, fmt.Sprintf("The gate's key, %s, is one of the believed keys.", key.Name))
		r.Where = v.keys[i].Origin.Pos
		return belief{Pass, r}
	case v.ring.Bad() != nil:
		bad := v.ring.Bad()
		b := fail("%q among the keys cannot be read, so no signature is accepted, the gate's included.", bad.Text)
		b.by.Where = v.keys[bad.Index].Origin.Pos
		return b
	case found:
		b := fail("Another key is called %s and is the one that is tried, so the gate's is refused. It may be of a gate from before, or of another machine.", key.Name)
		b.by.Where = v.keys[i].Origin.Pos
		return b
	}
	if len(v.secret) > 0 {
		return unknown(CodeUnreadableLayer, "The gate's key, %s, is not listed, but the public halves of secret-key-files are believed too, and those files are not read here.", key.Name)
	}
	return fail("The gate's key, %s, is not one of the believed keys.", key.Name)
}

// gateBeliefs are those about the user's and the machine's gate while a flake's
// settings are applied, and without: both ways the gate has to work. unsure says
// that what is applied is not known.
func (e *engine) gateBeliefs(during *view, unsure *Reason) (user, machine belief) {
	both := func(k GateKey) belief {
		b := e.gateBelief(k, e.base)
		if b.of != Pass || during == nil {
			return b
		}
		// From a user whom it does not trust the daemon takes no keys, so there it
		// is the same whatever is applied.
		if unsure != nil && !(e.f.Nix.Store == StoreDaemon && e.trust == Untrusted) {
			return belief{Unknown, *unsure}
		}
		if d := e.gateBelief(k, during); d.of != Pass {
			d.by.Text += " That is so while the flake's own settings are applied."
			return d
		}
		return b
	}
	user, machine = both(e.f.Gate.User), both(e.f.Gate.Machine)
	if machine.of == Pass && e.f.Gate.User.File != e.f.Gate.Machine.File {
		machine.by.Text += " It is the machine's gate; nix-trust gate status says whether it runs."
	}
	return user, machine
}

// likelier is the belief that lets more through. Of two that do not, the one
// about a gate that was set up says more.
func likelier(a, b belief) belief {
	rank := func(x belief) int {
		switch {
		case x.of == Pass:
			return 3
		case x.of != Fail:
			return 2
		case x.by.Subject != "":
			return 1
		}
		return 0
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
