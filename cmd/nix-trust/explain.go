package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/message"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

func (a *app) explainCommand() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain [FILE]",
		Short: "Say what Nix's messages about caches and trust mean on this machine",
		Long: `explain reads what Nix printed, from FILE or from standard input, and says of
each message about caches and trust what happened, why on this machine, and what
to do. It knows the words of Nix 2.8 to 2.36, Lix and Determinate Nix, with
colours and in the frames of nom and nh.

  nix build 2>&1 | nix-trust explain --passthrough

--passthrough prints every line as it comes, and the explanations at the end.
The reasons are those of the flake in the current folder, or of --flake.

Exit code: 0 when there was no such message, 1 when there was, 2 when FILE cannot
be read. With --passthrough it is 0 in both cases; what Nix returned is lost in a
pipe unless the shell's pipefail is on.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.explainMessages(cmd.Context(), first(args), f)
		},
	}
	c.Flags().StringVar(&f.flake, "flake", "", "the command was about the flake in `DIR` or with this reference")
	c.Flags().BoolVar(&f.pass, "passthrough", false, "print every line that is read, too")
	return c
}

type explainFlags struct {
	flake string
	pass  bool
}

// mostMessages is how many different ones are explained.
const mostMessages = 200

// A heard message is one that came at least once.
type heard struct {
	message.Message
	times int
}

// said is its text without what is secret in it. It is not yet safe to show.
func (h heard) said() string {
	text := h.Text
	if h.Value != "" {
		text = strings.ReplaceAll(text, h.Value, safetext.RedactValue(h.Setting, h.Value))
	}
	return safetext.Redact(text)
}

func (a *app) explainMessages(ctx context.Context, file string, f explainFlags) error {
	if f.pass && a.json {
		return usage("--passthrough and --json exclude each other", "leave one of them out")
	}
	in := a.in
	if file != "" && file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			var p *fs.PathError
			if errors.As(err, &p) {
				err = p.Err
			}
			return usage(fmt.Sprintf("%s cannot be read: %v", file, err), "give a file with what Nix printed, or leave it out and pipe it in")
		}
		defer opened.Close()
		in = opened
	} else if a.terminal && !a.json {
		a.warn("what Nix printed is read from the keyboard; Ctrl-D ends it. Usual is `nix build 2>&1 | nix-trust explain --passthrough`")
	}
	messages, more, err := a.hear(ctx, in, f.pass)
	if err != nil {
		return err
	}
	var r *trust.Report
	var flake *trust.FlakeReport
	if len(messages) > 0 || a.json {
		if r, err = a.report(ctx, f.flake); err != nil {
			return err
		}
		if flake = subject(r, f.flake); f.flake != "" && (flake == nil || flake.Err != "") {
			return &problem{code: exitUnknown, text: "no flake was found at " + f.flake, hints: []string{"give the folder that has its flake.nix"}}
		}
	}
	if a.json {
		if err := a.writeJSON(explainOf(r, flake, messages, more)); err != nil {
			return err
		}
	} else {
		a.printHeard(r, flake, messages, more)
	}
	if len(messages) > 0 && !f.pass {
		return silent(exitFindings)
	}
	return nil
}

// hear reads all lines. more is how many further messages there were.
func (a *app) hear(ctx context.Context, in io.Reader, pass bool) (out []heard, more int, err error) {
	var reader message.Reader
	index := map[message.Message]int{}
	keep := func(ms []message.Message) {
		for _, m := range ms {
			key := m
			key.Line, key.Lines, key.Level, key.Text = 0, 0, "", ""
			if i, ok := index[key]; ok {
				out[i].times++
				continue
			}
			if len(out) == mostMessages {
				more++
				continue
			}
			index[key] = len(out)
			out = append(out, heard{m, 1})
		}
	}
	var last byte
	for c := range pieces(ctx, in) {
		if pass && len(c.text) > 0 { // at once, before a line is whole
			if _, err := a.out.Write(c.text); err != nil {
				return nil, 0, &problem{code: exitUnknown, text: "the output cannot be written: " + err.Error()}
			}
			last = c.text[len(c.text)-1]
		}
		keep(reader.Read(c.text))
		if c.err != nil {
			return nil, 0, &problem{code: exitUnknown, text: "the input cannot be read: " + c.err.Error()}
		}
	}
	keep(reader.End())
	if pass && last != '\n' && last != 0 && len(out) > 0 {
		a.print("") // the explanations begin on a line of their own
	}
	return out, more, ctx.Err()
}

// A piece is what was read at once, and why nothing comes after it.
type piece struct {
	text []byte
	err  error
}

// pieces reads until the end, or until the context is done: a read from a program
// that does not end cannot be broken off, so it is left alone then.
func pieces(ctx context.Context, in io.Reader) iter.Seq[piece] {
	ch := make(chan piece)
	go func() {
		defer close(ch)
		buf := make([]byte, message.MaxLine)
		for {
			n, err := in.Read(buf)
			p := piece{text: bytes.Clone(buf[:n])}
			if err != io.EOF {
				p.err = err
			}
			select {
			case ch <- p:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return func(yield func(piece) bool) {
		for {
			select {
			case p, ok := <-ch:
				if !ok || !yield(p) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func (a *app) printHeard(r *trust.Report, flake *trust.FlakeReport, messages []heard, more int) {
	s := a.style()
	if len(messages) == 0 {
		a.warn("nothing in it is about caches or trust")
		return
	}
	told := map[string]bool{}
	for i, h := range messages {
		if i > 0 {
			a.print("")
		}
		means := h.Kind.Means()
		where := fmt.Sprintf("line %d", h.Line)
		if h.times > 1 {
			where += fmt.Sprintf(", %d times", h.times)
		}
		a.print(paint(s, explain.Strong, means.Title) + " (" + where + ")")
		for line := range strings.Lines(h.said()) {
			a.print("  " + paint(s, explain.Faint, safetext.Line(strings.TrimRight(line, "\n")).String()))
		}
		if !told[means.Text] {
			a.printIndented(means.Text, s)
			told[means.Text] = true
		}
		a.printPlace(message.Locate(r, flake, h.Message), h.Kind, told, s)
	}
	if more > 0 {
		a.warn("%s more are not shown", plural(more, "message"))
	}
}

func (a *app) printIndented(text string, s explain.Style) {
	for _, l := range wrapped(text, s) {
		a.print("  " + l)
	}
}

// wrapped are the lines of a text of our own that two spaces go before.
func wrapped(text string, s explain.Style) []string {
	if s.Width > 4 {
		return explain.Wrap(safetext.Text(text), s.Width-2)
	}
	return []string{text}
}

// coveredText is said of a setting that names caches, where covered is true.
const coveredText = "A grant covers the caches of this flake: what it pins comes without a yes to this setting. " +
	"`nix-trust fetch` brings it in, `nix-trust exec` has Nix ask the gate. Nix prints the message all the same."

// printPlace says why on this machine, once for each thing, and what to do where
// the reasons do not account for the message.
func (a *app) printPlace(p message.Place, kind message.Kind, told map[string]bool, s explain.Style) {
	means := kind.Means()
	if !p.Accounts(kind) {
		if p.Known() && means.Else != "" {
			a.printIndented(means.Else, s)
		}
		switch {
		case means.Do != "":
			a.printIndented(means.Do, s)
		case !p.Known() && len(means.Codes) > 0:
			a.printIndented("Nothing here is known of it. If the command was about another flake, give its folder with --flake.", s)
		}
	}
	var lines []string
	switch {
	case p.Cache != nil && len(means.Codes) == 0:
		lines = []string{explain.Headline(*p.Cache, narrow(s, 2))} // the chain says nothing of this
	case p.Cache != nil:
		lines = explain.Cache(*p.Cache, s)
	case p.Setting != nil:
		lines = explain.Setting(*p.Setting, s)
	case len(p.Reasons) > 0:
		lines = explain.Chain(p.Reasons, s)
	case p.Finding != nil:
		lines = explain.Finding(*p.Finding, s)
	default:
		return
	}
	if p.Setting != nil && p.Setting.Risk == nixconf.RiskCache && covered(p.Flake) {
		lines = slices.Concat(wrapped(coveredText, s), []string{""}, lines)
	}
	key := strings.Join(lines, "\n")
	if told[key] {
		a.print("  The reason is the one above.")
		return
	}
	told[key] = true
	head := "  On this machine:"
	if p.Flake != nil {
		head = "  On this machine, for " + flakeName(p.Flake) + ":"
	}
	a.print(head)
	for _, l := range lines {
		a.print(strings.TrimRight("  "+l, " "))
	}
}

// covered reports whether every cache that a flake asks for is usable, or covered by
// a grant, and one is so by a grant.
func covered(f *trust.FlakeReport) bool {
	granted := false
	for _, c := range f.Caches {
		switch {
		case !c.Claimed:
		case c.State == trust.StateScoped:
			granted = true
		case c.State != trust.StateUsable:
			return false
		}
	}
	return granted
}

type explainJSON struct {
	jsonHead
	Messages []jsonMessage `json:"messages"`
	More     int           `json:"more"`
}

type jsonMessage struct {
	Kind    string       `json:"kind"`
	Title   string       `json:"title"`
	Text    string       `json:"text"`
	Do      string       `json:"do"`
	Else    string       `json:"otherwise"` // when the reasons do not account for it
	Codes   []string     `json:"codes"`
	Line    int          `json:"line"`
	Times   int          `json:"times"`
	Said    string       `json:"said"`
	Setting string       `json:"setting"`
	URL     string       `json:"url"`
	Path    string       `json:"path"`
	User    string       `json:"user"`
	File    string       `json:"file"`
	Key     string       `json:"key"`
	Detail  string       `json:"detail"`
	Flake   *jsonFlake   `json:"flake"`
	State   string       `json:"state"` // of the cache or setting, "" when it is neither
	Reasons []jsonReason `json:"reasons"`
	Finding *jsonFinding `json:"finding"`
}

func explainOf(r *trust.Report, flake *trust.FlakeReport, messages []heard, more int) explainJSON {
	out := explainJSON{jsonHead: headOf(r), More: more, Messages: []jsonMessage{}}
	for _, h := range messages {
		means := h.Kind.Means()
		j := jsonMessage{
			Kind: string(h.Kind), Title: means.Title, Text: means.Text, Do: means.Do, Line: h.Line, Times: h.times, Said: h.said(),
			Setting: h.Setting, URL: safetext.Redact(h.URL), Path: h.Path, User: h.User, File: safetext.Redact(h.File), Key: h.Key, Detail: safetext.Redact(h.Detail),
			Codes: list(means.Codes, func(c trust.Code) string { return string(c) }),
		}
		p := message.Locate(r, flake, h.Message)
		j.Flake, j.Reasons = flakeOf(p.Flake), reasonsOf(p.Chain())
		if p.Known() && !p.Accounts(h.Kind) {
			j.Else = means.Else
		}
		switch {
		case p.Cache != nil:
			j.State = p.Cache.State.String()
		case p.Setting != nil:
			j.State = p.Setting.State.String()
		case p.Finding != nil:
			j.Finding = &findingsOf([]trust.Finding{*p.Finding})[0]
		}
		out.Messages = append(out.Messages, j)
	}
	return out
}

func flakeOf(f *trust.FlakeReport) *jsonFlake {
	if f == nil || f.ID == (trust.FlakeID{}) {
		return nil
	}
	return &jsonFlake{safetext.Redact(f.ID.Ref), f.ID.Path, list(f.Found, same)}
}
