package trust

import (
	"fmt"

	"github.com/nix-trust/nix-trust/lock/bincache"
	"github.com/nix-trust/nix-trust/nixconf"
)

// view is what a command would use with one client configuration: the caches
// that would be asked, in order, and the keys that would be believed.
type view struct {
	urls    []offered
	byURL   map[string]int
	keys    []nixconf.Item
	ring    *bincache.Keyring
	keyFrom keySource
	// cloudy is the doubt about the files that the keys come from.
	cloudy *doubt
	secret []nixconf.Item // files of secret keys, whose public halves are believed too
	off    *Reason        // nothing is asked at all
	noSigs *Reason        // signatures are not checked
}

// offered is one URL of the list and what becomes of it.
type offered struct {
	item     nixconf.Item
	admitted Outcome
	reasons  []Reason
}

// keySource is whose keys are believed.
type keySource int

const (
	keysUnknown keySource = iota
	keysClient            // the client's list is in force
	keysDaemon            // the daemon's own list is
)

// view works out what a client with this configuration would use.
func (e *engine) view(cfg *nixconf.Config) *view {
	v := &view{byURL: map[string]int{}}
	e.viewURLs(v, cfg)
	for i, o := range v.urls {
		if _, dup := v.byURL[o.item.Text]; !dup {
			v.byURL[o.item.Text] = i
		}
	}
	e.viewKeys(v, cfg)
	v.off = e.nothingAsked(cfg)
	return v
}

// viewURLs fills in the list of caches and what becomes of each.
func (e *engine) viewURLs(v *view, cfg *nixconf.Config) {
	subs := cfg.Get("substituters")
	local := e.f.Nix.Store == StoreLocal
	sent := subs != nil && subs.Forwarded
	switch {
	case subs == nil:
		return
	case e.f.Nix.Store != StoreLocal && e.f.Nix.Store != StoreDaemon:
		for _, it := range subs.Items {
			v.urls = append(v.urls, offered{item: it})
		}
	case sent && !local && e.unreadable(subs.Items) != "":
		r := e.reason(CodeBadValue, Unknown, "substituters", fmt.Sprintf("The daemon cannot read %q, and may then take nothing of the list that is sent to it.", e.unreadable(subs.Items)))
		for _, it := range subs.Items {
			r.Where = it.Origin.Pos
			v.urls = append(v.urls, offered{it, Unknown, []Reason{r}})
		}
	case local || sent && e.trust == Trusted:
		for _, it := range subs.Items {
			r := e.reason(CodeSubstituterListed, Pass, it.Text, "It is in the list of substituters, and the list is obeyed.")
			r.Where = it.Origin.Pos
			v.urls = append(v.urls, offered{it, Pass, []Reason{r}})
		}
	case sent:
		for _, it := range subs.Items {
			o, reasons := e.admission(it)
			v.urls = append(v.urls, offered{it, o, reasons})
		}
	default:
		// Nothing is sent, so the daemon uses its own list.
		for _, it := range e.systemItems("substituters") {
			o, reasons := e.ownEntry(it)
			v.urls = append(v.urls, offered{it, o, reasons})
		}
	}
}

// unreadable is the first URL of a list that the daemon cannot read though an
// older client does, "" when there is none.
func (e *engine) unreadable(items []nixconf.Item) string {
	for _, it := range items {
		if _, err := nixconf.ParseStoreRef(it.Text); e.rule.refs && err != nil {
			return it.Text
		}
	}
	return ""
}

