package tui

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// showPlan shows a plan whole and asks whether to make it.
func (m *root) showPlan(a Action, p trust.Plan, moved error) tea.Cmd {
	q := &question{
		since: m.jobs.now(), words: planWords(p), no: "Cancel", makes: "Make the change",
		declined: "Nothing was changed.",
		commands: p.Commands,
		yes:      func(m *root) tea.Cmd { return m.carryOut(a, p) },
	}
	return m.ask("Make this change?", q, func(d *doc) {
		if moved != nil {
			d.alarm(safetext.Join(safetext.Line("Nothing was written:"), safetext.Text(moved.Error())))
			d.para(explain.Plain, safetext.Line("This is the change worked out anew."))
			d.gap()
		}
		d.plan(p)
		d.gap()
		for i, word := range q.words {
			if i == 0 {
				d.fieldIn(explain.Danger, "to confirm", safetext.Join(safetext.Line("press y and type"), word))
			} else {
				d.fieldIn(explain.Danger, "", safetext.Join(safetext.Line("then type"), word))
			}
		}
		d.field("to undo", safetext.Line("press z afterwards, or run nix-trust undo"))
	})
}

// planRisk is how much a plan lets in, in words.
func planRisk(r trust.PlanRisk) (explain.Role, string) {
	switch r {
	case trust.PlanNarrows:
		return explain.Good, "narrows: less is trusted than before"
	case trust.PlanNeutral:
		return explain.Plain, "neutral: nothing more is trusted"
	case trust.PlanWidens:
		return explain.Caution, "widens: a cache or a key is trusted that was not"
	case trust.PlanSweeping:
		return explain.Danger, "sweeping: this lets in more than caches"
	}
	return explain.Unsure, "unknown: take it for the worst"
}

// plan adds all that a plan says.
func (d *doc) plan(p trust.Plan) {
	role, risk := planRisk(p.Risk)
	head := explain.Strong
	if role == explain.Danger {
		head = role
	}
	d.para(head, safetext.Text(p.Summary))
	for _, c := range p.Changes {
		d.note(explain.Plain, safetext.Text(c))
	}
	d.gap()
	d.fieldIn(role, "risk", safetext.Line(risk))
	for _, s := range p.Steps {
		if lines := s.Diff(); len(lines) > 0 {
			d.gap()
			d.diff(lines)
		}
	}
	if len(p.Notes) > 0 {
		d.title("Notes")
		for _, n := range p.Notes {
			d.para(explain.Plain, safetext.Text(n))
		}
	}
	if len(p.Residual) > 0 {
		d.title("What stays as it is")
		for _, r := range p.Residual {
			d.residual(r)
		}
	}
	if len(p.Commands) > 0 {
		d.title("To do yourself")
		for _, c := range p.Commands {
			d.para(explain.Plain, safetext.Text(c.Title))
			if c.Detail != "" {
				d.note(explain.Faint, safetext.Text(c.Detail))
			}
			for _, l := range safetext.Verbatim(c.Command) {
				d.cut(4, explain.Command, l.String())
			}
		}
	}
}

func (d *doc) residual(r trust.Residual) {
	text := safetext.Text(r.Text)
	if r.Subject != "" && r.Subject != r.Where.File {
		text = safetext.Join(safetext.URL(r.Subject), safetext.Line("—"), text)
	}
	d.para(explain.Caution, text)
	if r.Where != (nixconf.Pos{}) {
		d.note(explain.Place, safetext.Line(d.style(0).Spot(r.Where)))
	}
}

// diff adds the lines of a diff. One that is too long goes on below, marked.
func (d *doc) diff(lines []trust.DiffLine) {
	for _, l := range lines {
		role := explain.Faint
		switch l.Op {
		case '+':
			role = explain.Good
		case '-':
			role = explain.Bad
		case ' ':
			role = explain.Plain
		}
		d.cut(1, role, l.String())
	}
}

// cut adds a line letter by letter, cut where the width ends.
func (d *doc) cut(indent int, role explain.Role, text string) {
	w := max(d.w-indent-2, 4)
	for i, part := range strings.Split(ansi.Hardwrap(text, w, true), "\n") {
		lead := strings.Repeat(" ", indent)
		if i > 0 {
			lead += "  "
		}
		d.lines = append(d.lines, lead+d.theme.paint(role, part))
	}
}

