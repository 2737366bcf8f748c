package trust

import (
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// findings lists what is wrong or dangerous on the machine, worst first within
// the order in which they are looked for.
func (e *engine) findings(r *Report) []Finding {
	var out []Finding
	add := func(code Code, sev Severity, where nixconf.Pos, subject, text string, c remedyCase) {
		if c.where.File == "" {
			c.where = where
		}
		out = append(out, Finding{Code: code, Severity: sev, Where: where, Subject: subject, Text: text, Fixes: c.fixes(code)})
	}
	e.configFindings(add)
	e.answerFindings(r, add)
	e.daemonFindings(add)
	e.urlFindings(add)
	e.keyFindings(r, add)
	e.flakeFindings(r, add)
	e.grantFindings(add)
	sortFindings(out)
	return out
}

type addFinding func(code Code, sev Severity, where nixconf.Pos, subject, text string, c remedyCase)

// sortFindings puts the worst first and keeps the order among equals.
func sortFindings(f []Finding) {
	slices.SortStableFunc(f, func(a, b Finding) int { return int(b.Severity) - int(a.Severity) })
}

func (e *engine) configFindings(add addFinding) {
	if bad := e.client.Fatal; bad != nil {
		add(CodeConfigFatal, Danger, bad.Pos, bad.Kind, sentence(bad.Text), e.caseAt(bad.Pos))
	}
	if bad := e.system.Fatal; bad != nil && (e.client.Fatal == nil || bad.Pos != e.client.Fatal.Pos) {
		add(CodeConfigFatal, Danger, bad.Pos, bad.Kind, "The daemon's configuration does not load, so it cannot be restarted: "+bad.Text+".", e.caseAt(bad.Pos))
	}
	seen := map[nixconf.Diagnostic]bool{}
	for _, cfg := range []*nixconf.Config{e.client, e.system} {
		for _, d := range cfg.Warnings {
			if seen[d] {
				continue
			}
			seen[d] = true
			if d.Kind == "unreadable" {
				sev := Warn
				if unseen(cfg, d.Pos) {
					sev = Info
				}
				add(CodeUnreadableLayer, sev, d.Pos, d.Kind, sentence(d.Text), e.caseOf())
				continue
			}
			sev := Info
			if d.Severity == nixconf.SeverityWarning {
				sev = Warn
			}
			text := d.Text
			if d.Kind == "unknown-setting" && e.f.Platform.OS == PlatformDeterminate { // which has settings of its own
				sev, text = Info, "whether Determinate Nix has this setting is not known here"
			}
			if d.Message != "" {
				text = d.Message + ": " + d.Text
			}
			add(CodeConfigWarning, sev, d.Pos, d.Kind, sentence(text), e.caseAt(d.Pos))
		}
	}
	if v := e.client.Get("accept-flake-config"); v != nil && e.client.Bool("accept-flake-config") {
		add(CodeAcceptFlag, Danger, v.Origin.Pos, "accept-flake-config", "Every setting of every flake is applied without a question, saved refusals included.", e.caseAt(v.Origin.Pos))
	}
	for _, cfg := range []*nixconf.Config{e.system, e.client} {
		if v := cfg.Get("require-sigs"); v != nil && !cfg.Bool("require-sigs") && (cfg == e.system || e.f.Nix.Store == StoreLocal) {
			add(CodeSigsOff, Danger, v.Origin.Pos, "require-sigs", "Nothing has to be signed: any cache in use may put anything into the store.", e.caseAt(v.Origin.Pos))
			break
		}
	}
	if f := e.f.Nix; f.Path != "" && e.f.Platform.OS != PlatformDeterminate && len(e.f.Flakes) > 0 && e.client.Fatal == nil &&
		!slices.Contains(e.client.Tokens("experimental-features"), "flakes") {
		add(CodeFlakesOff, Info, nixconf.Pos{}, "experimental-features", "Flakes are not enabled in this user's configuration: commands on flakes stop, or are given the feature on the command line each time.", e.caseOf())
	}
	e.userFileFindings(add)
}

// unseen reports whether a place is a file of which not even the existence
// could be checked.
func unseen(cfg *nixconf.Config, p nixconf.Pos) bool {
	return p.Line == 0 && slices.ContainsFunc(cfg.Read, func(s nixconf.Source) bool {
		return s.Path == p.File && s.State == nixconf.SourceUnseen
	})
}

// userFileFindings are settings in the user's own files that the daemon will
// not take: every command warns about them, and few users know why.
func (e *engine) userFileFindings(add addFinding) {
	if e.f.Nix.Store != StoreDaemon || e.trust != Untrusted {
		return
	}
	for _, val := range e.client.All() {
		how := reachOf(val.Setting, e.daemonVersion())
		startup := how == reachStartup
		if !startup && how != reachTrusted && how != reachOpened {
			continue
		}
		for _, a := range val.History {
			if a.OverriddenBy != nil || a.Origin.Layer < nixconf.LayerUser || a.Origin.Layer > nixconf.LayerEnv {
				continue
			}
			code, text := CodeSettingRestricted, fmt.Sprintf("%s is set here, and the daemon drops it: it takes it from trusted users alone.", a.Origin.Name)
			if startup {
				code, text = CodeSettingIneffective, fmt.Sprintf("%s has no effect here: the daemon reads it from its own files when it starts.", a.Origin.Name)
			}
			add(code, Info, a.Origin.Pos, val.Setting.Name, text, e.caseAt(a.Origin.Pos))
		}
	}
}

func (e *engine) answerFindings(r *Report, add addFinding) {
	for _, file := range []AnswersFile{e.f.Answers, e.f.RootAnswers} {
		if file.Err == nil || file.Path == "" {
			continue
		}
		c := e.caseOf()
		c.answer = file.Path
		add(CodeAnswersBroken, Danger, nixconf.Pos{File: file.Path, Line: file.Err.Line, Col: file.Err.Col}, file.Path, file.Err.Text+" Nix says: "+file.Err.Message, c)
	}
	for _, a := range r.Answers {
		c := e.caseOf()
		c.answer, c.name, c.value = a.File, a.Setting, a.Value
		switch {
		case a.Skeleton:
			add(CodeSkeletonKey, Danger, nixconf.Pos{File: a.File}, a.Setting, "A yes to accept-flake-config = true is saved: any flake that sets it has everything accepted that sorts after it, code to run included.", c)
		case a.Yes && dangerous(a.Risk):
			add(CodeDangerous, Danger, nixconf.Pos{File: a.File}, a.Setting, fmt.Sprintf("A yes is saved for %s = %s (%s). Any flake that asks for it gets it.", a.Setting, safetext.RedactValue(a.Setting, a.Value), a.Risk), c)
		}
	}
}

// dangerous are the risks that have nothing to do with caches and are more than
// a nuisance.
func dangerous(r nixconf.Risk) bool {
	switch r {
	case nixconf.RiskCode, nixconf.RiskSandbox, nixconf.RiskCredential:
		return true
	}
	return false
}

func (e *engine) daemonFindings(add addFinding) {
	for i, r := range e.trustReasons {
		switch r.Code {
		case CodeRootEquivalent:
			add(CodeRootEquivalent, Danger, r.Where, "trusted-users", r.Text, e.caseAt(r.Where))
		case CodeDaemonStale, CodeUnreadableLayer, CodeUserRefused, CodeNoStore:
			if i > 0 && r.Code == CodeUserRefused {
				continue
			}
			sev := Warn
			if r.Code == CodeUserRefused {
				sev = Danger
			}
			add(r.Code, sev, r.Where, r.Subject, r.Text, e.caseAt(r.Where))
		}
	}
	if e.f.Nix.Store != StoreDaemon {
		return
	}
	for _, it := range e.systemItems("trusted-users") {
		if it.Text == "*" {
			add(CodeRootEquivalent, Danger, it.Origin.Pos, "trusted-users", "trusted-users has *: every user of the machine is as much as root.", e.caseAt(it.Origin.Pos))
		}
	}
	switch e.f.Daemon.State {
	case DaemonAbsent:
		add(CodeDaemonAbsent, Warn, nixconf.Pos{File: e.f.Daemon.Socket}, "daemon", daemonTrouble(e.f.Daemon), e.caseOf())
	case DaemonSilent, DaemonGarbled:
		add(CodeDaemonSilent, Warn, nixconf.Pos{File: e.f.Daemon.Socket}, "daemon", daemonTrouble(e.f.Daemon), e.caseOf())
	}
	if t := e.f.Daemon; t.stale() {
		add(CodeDaemonStale, Warn, nixconf.Pos{File: t.ChangedFile}, "daemon", fmt.Sprintf("The file changed at %s, after the daemon had started at %s: the daemon does not know about it.",
			t.FilesChanged.Format("2006-01-02 15:04:05"), t.Started.Format("2006-01-02 15:04:05")), e.caseOf())
	}
}

func (e *engine) urlFindings(add addFinding) {
	type place struct {
		url string
		pos nixconf.Pos
	}
	seen := map[place]bool{}
	for _, cfg := range []*nixconf.Config{e.system, e.client} {
		for _, name := range []string{"substituters", "trusted-substituters"} {
			v := cfg.Get(name)
			if v == nil {
				continue
			}
			for _, it := range v.Items {
				if p := (place{it.Text, it.Origin.Pos}); trustedParam(it.Text) && !seen[p] {
					seen[p] = true
					add(CodeStoreTrustedParam, Danger, it.Origin.Pos, name, fmt.Sprintf("%s is believed without signatures, because of trusted in its URL.", it.Text), e.caseAt(it.Origin.Pos))
				}
			}
		}
	}
}

func (e *engine) keyFindings(r *Report, add addFinding) {
	for _, k := range r.Keys {
		if k.Problem == nil || !k.InEffect {
			continue
		}
		where := k.Problem.Where
		if len(k.Origins) > 0 {
			where = k.Origins[0].Pos
		}
		add(k.Problem.Code, Danger, where, "trusted-public-keys", k.Problem.Text, e.caseAt(where))
	}
}

func (e *engine) flakeFindings(r *Report, add addFinding) {
	for _, f := range r.Flakes {
		for _, c := range f.Caches {
			if _, bad := safetext.SuspectHost(c.URL); bad && c.Claimed {
				add(CodeSuspectText, Danger, c.Where, c.URL, f.ID.Ref+" asks for this cache, and its host is not what it seems: it looks like another one, or hides a part of itself.", e.caseOf())
			}
		}
		for _, s := range f.Settings {
			if !safetext.Exact(s.Value) || !safetext.Exact(s.Name) {
				add(CodeSuspectText, Warn, s.Where, s.Name, fmt.Sprintf("%s sets %s to a text with characters that cannot be seen, or that change what a terminal shows.", f.ID.Ref, s.Name), e.caseOf())
			}
			if !dangerous(s.Risk) || s.State != SettingApplied || len(s.Reasons) == 0 {
				continue
			}
			// The way out is to take back what let it through.
			c := e.caseOf()
			switch by := s.Reasons[0]; {
			case by.Code == CodeWhitelisted:
				continue
			case by.Code == CodeSavedYes:
				c.name, c.value = s.Name, s.Value
			case e.f.Answers.Answers["accept-flake-config"]["true"]:
				c.name, c.value = "accept-flake-config", "true"
			}
			add(CodeDangerous, Danger, s.Where, s.Name, fmt.Sprintf("%s sets %s (%s), and it is applied without a question.", f.ID.Ref, s.Name, s.Risk), c)
		}
	}
}