// ownEntry judges an entry of the daemon's own list.
func (e *engine) ownEntry(it nixconf.Item) (Outcome, []Reason) {
	if e.f.Daemon.State == DaemonRefused {
		return Fail, nil
	}
	if said, asked := e.admits[it.Text]; asked && !said {
		r := e.disagreement(fmt.Sprintf("%s is among the daemon's substituters in its files, yet the running daemon does not admit it.", it.Text))
		return Unknown, []Reason{r}
	}
	if e.f.Daemon.State != DaemonAnswered {
		return Unknown, nil
	}
	r := e.reason(CodeSubstituterListed, Pass, it.Text, "It is one of the daemon's own substituters.")
	r.Where = it.Origin.Pos
	if d := e.doubt(); d != nil {
		return Unknown, []Reason{r, e.doubted(d, it.Text, d.text+", and may have replaced the list.")}
	}
	return Pass, []Reason{r}
}

// admission judges a URL that a client sends to a daemon which does not trust
// it, or of which that is not known. The running daemon's own answer counts
// for more than its files.
func (e *engine) admission(it nixconf.Item) (Outcome, []Reason) {
	if e.f.Daemon.State == DaemonRefused {
		return Fail, nil
	}
	listed, names := e.listed()
	i, inFiles := e.rule.admits(listed, it.Text)
	said, asked := e.admits[it.Text]
	asked = asked && e.trust == Untrusted
	d := e.doubt()

	yes := func() Reason {
		r := e.reason(CodeSubstituterListed, Pass, it.Text, fmt.Sprintf("The daemon lists it in %s, so any user may use it.", names[i]))
		r.Where = listed[i].Origin.Pos
		return r
	}
	switch {
	case asked && said && inFiles:
		return Pass, []Reason{yes()}
	case asked && said:
		return Pass, []Reason{e.reason(CodeSubstituterListed, Pass, it.Text, "The running daemon admits it, though no file that can be read here lists it.")}
	case asked && inFiles:
		d := e.disagreement(fmt.Sprintf("The running daemon does not admit it, though it is listed in %s at %s.", names[i], place(listed[i].Origin.Pos)))
		return Fail, []Reason{e.unlisted(it.Text, nil), d}
	case asked:
		return Fail, []Reason{e.unlisted(it.Text, listed)}
	case e.trust == TrustUnknown && e.f.Daemon.State != DaemonAnswered:
		return Unknown, nil
	case inFiles && d == nil:
		return Pass, []Reason{yes()}
	case d != nil && inFiles:
		return Unknown, []Reason{e.doubted(d, it.Text, fmt.Sprintf("It is listed at %s, but %s.", place(listed[i].Origin.Pos), d.text))}
	case d != nil:
		return Unknown, []Reason{e.doubted(d, it.Text, "No file that can be read lists the URL, and "+d.text+".")}
	case e.trust == TrustUnknown:
		r := e.reason(CodeTrustUnknown, Unknown, it.Text, "No file of the daemon's lists the URL, so it depends on whether the daemon trusts the user, which is not known.")
		return Unknown, []Reason{r}
	}
	return Fail, []Reason{e.unlisted(it.Text, listed)}
}

// listed are the URLs that the daemon's files admit for anyone, with the
// setting that each is in.
func (e *engine) listed() (items []nixconf.Item, names []string) {
	for _, name := range []string{"trusted-substituters", "substituters"} {
		for _, it := range e.systemItems(name) {
			items, names = append(items, it), append(names, name)
		}
	}
	return items, names
}

// unlisted is the step for a URL that the daemon drops; a listed URL that is
// almost the same makes it a near miss.
func (e *engine) unlisted(sent string, listed []nixconf.Item) Reason {
	c := e.caseOf()
	c.url = sent
	if i, how, ok := e.rule.near(listed, sent); ok {
		r := e.reason(CodeNearMissURL, Fail, sent, fmt.Sprintf("The daemon lists %s, which is not the same to it: %s.", listed[i].Text, how))
		r.Where = listed[i].Origin.Pos
		r.Fixes = c.fixes(CodeNearMissURL)
		return r
	}
	r := e.reason(CodeSubstituterUnlisted, Fail, sent, "The daemon drops it: it is in neither trusted-substituters nor substituters of the daemon, and "+e.f.User.Name+" is not a trusted user.")
	r.Where = e.listPlace()
	r.Fixes = c.fixes(CodeSubstituterUnlisted)
	return r
}

