// Package trust decides which binary caches are trusted for which flakes, and
// says why. It is pure: it is told facts and returns a report, and touches no
// file, network, clock or environment. What it is not told it does not assume:
// a missing fact makes a verdict unknown, never trusted.
//
// It explains what Nix will do. It does not prove that a cache is honest: a
// cache that is usable here may still serve anything its key signs.
package trust

import (
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// Decide turns facts into the report that is shown.
func Decide(f *Facts) *Report {
	e := &engine{f: f}
	e.prepare()
	r := &Report{
		Nix: f.Nix, User: f.User, Daemon: f.Daemon, Platform: f.Platform,
		Trust: e.trust, TrustReasons: e.trustReasons, Notes: f.Notes,
	}
	r.Nix.StoreWhy = safetext.Redact(f.Nix.StoreWhy) // it may quote a URL
	r.Flakes = make([]FlakeReport, len(f.Flakes))
	for i := range f.Flakes {
		r.Flakes[i] = e.flake(&f.Flakes[i])
	}
	r.Grants, r.Gates = f.Grants, e.gates()
	e.remember(r)
	r.Caches = e.caches(r.Flakes)
	r.Keys = e.keys(r.Flakes)
	r.Answers = e.answers()
	r.Client = f.Client
	r.AnswerFiles = []AnswersFile{f.Answers}
	if f.RootAnswers.Path != f.Answers.Path {
		r.AnswerFiles = append(r.AnswerFiles, f.RootAnswers)
	}
	switch d := e.doubt(); {
	case d != nil:
		why := e.doubted(d, d.where.File, d.text+", so the lists may be others.")
		r.Doubt = &why
	case e.trust == TrustUnknown && len(e.trustReasons) > 0:
		r.Doubt = &e.trustReasons[0]
	}
	r.Findings = e.findings(r)
	r.Settings = e.settings(r.Findings)
	e.probed(r)
	return r
}

// engine holds what is worked out once for all flakes.
type engine struct {
	f            *Facts
	trust        Trust
	trustReasons []Reason
	client       *nixconf.Config // never nil
	system       *nixconf.Config // never nil
	rule         urlRule
	admits       map[string]bool // the daemon's answers, by the URL as the client sends it
	base         *view           // without any flake
}

func (e *engine) prepare() {
	e.client, e.system = e.f.Client, e.f.System
	if e.client == nil {
		e.client = &nixconf.Config{Version: e.f.Nix.Version}
	}
	if e.system == nil {
		e.system = &nixconf.Config{Version: e.f.Daemon.Version}
	}
	e.rule = urlRule{refs: e.daemonVersion().AtLeast(2, 34)}
	e.admits = make(map[string]bool, len(e.f.Daemon.Admits))
	for url, said := range e.f.Daemon.Admits {
		e.admits[sentAs(url, e.f.Nix.Version)] = said
	}
	e.trust, e.trustReasons = e.standing()
	e.base = e.view(e.client)
}

// daemonVersion is the version whose rules decide about URLs: the daemon's, or
// the client's where there is no daemon.
func (e *engine) daemonVersion() nixconf.Version {
	if e.f.Nix.Store == StoreDaemon && e.f.Daemon.Version != (nixconf.Version{}) {
		return e.f.Daemon.Version
	}
	return e.f.Nix.Version
}

// systemItems are the items of a list that a daemon started now would have.
func (e *engine) systemItems(name string) []nixconf.Item {
	if v := e.system.Get(name); v != nil {
		return v.Items
	}
	return nil
}

// hiddenSystem is the place of a file that is known to be there, that the
// daemon reads and this user cannot. Nil when there is none. A file that may or
// may not be there, such as one in root's home, does not count: it would make
// everything unknown on every machine. It is told of as a finding.
func (e *engine) hiddenSystem() *nixconf.Pos {
	for _, d := range e.system.Warnings {
		include := d.Kind == "unreadable" && d.Pos.Line > 0
		if include || d.Kind == "too-large" || d.Kind == "not-regular" || d.Kind == "plugin" {
			return &d.Pos
		}
	}
	for _, s := range e.system.Read {
		if s.State == nixconf.SourceUnreadable {
			return &nixconf.Pos{File: s.Path}
		}
	}
	return nil
}

// unread says in words that a place hides something.
func unread(p nixconf.Pos) string {
	if p.Line > 0 {
		return place(p) + " leads to a file that cannot be read here"
	}
	return place(p) + " cannot be read here"
}

// A doubt is why the daemon's files, as read here, may not be what the running
// daemon goes by.
type doubt struct {
	code  Code
	where nixconf.Pos
	text  string // a clause
}

// doubt is the doubt about the daemon's files, nil when there is none.
func (e *engine) doubt() *doubt {
	if hidden := e.hiddenSystem(); hidden != nil {
		return &doubt{CodeUnreadableLayer, *hidden, unread(*hidden)}
	}
	if bad := e.system.Fatal; bad != nil && e.f.Nix.Store == StoreDaemon {
		return &doubt{CodeConfigFatal, bad.Pos, place(bad.Pos) + " keeps a daemon from starting, so the running one has read something else"}
	}
	if d := e.f.Daemon; e.f.Nix.Store == StoreDaemon && d.stale() {
		return &doubt{CodeDaemonStale, nixconf.Pos{File: d.ChangedFile}, d.ChangedFile + " was changed after the daemon had started"}
	}
	return nil
}

// doubted is the step that leaves something unknown because of a doubt.
func (e *engine) doubted(d *doubt, subject, text string) Reason {
	r := e.reason(d.code, Unknown, subject, text)
	r.Where, r.Fixes = d.where, e.caseOf().fixes(d.code)
	return r
}

// reason makes a step of a chain with what Nix prints for it.
func (e *engine) reason(code Code, o Outcome, subject, text string) Reason {
	return Reason{Code: code, Outcome: o, Subject: subject, Text: text, NixSays: code.says(e.speaker(code), subject)}
}

// speaker is the version of the program that prints the code's message.
func (e *engine) speaker(code Code) nixconf.Version {
	switch code {
	case CodeSettingRestricted, CodeKeyRestricted, CodeSubstituterUnlisted, CodeNearMissURL, CodeUnknownScheme:
		return e.daemonVersion()
	}
	return e.f.Nix.Version
}

func (e *engine) caseOf() remedyCase {
	return remedyCase{platform: e.f.Platform, user: e.f.User, answer: e.f.Answers.Path}
}

func (e *engine) caseAt(p nixconf.Pos) remedyCase {
	c := e.caseOf()
	c.where = p
	return c
}
