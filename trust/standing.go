package trust

import (
	"cmp"
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
)

// standing decides how the user stands with the store that will be used, and
// explains it. The daemon's own word decides; the files only explain it.
func (e *engine) standing() (Trust, []Reason) {
	f := e.f
	switch f.Nix.Store {
	case StoreLocal:
		return Trusted, []Reason{e.reason(CodeLocalStore, Pass, "", "The store is opened directly ("+f.Nix.StoreWhy+"): this user's own configuration decides.")}
	case StoreDaemon:
	case StoreNone:
		return TrustUnknown, []Reason{e.reason(CodeNoStore, Unknown, "", "No Nix was found here: there is no store, no daemon and no nix command.")}
	default:
		why := f.Nix.StoreWhy
		if why == "" {
			why = "it could not be told"
		}
		what := "No store is known that would work"
		if f.Nix.Store == StoreOther {
			what = "The store that will be used is not explained here"
		}
		return TrustUnknown, []Reason{e.reason(CodeNoStore, Unknown, "", what+": "+why+".")}
	}

	d := f.Daemon
	switch d.State {
	case DaemonRefused:
		r := e.reason(CodeUserRefused, Fail, f.User.Name, fmt.Sprintf("The daemon does not let %s in: %s.", f.User.Name, cmp.Or(d.Err, "it closed the connection")))
		r.Fixes = e.caseOf().fixes(CodeUserRefused)
		return TrustUnknown, append([]Reason{r}, e.allowedReason()...)
	case DaemonAnswered:
	default:
		r := e.reason(CodeTrustUnknown, Unknown, f.User.Name, daemonTrouble(d))
		if d.State != DaemonNotAsked { // starting it would not help
			r.Fixes = e.caseOf().fixes(CodeTrustUnknown)
		}
		return TrustUnknown, []Reason{r}
	}

	how := "says so itself"
	if d.Probed {
		how = "showed it when it was offered a restricted setting"
	}
	switch d.Trust {
	case Trusted:
		return Trusted, append([]Reason{e.reason(CodeUserTrusted, Pass, f.User.Name,
			fmt.Sprintf("The running daemon trusts %s: it %s.", f.User.Name, how))}, e.ruleReason(Trusted)...)
	case Untrusted:
		return Untrusted, append([]Reason{e.reason(CodeUserUntrusted, Fail, f.User.Name,
			fmt.Sprintf("The running daemon does not trust %s: it %s.", f.User.Name, how))}, e.ruleReason(Untrusted)...)
	}
	return TrustUnknown, []Reason{e.reason(CodeTrustUnknown, Unknown, f.User.Name,
		"The daemon answered, but did not say whether it trusts "+f.User.Name+".")}
}

// daemonTrouble says why the daemon's word is missing.
func daemonTrouble(d Daemon) string {
	var text string
	switch d.State {
	case DaemonAbsent:
		text = "No daemon answers at " + d.Socket
	case DaemonSilent:
		text = "The daemon at " + d.Socket + " accepts connections and does not answer"
	case DaemonGarbled:
		text = "What answers at " + d.Socket + " is not a Nix daemon"
	default:
		text = "The daemon was not asked"
	}
	if d.Err != "" {
		text += ": " + d.Err
	}
	return text + "."
}

// ruleReason explains the daemon's answer by the files, and finds the two
// disagreeing.
func (e *engine) ruleReason(said Trust) []Reason {
	list := e.systemItems("trusted-users")
	i, match := e.f.User.Match(texts(list), e.f.Daemon.Version)
	switch {
	case said == Trusted && match:
		r := e.reason(CodeRootEquivalent, Pass, list[i].Text, fmt.Sprintf("trusted-users has %q, which matches %s. That is as much as being root.", list[i].Text, e.f.User.Name))
		r.Where = list[i].Origin.Pos
		r.Fixes = e.caseAt(r.Where).fixes(CodeRootEquivalent)
		return []Reason{r}
	case said == Trusted:
		return []Reason{e.disagreement("No line of trusted-users that can be read here matches " + e.f.User.Name + ", yet the daemon trusts the user.")}
	case match:
		r := e.disagreement(fmt.Sprintf("trusted-users has %q, which matches %s, yet the daemon does not trust the user.", list[i].Text, e.f.User.Name))
		r.Where = list[i].Origin.Pos
		return []Reason{r}
	}
	if i, near := e.f.User.nearGroup(texts(list)); near {
		r := e.reason(CodeUserUntrusted, Fail, list[i].Text, fmt.Sprintf(
			"trusted-users has %q, and this process is in that group, but the daemon looks at the primary group (%s) and at the members that the group database lists, and %s is not one of them.",
			list[i].Text, e.f.User.Group, e.f.User.Name))
		r.Where = list[i].Origin.Pos
		return []Reason{r}
	}
	return nil
}

// disagreement explains a running daemon that differs from its files: another
// layer that cannot be read, or an edit since it started.
func (e *engine) disagreement(text string) Reason {
	if d := e.doubt(); d != nil {
		return e.doubted(d, d.where.File, text+" "+d.text+", which may be why.")
	}
	r := e.reason(CodeDaemonStale, Unknown, "", text+" Its files were edited after it started, or root's own configuration says otherwise.")
	r.Fixes = e.caseOf().fixes(CodeDaemonStale)
	return r
}

// allowedReason explains a refusal by the files.
func (e *engine) allowedReason() []Reason {
	list := e.systemItems("allowed-users")
	if _, ok := e.f.User.Match(texts(list), e.f.Daemon.Version); ok || len(list) == 0 {
		return nil
	}
	r := e.reason(CodeUserRefused, Fail, "allowed-users", fmt.Sprintf("allowed-users does not match %s.", e.f.User.Name))
	r.Where = list[len(list)-1].Origin.Pos
	return []Reason{r}
}

func texts(items []nixconf.Item) []string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = it.Text
	}
	return out
}