// listPlace is where the daemon's list of admitted caches is set last, or else
// the file in which it would be.
func (e *engine) listPlace() nixconf.Pos {
	if v := e.system.Get("trusted-substituters"); v != nil && len(v.History) > 0 {
		if at := v.History[len(v.History)-1].Origin; at.Layer != nixconf.LayerDefault {
			return at.Pos
		}
	}
	for _, s := range e.system.Read {
		if s.Layer == nixconf.LayerSystem {
			return nixconf.Pos{File: s.Path}
		}
	}
	return nixconf.Pos{}
}

// viewKeys works out whose keys are believed.
func (e *engine) viewKeys(v *view, cfg *nixconf.Config) {
	own := cfg.Get("trusted-public-keys")
	local := e.f.Nix.Store == StoreLocal
	switch {
	case local || e.f.Nix.Store == StoreDaemon && e.trust == Trusted && own != nil && own.Forwarded:
		v.keyFrom = keysClient
		if own != nil {
			v.keys = own.Items
		}
		v.secret = e.systemItems("secret-key-files")
		if s := cfg.Get("secret-key-files"); s != nil && (local || s.Forwarded) {
			v.secret = s.Items
		}
	case e.f.Nix.Store == StoreDaemon && e.trust == TrustUnknown && own != nil && own.Forwarded:
		// Whose list is in force depends on whether the user is trusted.
	case e.f.Nix.Store == StoreDaemon:
		v.keyFrom = keysDaemon
		v.keys = e.systemItems("trusted-public-keys")
		v.secret = e.systemItems("secret-key-files")
		v.cloudy = e.doubt()
	}
	v.ring = bincache.NewKeyring(texts(v.keys))

	checks, where := e.system, "the daemon's configuration"
	if local {
		// Without the flake's: the store is open by then.
		checks, where = e.client, "the configuration"
	}
	if val := checks.Get("require-sigs"); v.keyFrom != keysUnknown && val != nil && !checks.Bool("require-sigs") {
		r := e.reason(CodeSigsOff, Pass, "require-sigs", "require-sigs is off in "+where+": nothing has to be signed, and any cache may put anything into the store.")
		r.Where = val.Origin.Pos
		r.Fixes = e.caseAt(r.Where).fixes(CodeSigsOff)
		if d := e.doubt(); d != nil && !local {
			v.cloudy = d
		} else {
			v.noSigs = &r
		}
	}
}

// nothingAsked finds what turns substitution off altogether.
func (e *engine) nothingAsked(cfg *nixconf.Config) *Reason {
	if bad := cfg.Fatal; bad != nil {
		r := e.reason(CodeConfigFatal, Fail, "nix.conf", sentence(bad.Text))
		r.Where, r.NixSays = bad.Pos, "error: "+bad.Message
		return &r
	}
	if e.f.Daemon.State == DaemonRefused && e.f.Nix.Store == StoreDaemon {
		return nil
	}
	val := cfg.Get("substitute")
	if val == nil {
		return nil
	}
	// What was set anywhere but in the system file is left alone, and a file that
	// says no is a reason of its own. Nix: src/nix/main.cc, mainWrapped.
	if e.f.Nix.Offline && !val.Forwarded && val.Origin.Pos == (nixconf.Pos{}) {
		r := e.reason(CodeOffline, Fail, "", "No network interface but loopback has an address, so the nix command turns substitution off. The old commands (nix-build, nix-shell) do not.")
		return &r
	}
	if !cfg.Bool("substitute") {
		r := e.reason(CodeSubstitutionOff, Fail, "substitute", "substitute is false, so no cache is asked and everything is built here.")
		r.Where = val.Origin.Pos
		r.Fixes = e.caseAt(r.Where).fixes(CodeSubstitutionOff)
		return &r
	}
	return nil
}