// planWords is what a person has to type before a plan is made, one after the
// other, empty for nothing: each host that would be trusted, or the name of the
// setting. A slip of a finger types no host, and a known host that stands first
// lets no other one in.
func planWords(p trust.Plan) []safetext.S {
	if p.Risk == trust.PlanNarrows || p.Risk == trust.PlanNeutral {
		return nil
	}
	var words []string
	setting := ""
	for _, s := range p.Steps {
		hosts, name := newURLs(s), ""
		if s.Form == trust.FormAnswers {
			hosts, name = letIn(s)
		}
		words = appendHosts(words, hosts)
		setting = cmp.Or(setting, name)
	}
	if p.Risk == trust.PlanSweeping && setting != "" || len(words) == 0 {
		words = []string{cmp.Or(setting, "yes")}
	}
	out := make([]safetext.S, len(words))
	for i, w := range words {
		out[i] = safetext.ASCII(w)
	}
	return out
}

// newURLs are the hosts of the caches that a change adds to the grants.
func newURLs(s trust.FileChange) []string {
	was := map[string]bool{}
	for line := range strings.Lines(string(s.Before.Data)) {
		was[line] = true
	}
	var hosts []string
	for line := range strings.Lines(string(s.After.Data)) {
		if !was[line] && strings.HasPrefix(line, "url = ") {
			hosts = appendHosts(hosts, hostsIn(line))
		}
	}
	return hosts
}

var urlHost = regexp.MustCompile(`://(?:[^/@"' ]*@)?([^/@"' ?#]+)`)

// hostsIn are the hosts of the URLs in a text.
func hostsIn(text string) []string {
	var hosts []string
	for _, m := range urlHost.FindAllStringSubmatch(text, -1) {
		hosts = append(hosts, m[1])
	}
	return hosts
}

// appendHosts adds those that are not there yet.
func appendHosts(list, more []string) []string {
	for _, h := range more {
		if !slices.Contains(list, h) {
			list = append(list, h)
		}
	}
	return list
}

// letIn are the hosts to which a change of answers says yes, and the setting of
// the gravest yes.
func letIn(s trust.FileChange) (hosts []string, setting string) {
	was, err1 := trust.AnswersSource{Path: s.Path, State: s.Before}.Answers()
	is, err2 := trust.AnswersSource{Path: s.Path, State: s.After}.Answers()
	if err1 != nil || err2 != nil {
		return nil, ""
	}
	for _, name := range is.Names() {
		for _, value := range is.Values(name) {
			if yes, _ := is.Lookup(name, value); !yes {
				continue
			}
			if yes, _ := was.Lookup(name, value); yes {
				continue
			}
			known, _, ok := nixconf.Lookup(name)
			grave := !ok || known.Risk != nixconf.RiskCache
			if setting == "" || grave {
				setting = name
			}
			hosts = appendHosts(hosts, hostsIn(value))
		}
	}
	return hosts, setting
}

// typeWords asks for the words of a question that are still to be typed.
func (m *root) typeWords(q *question, words []safetext.S) tea.Cmd {
	m.toast = nil
	word := words[0].String()
	m.input = &input{prompt: "type " + word, byHand: true, submit: func(m *root, text string) tea.Cmd {
		switch {
		case m.question != q:
			return nil
		case strings.TrimSpace(text) != word:
			return m.say(explain.Caution, safetext.Line("That is not it, so nothing was changed. Press y to type it again, esc to leave it."))
		case len(words) > 1:
			return m.typeWords(q, words[1:])
		}
		return m.agree(q)
	}}
	return nil
}

// copyCommands copies what the person has to do themselves.
func (m *root) copyCommands() tea.Cmd {
	f, _ := command(m.question.commands)
	return m.copied("command", f.Command, true)
}

func (m *root) whyNoCommands() string {
	if q := m.question; q == nil || !slices.ContainsFunc(q.commands, func(f trust.Fix) bool { return f.Command != "" }) {
		return "There is no command here to copy."
	}
	return ""
}
