package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/trust/operation"
)

// A listing is what the files say of one thing that the gate needs: whether it
// is in the list that counts. What the running daemon goes by is another matter.
type listing struct {
	outcome trust.Outcome
	where   nixconf.Pos
	text    string        // a sentence
	also    string        // what stands there in its stead: a key under the same name, a URL with other slashes
	bad     *nixconf.Item // what keeps Nix from reading the list
}

// deciding is the configuration that says what is believed: the daemon's for a
// user whom it does not trust, else this user's own. Where not all of it is
// known, doubt says why; what it has counts, and what it lacks is unknown then.
func (j *setupJob) deciding() (cfg *nixconf.Config, doubt string) {
	f := j.facts
	if cfg = f.System; j.ownCounts() {
		cfg = f.Client
	}
	switch {
	case cfg == nil:
		return nil, "The configuration could not be read."
	case cfg.Fatal != nil:
		return nil, "Nix refuses to run with the configuration: " + cfg.Fatal.Text
	case cfg.Skipped() != nil:
		return cfg, "The configuration could not be read whole (" + spot(*cfg.Skipped()) + ")."
	}
	for _, s := range cfg.Read {
		if s.State == nixconf.SourceUnreadable || s.State == nixconf.SourceUnseen {
			return cfg, s.Path + " could not be read, and may have more."
		}
	}
	return cfg, ""
}

// ownCounts reports whether this user's own configuration is what counts: where
// the user opens the store without a daemon, or the daemon trusts the user.
func (j *setupJob) ownCounts() bool {
	return j.facts.Nix.Store == trust.StoreLocal || j.facts.Nix.Store == trust.StoreDaemon && j.report.Trust == trust.Trusted
}

// stale reports whether the daemon is older than its files.
func (j *setupJob) stale() bool {
	return j.facts.Nix.Store == trust.StoreDaemon && slices.ContainsFunc(j.report.Findings, func(f trust.Finding) bool { return f.Code == trust.CodeDaemonStale })
}

func spot(p nixconf.Pos) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// keyListing looks for the key among those that are believed.
func (j *setupJob) keyListing(want bincache.PublicKey) listing {
	cfg, doubt := j.deciding()
	if cfg == nil {
		return listing{text: doubt}
	}
	items := cfg.Get("trusted-public-keys").Items
	texts := make([]string, len(items))
	for i, it := range items {
		texts[i] = it.Text
	}
	ring := bincache.NewKeyring(texts)
	if bad := ring.Bad(); bad != nil {
		return listing{outcome: trust.Fail, where: items[bad.Index].Origin.Pos, text: fmt.Sprintf("trusted-public-keys has %q, which is no key, so that Nix believes none at all.", bad.Text), bad: &items[bad.Index]}
	}
	have, i, found := ring.Find(want.Name)
	switch {
	case found && bytes.Equal(have.Key, want.Key):
		return listing{outcome: trust.Pass, where: items[i].Origin.Pos, text: "trusted-public-keys has the gate's key."}
	case found:
		return listing{outcome: trust.Fail, where: items[i].Origin.Pos, also: have.String(), text: fmt.Sprintf("trusted-public-keys has another key called %s. Nix tries the first one of a name alone, so the gate's own would not be believed.", want.Name)}
	case doubt != "":
		return listing{text: "The gate's key is in none of the files that could be read. " + doubt}
	}
	return listing{outcome: trust.Fail, text: "trusted-public-keys does not have the gate's key."}
}

// urlListing looks for one address of the gate among the caches that a user may
// ask for. Nix: src/libstore/daemon.cc, ClientSettings::apply.
func (j *setupJob) urlListing(url string) listing {
	cfg, doubt := j.deciding()
	if cfg == nil {
		return listing{text: doubt}
	}
	out := listing{outcome: trust.Fail, text: "trusted-substituters does not have " + url + "."}
	for _, list := range []string{"trusted-substituters", "substituters"} {
		for _, it := range cfg.Get(list).Items {
			switch {
			case it.Text == url:
				return listing{outcome: trust.Pass, where: it.Origin.Pos, text: list + " has " + url + "."}
			case trust.SameItem(it.Text, url):
				out.where, out.also = it.Origin.Pos, it.Text
				out.text = fmt.Sprintf("%s has %s, and not %s: the daemon compares them letter by letter, and the slash at the end is one.", list, it.Text, url)
			}
		}
	}
	if doubt != "" && out.also == "" {
		return listing{text: url + " is in none of the files that could be read. " + doubt}
	}
	return out
}

// wanted is what is not listed yet. Where that is unknown it is wanted: an entry
// that comes twice does no harm.
func (j *setupJob) wanted(key gateplace.Key) (w trust.Want, doubt string) {
	_, doubt = j.deciding()
	if j.keyListing(key.Public).outcome != trust.Pass {
		w.Keys = []string{key.Public.String()}
	}
	if j.f.pushOnly || j.ownCounts() {
		return w, doubt // who is believed asks for any address
	}
	for _, u := range j.place.URLs() {
		if j.urlListing(u).outcome != trust.Pass {
			w.Caches = append(w.Caches, u)
		}
	}
	return w, doubt
}

func allowing(w trust.Want) operation.Operation {
	return operation.Operation{Do: operation.Allow, Caches: w.Caches, Keys: w.Keys}
}

// propose is the change that has a file hold one operation. A file that holds
// anything but operations is left alone.
func (j *setupJob) propose(file string, o operation.Operation) (trust.FileChange, error) {
	before, err := ledger.Read(file)
	if err != nil {
		return trust.FileChange{}, changeProblem(err)
	}
	if before.Exists {
		if _, err := operation.Parse(file, before.Data); err != nil {
			return trust.FileChange{}, &problem{code: exitFindings, text: err.Error(), hints: []string{"the file is left as it is; name another one with -o, or remove it"}}
		}
	}
	text, err := operation.Print([]operation.Operation{o})
	if err != nil {
		return trust.FileChange{}, &problem{code: exitFindings, text: "the administrator cannot be asked for it: " + err.Error()}
	}
	return trust.FileChange{Path: file, Before: before, After: trust.FileState{Exists: true, Data: text, Mode: 0o600}, Parents: strings.HasPrefix(file, j.place.Dir+"/"), Form: trust.FormText}, nil
}
