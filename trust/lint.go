package trust

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/nixconf"
)

// Lint is what is wrong with the files that decide about trust: line by line,
// where doctor looks at what comes of them.
type Lint struct {
	// Findings come in the order of their places. Each has exactly one way out.
	Findings []Finding
	Read     []string // the files that were looked at
	Unread   []Note   // what could not be looked at, so that it may have more
}

// A LintScope says which files are looked at. The zero scope is all of them:
// the configuration and every flake that is known.
type LintScope struct {
	// Flakes are indexes into Facts.Flakes. When there are any, the configuration
	// is read for what it says about them, and nothing is told of itself.
	Flakes []int
}

// LintOf looks for mistakes in the files behind the facts. Like Decide it is
// pure, and it goes by the same rules.
func LintOf(f *Facts, scope LintScope) Lint {
	e := &engine{f: f}
	e.prepare()
	l := &linter{engine: e, seen: map[hit]bool{}, of: map[*Flake][]line{}, words: map[string]map[string]bool{}}
	if len(scope.Flakes) == 0 {
		l.configuration = true
		l.configLines()
		l.unreadConfig()
		for i := range f.Flakes {
			l.flakeLines(&f.Flakes[i])
		}
	}
	for _, i := range scope.Flakes {
		l.flakeLines(&f.Flakes[i])
	}
	for i := range lintRules {
		l.current = &lintRules[i]
		l.current.find(l)
	}
	slices.SortStableFunc(l.out.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Where.File, b.Where.File), cmp.Compare(a.Where.Line, b.Where.Line),
			cmp.Compare(a.Where.Col, b.Where.Col), cmp.Compare(a.Code, b.Code))
	})
	return l.out
}

// A linter is one run.
type linter struct {
	*engine
	configuration bool // the configuration's own files are looked at
	lines         []line
	byID          map[lineID]int             // those of configuration files
	of            map[*Flake][]line          // those of flakes
	crowded       bool                       // the configuration names too many caches and keys to look at them
	words         map[string]map[string]bool // setting → what is in force of it, for the daemon or for this user
	flakes        []*Flake                   // those that were read
	current       *lintRule                  // the rule that runs
	seen          map[hit]bool
	out           Lint
}

// A hit is what makes two findings the same.
type hit struct {
	code    Code
	at      nixconf.Pos
	subject string
}

// tell adds a finding of the rule that runs. command is what to write instead,
// "" when there is nothing to copy.
func (l *linter) tell(at nixconf.Pos, subject, text, command string) {
	if l.full() {
		return
	}
	h := hit{l.current.code, at, subject}
	if l.seen[h] {
		return
	}
	l.seen[h] = true
	entry := catalogue[l.current.code]
	fix := Fix{Title: l.current.way, Detail: l.current.detail, File: place(at), Command: command}
	if l.current.way == "" {
		c := l.caseAt(at)
		if fixes := c.fixes(l.current.code); len(fixes) > 0 {
			fix = fixes[0]
		}
	}
	l.out.Findings = append(l.out.Findings, Finding{
		Code: l.current.code, Severity: entry.Severity, Where: at, Subject: subject, Text: text, Fixes: []Fix{fix},
	})
}

// maxFindings is how many mistakes are told. Nobody reads more.
const maxFindings = 10_000

func (l *linter) full() bool {
	if len(l.out.Findings) < maxFindings {
		return false
	}
	l.unread("", fmt.Sprintf("There are more than %d findings; the others are not told.", maxFindings))
	return true
}

func (l *linter) unread(path, text string) {
	for _, n := range l.out.Unread {
		if n == (Note{path, text}) {
			return
		}
	}
	l.out.Unread = append(l.out.Unread, Note{path, text})
}

func (l *linter) read(path string) {
	if path != "" && !slices.Contains(l.out.Read, path) {
		l.out.Read = append(l.out.Read, path)
	}
}

// unreadConfig notes what of the configuration was not seen. A file of which
// not even the existence could be checked is most often root's and not there,
// so it is no reason to doubt; it is a note of the facts.
func (l *linter) unreadConfig() {
	if l.f.Client == nil {
		l.unread("", "This user's configuration of Nix was not read.")
	}
	for _, cfg := range []*nixconf.Config{l.client, l.system} {
		for _, s := range cfg.Read {
			switch s.State {
			case nixconf.SourceRead:
				l.read(s.Path)
			case nixconf.SourceUnreadable:
				l.unread(s.Path, "It could not be read, so what it sets was not looked at.")
			}
		}
		for _, d := range cfg.Warnings {
			switch d.Kind {
			case "too-large", "not-regular", "unreadable", "folder":
				if !unseen(cfg, d.Pos) && (d.Pos.Line > 0 || d.Kind != "folder") {
					l.unread(place(d.Pos), d.Text)
				}
			}
		}
		if bad := cfg.Fatal; bad != nil {
			l.unread(place(bad.Pos), "Nix stops here, so what the file sets was not looked at.")
		}
	}
}
