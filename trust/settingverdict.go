package trust

import (
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
)

// daemonVerdict decides what becomes of a setting beyond the client, and adds
// the steps that say so. For a setting that is not applied it says what would
// become of it. all is the view in which it is applied.
func (e *engine) daemonVerdict(s *SettingVerdict, all *view, cfg *nixconf.Config) {
	known, extra, ok := e.setting(s.Name)
	switch {
	case s.State == SettingRejected, s.State == SettingInert:
		s.Daemon = NotForwarded
		return
	case !ok || !e.knows(s.Name):
		s.Daemon = NotForwarded
		return
	}
	if !extra && known.Name == "substituters" {
		r := e.reason(CodeDefaultsReplaced, Pass, s.Name, "It replaces the whole list of caches, the official one included, instead of adding to it.")
		r.Where, r.beyond = s.Where, true
		s.Reasons = append(s.Reasons, r)
	}
	out, r := e.reached(known, s, all)
	s.Daemon = out
	if r.Code != "" {
		if r.Where.File == "" {
			r.Where = s.Where
		}
		r.beyond = true
		s.Reasons = append(s.Reasons, r)
	}
}

func (e *engine) reached(known *nixconf.Setting, s *SettingVerdict, all *view) (DaemonVerdict, Reason) {
	how := reachOf(known, e.daemonVersion())
	daemon := e.f.Nix.Store == StoreDaemon
	switch {
	case how == reachClient:
		return NotForwarded, e.reason(CodeClientSide, Pass, known.Name, fmt.Sprintf("%s is obeyed by the nix command itself; the daemon is not asked.", known.Name))
	case how == reachStartup:
		return Dropped, e.reason(CodeSettingIneffective, Fail, known.Name, fmt.Sprintf("%s is read by the daemon when it starts, from its own files. A flake cannot change it.", known.Name))
	case e.f.Nix.Store == StoreLocal && how == reachOpened:
		return Dropped, e.reason(CodeSettingIneffective, Fail, known.Name, fmt.Sprintf("The store is opened before the flake's settings are applied, so %s has no effect.", known.Name))
	case e.f.Nix.Store == StoreLocal:
		return Honoured, e.reason(CodeLocalStore, Pass, known.Name, "The store is opened directly, so the setting is in force.")
	case !daemon:
		return DaemonVerdictUnknown, e.reason(CodeNoStore, Unknown, known.Name, "Which store will be used is not known.")
	case e.f.Daemon.State == DaemonRefused:
		return Dropped, e.reason(CodeUserRefused, Fail, e.f.User.Name, "The daemon refuses the user altogether.")
	case how == reachFiltered:
		return e.filtered(s, all)
	case how == reachAnyone:
		return Honoured, e.reason(CodeSettingForwarded, Pass, known.Name, fmt.Sprintf("The daemon takes %s from every user.", known.Name))
	case e.trust == TrustUnknown:
		return DaemonVerdictUnknown, e.reason(CodeTrustUnknown, Unknown, known.Name, "It depends on whether the daemon trusts the user, which is not known.")
	case e.trust == Untrusted && known.Name == "builders" && s.Value == "":
		return Honoured, e.reason(CodeSettingForwarded, Pass, known.Name, "The daemon lets every user turn remote builders off.")
	case e.trust == Untrusted && known.Name == "trusted-public-keys":
		return Dropped, e.reason(CodeKeyRestricted, Fail, known.Name, "The daemon takes keys from trusted users alone; its own stay in force.")
	case e.trust == Untrusted:
		return Dropped, e.reason(CodeSettingRestricted, Fail, known.Name, fmt.Sprintf("The daemon takes %s from trusted users alone.", known.Name))
	case how == reachOpened:
		return Dropped, e.reason(CodeSettingIneffective, Fail, known.Name, fmt.Sprintf("The daemon opens its store before it reads what the client sends, so %s has no effect through it.", known.Name))
	case transferSettings[known.Name] && !e.transfersForwarded():
		return Dropped, e.reason(CodeSettingIneffective, Fail, known.Name, fmt.Sprintf("This daemon takes %s and does nothing with it; later versions obey it.", known.Name))
	}
	return Honoured, e.reason(CodeSettingForwarded, Pass, known.Name, "The daemon trusts the user and obeys the setting.")
}

// transfersForwarded reports whether the daemon obeys a trusted user's settings
// of file transfers: from 2.34.1 on.
func (e *engine) transfersForwarded() bool {
	v := e.daemonVersion()
	return v.AtLeast(2, 35) || v.AtLeast(2, 34) && v.Patch >= 1
}

// filtered is the verdict for the list of caches: one by one.
func (e *engine) filtered(s *SettingVerdict, all *view) (DaemonVerdict, Reason) {
	pass, fail, unknown := 0, 0, 0
	var first *Reason
	for _, url := range s.Items {
		at, ok := all.byURL[sentAs(url, e.f.Nix.Version)]
		if !ok {
			continue
		}
		o := all.urls[at]
		switch o.admitted {
		case Pass:
			pass++
		case Fail:
			fail++
			if first == nil && len(o.reasons) > 0 {
				first = &o.reasons[0]
			}
		default:
			unknown++
			if first == nil && len(o.reasons) > 0 {
				first = &o.reasons[0]
			}
		}
	}
	total := pass + fail + unknown
	switch {
	case unknown > 0:
		if first == nil {
			r := e.reason(CodeTrustUnknown, Unknown, s.Name, "It depends on the daemon, which was not asked or did not answer.")
			first = &r
		}
		return DaemonVerdictUnknown, *first
	case fail == 0:
		return Honoured, e.reason(CodeSettingForwarded, Pass, "substituters", "The daemon takes every cache of it.")
	case pass == 0:
		return Dropped, *first
	}
	r := *first
	r.Text = fmt.Sprintf("The daemon takes %d of %d caches. %s", pass, total, r.Text)
	return Partly, r
}
