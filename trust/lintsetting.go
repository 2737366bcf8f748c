package trust

import (
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// inForce yields the lines that count, of configuration files and of flakes.
func (l *linter) inForce(yield func(*line) bool) {
	for i := range l.lines {
		if n := &l.lines[i]; n.by == nil && !yield(n) {
			return
		}
	}
}

func isTrue(value string) bool { return value == "true" || value == "yes" || value == "1" }

func (l *linter) acceptFlag() {
	for n := range l.inForce {
		if n.flake == nil && n.client && n.is("accept-flake-config") && isTrue(n.value) {
			l.tell(n.at, n.name, "Every setting of every flake is applied without a question, saved refusals included.", "")
		}
	}
}

func (l *linter) acceptInFlake() {
	for n := range l.inForce {
		if n.flake != nil && n.is("accept-flake-config") && isTrue(n.value) {
			l.tell(n.at, n.name, "Whoever says yes to this one question accepts everything of the flake that sorts after it, programs to run included.", "")
		}
	}
}

func (l *linter) trustedUsers() {
	for n := range l.inForce {
		if !n.daemon || !n.is("trusted-users") {
			continue
		}
		for _, it := range n.items {
			switch text := "%s can put any content at any store path, and run programs as root through the daemon."; {
			case it.Text == "root":
			case it.Text == "*":
				l.tell(it.Origin.Pos, it.Text, "Every user of the machine is as much as root: "+fmt.Sprintf(text, "each of them"), "")
			case it.Text[0] == '@':
				l.tell(it.Origin.Pos, it.Text, fmt.Sprintf(text, "Every member of the group "+it.Text[1:]), "")
			default:
				l.tell(it.Origin.Pos, it.Text, fmt.Sprintf(text, it.Text), "")
			}
		}
	}
}

func (l *linter) sigsOff() {
	for n := range l.inForce {
		if n.flake == nil && n.is("require-sigs") && isFalse(n.value) && (n.daemon || l.f.Nix.Store == StoreLocal) {
			l.tell(n.at, n.name, "Nothing has to be signed: any cache in use may put anything into the store.", "")
		}
	}
}

func (l *linter) dangerous() {
	for n := range l.inForce {
		if n.flake != nil && n.setting != nil && dangerous(n.setting.Risk) {
			l.tell(n.at, n.name, fmt.Sprintf("The flake asks for %s (%s). A yes to it is a yes to more than a cache.", n.name, n.setting.Risk), "")
		}
	}
}

// suspectHost goes with the URL as the subject: who shows it says why, in a form
// that is safe to show.
const suspectHost = "The host of this cache is not what it seems."

func (l *linter) suspectText() {
	for i := range l.lines {
		n := &l.lines[i]
		if n.caches() {
			for _, it := range n.items {
				if _, bad := safetext.SuspectHost(it.Text); bad {
					l.tell(it.Origin.Pos, it.Text, suspectHost, "")
				}
			}
		}
		if !safetext.Exact(n.name) || !safetext.Exact(n.value) {
			l.tell(n.at, n.name, "It has characters that cannot be seen, or that change what a terminal shows; Nix prints them as they are.", "")
		}
	}
}

func (l *linter) tokenReadable() {
	for i := range l.lines {
		n := &l.lines[i]
		// Root can read what others cannot, so of an included file it is not known.
		hidden := n.included && l.f.User.UID == 0
		if n.flake == nil && n.layer == nixconf.LayerSystem && n.is("access-tokens") && len(n.items) > 0 && !hidden {
			l.tell(n.at, n.name, "nix config show prints "+safetext.RedactValue(n.setting.Name, n.value)+" to every user, with what stands for *** here.", "")
		}
	}
}

func (l *linter) substitutionOff() {
	for n := range l.inForce {
		if n.flake == nil && n.client && n.is("substitute") && isFalse(n.value) {
			l.tell(n.at, n.name, "No cache is asked for anything, whatever is listed: all is built from source.", "")
		}
	}
}

// lineOverwritten finds lines of a layer that another one of the same layer
// makes futile. That a user's file overrides the system's is what it is for.
func (l *linter) lineOverwritten() {
	for i := range l.lines {
		n := &l.lines[i]
		if n.flake != nil || n.by == nil || n.by.Layer != n.layer {
			continue
		}
		if !n.list() {
			if n.by.Pos.File == n.at.File && !l.sameValue(n) {
				l.tell(n.at, n.name, fmt.Sprintf("%s at %s comes later and has another value: this one is without effect.", n.by.Name, place(n.by.Pos)), "")
			}
			continue
		}
		var lost []string
		for _, it := range n.items {
			if !l.has(n.setting.Name, it.Text) {
				lost = append(lost, it.Text)
			}
		}
		if len(lost) > 0 {
			l.tell(n.at, n.name, fmt.Sprintf("%s at %s comes later and replaces the whole list: %s is lost.", n.by.Name, place(n.by.Pos), shortList(n.setting.Name, lost)), "")
		}
	}
}

// sameValue reports whether the line that discards n has the same value.
func (l *linter) sameValue(n *line) bool {
	i, known := l.byID[lineID{n.by.Pos, n.by.Name}]
	return known && l.lines[i].value == n.value
}

// has reports whether a word is in force, for the daemon or for this user.
func (l *linter) has(setting, word string) bool {
	words := l.words[setting]
	if words == nil {
		words = map[string]bool{}
		for _, cfg := range []*nixconf.Config{l.client, l.system} {
			for _, w := range cfg.Tokens(setting) {
				words[w] = true
			}
		}
		l.words[setting] = words
	}
	return words[word] || words[printed(word)]
}

// shortList names a few words of a list.
func shortList(setting string, words []string) string {
	text := safetext.RedactValue(setting, words[0])
	switch n := len(words); n {
	case 1:
		return text
	case 2:
		return text + " and one more"
	default:
		return fmt.Sprintf("%s and %d more", text, n-1)
	}
}

// ineffective finds what the daemon reads from its own files alone, in flakes
// and in the user's files.
func (l *linter) ineffective() {
	for n := range l.inForce {
		if n.flake == nil || n.setting == nil {
			continue
		}
		switch reachOf(n.setting, l.daemonVersion()) {
		case reachStartup:
			l.tell(n.at, n.name, fmt.Sprintf("A flake cannot set %s: the daemon reads it when it starts, from its own files.", n.name), "")
		case reachOpened:
			l.tell(n.at, n.name, fmt.Sprintf("A flake cannot set %s: by the time it is applied, the store is open and goes by its own.", n.name), "")
		}
	}
	l.userFile()
}

// userFile adopts what doctor says about the user's own files.
func (l *linter) userFile() {
	if l.configuration {
		l.userFileFindings(l.adopt)
	}
}

// savedAnswers adopts what doctor says about the saved answers.
func (l *linter) savedAnswers() {
	if !l.configuration {
		return
	}
	for _, file := range []AnswersFile{l.f.Answers, l.f.RootAnswers} {
		switch {
		case file.State == nixconf.SourceRead:
			l.read(file.Path)
		case file.State == nixconf.SourceUnreadable && file.Path != "":
			l.unread(file.Path, "The saved answers could not be read.")
		}
	}
	l.answerFindings(&Report{Answers: l.answers()}, l.adopt)
}

// adopt takes a finding over from doctor when it is of the rule that runs.
func (l *linter) adopt(code Code, sev Severity, where nixconf.Pos, subject, text string, c remedyCase) {
	if code != l.current.code {
		return
	}
	before := len(l.out.Findings)
	l.tell(where, subject, text, "")
	if len(l.out.Findings) == before {
		return
	}
	f := &l.out.Findings[before]
	f.Severity = sev
	if fixes := c.fixes(code); l.current.way == "" && len(fixes) > 0 {
		f.Fixes = fixes[:1]
	}
}
