// Package message reads what Nix printed, and finds what is about trust or
// caches in it. It knows the wordings of Nix 2.8 to 2.36, of Lix and of
// Determinate Nix, with colours, in the frames of nom and nh, as the lines for
// programs that --log-format internal-json makes, behind the times of a log, and
// broken by a terminal.
//
// What it returns is a stranger's text: a message quotes flakes and caches, and
// a program that prints the very words of Nix is taken for it. What is known to
// be the output of a build is passed over.
package message

import (
	"bytes"
	"regexp"
	"strings"
)

// MaxLine is the longest line that is read, in bytes. A longer one is no
// message, but for what a progress bar was overwritten with at its end.
const MaxLine = 64 << 10

// maxBroken is over how many lines a terminal may have broken one message, and
// maxJoined how long that is then, in bytes.
const maxBroken, maxJoined = 5, 4 << 10

// maxCopies is of how many paths it is remembered where they come from.
const maxCopies = 64

// copying is how Nix says that it begins to fetch a path.
var copying = regexp.MustCompile(`^copying path '([^']*)' from '(.*)'\.\.\.$`)

// A Reader finds messages in a stream. The zero Reader is at the first line. It
// keeps no more than two lines of the greatest length.
type Reader struct {
	line int
	rest []byte // of a line whose end did not come yet
	long bool   // it was too long, and is gone
	open *Message
	more []string // how the lines begin that may follow the open one

	copies [][2]string // the paths that were being copied last, with the cache that each comes from

	broken []string // what a warning or error may be that is not whole yet
	since  int      // the line on which it begins
}

// Read takes the next bytes, however they are cut, and returns the messages that
// are complete with them.
func (r *Reader) Read(p []byte) (out []Message) {
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		for len(line) > MaxLine {
			r.keep(line[:MaxLine])
			line = line[MaxLine:]
		}
		r.keep(line)
		if p = rest; ended {
			out = append(out, r.newline()...)
		}
	}
	return out
}

// keep adds to the line. Of one that is too long only what comes after its last
// carriage return is kept.
func (r *Reader) keep(p []byte) {
	if r.long {
		i := bytes.LastIndexByte(p, '\r')
		if i < 0 {
			return
		}
		p, r.long = p[i:], false
	}
	if r.rest = append(r.rest, p...); len(r.rest) <= MaxLine {
		return
	}
	if i := bytes.LastIndexByte(r.rest, '\r'); i > 0 && len(r.rest)-i <= MaxLine {
		r.rest = append(r.rest[:0], r.rest[i:]...)
		return
	}
	r.rest, r.long = r.rest[:0], true
}

// newline ends the line.
func (r *Reader) newline() (out []Message) {
	r.line++
	if r.long {
		out = r.close()
	} else {
		out = r.whole(string(r.rest))
	}
	r.rest, r.long = r.rest[:0], false
	return out
}

// End returns what is left when nothing comes any more.
func (r *Reader) End() (out []Message) {
	if len(r.rest) > 0 || r.long {
		out = r.newline()
	}
	return append(out, r.close()...)
}

// whole reads a line.
func (r *Reader) whole(raw string) []Message {
	text, built := body(clean(raw))
	said, ok := machineLine(text)
	if !ok {
		return r.text(text, built)
	}
	out := r.close()
	for line := range strings.Lines(said) {
		out = append(out, r.text(body(clean(line)))...)
	}
	return append(out, r.close()...)
}

// text reads a line as a person sees it. What a build prints is passed over.
func (r *Reader) text(text string, built bool) []Message {
	if built {
		return r.close()
	}
	if from := copying.FindStringSubmatch(text); from != nil {
		r.copies = append(r.copies[max(0, len(r.copies)-maxCopies+1):len(r.copies):len(r.copies)], [2]string{from[1], from[2]})
		return r.close()
	}
	if r.open != nil {
		if text == "" {
			return nil // within a trace
		}
		for i, m := range r.more {
			if strings.HasPrefix(text, m) {
				r.open.Text += "\n" + text
				if said, _ := level(text); r.open.Level == "" {
					r.open.Level = said
				}
				r.open.Lines = r.line - r.open.Line + 1
				if r.more = r.more[i+1:]; len(r.more) == 0 {
					return r.close()
				}
				return nil
			}
		}
	}
	m, more, ok := match(text)
	m.Line, m.Lines = r.line, 1
	for i := len(r.copies) - 1; i >= 0 && m.URL == "" && m.Path != ""; i-- {
		if r.copies[i][0] == m.Path {
			m.URL = r.copies[i][1]
		}
	}
	if !ok && r.open == nil {
		if m, more, ok = r.join(text); !ok {
			return nil
		}
	}
	done := r.close()
	if !ok {
		r.begin(text)
		return done
	}
	if r.open, r.more = &m, more; len(more) > 0 {
		return done
	}
	return append(done, r.close()...)
}

// begin keeps a line with which a message may begin that goes on in the next.
func (r *Reader) begin(text string) {
	r.broken = nil
	if len(text) > maxJoined {
		return
	}
	if said, rest := level(text); said != "" && rest != "" || strings.HasPrefix(text, "do you want to allow ") || strings.HasPrefix(text, "Using saved setting for ") {
		r.broken, r.since = []string{text}, r.line
	}
}

// join tries a line as the rest of what was begun. A terminal breaks lines in the
// middle of a word; a program that wraps them takes a space away.
func (r *Reader) join(text string) (m Message, more []string, ok bool) {
	if said, _ := level(text); len(r.broken) == 0 || text == "" || len(r.broken[0])+len(text) > maxJoined || said != "" || r.line-r.since >= maxBroken {
		r.begin(text)
		return Message{}, nil, false
	}
	var longer []string
	for _, b := range r.broken {
		for _, whole := range []string{b + text, b + " " + text} {
			if m, more, ok = match(whole); ok {
				m.Line, m.Lines = r.since, r.line-r.since+1
				return m, more, true
			}
			longer = append(longer, whole)
		}
	}
	r.broken = longer
	return Message{}, nil, false
}

// close ends what is open.
func (r *Reader) close() []Message {
	r.broken = nil
	if r.open == nil {
		return nil
	}
	m := *r.open
	r.open, r.more = nil, nil
	return []Message{m}
}

func match(text string) (m Message, more []string, ok bool) {
	said, rest := level(strings.TrimPrefix(text, "… "))
	rest = quotes.Replace(rest)
	for _, p := range patterns {
		if p.level != "" && p.level != said {
			continue
		}
		g := p.re.FindStringSubmatch(rest)
		if g == nil {
			continue
		}
		m = Message{Kind: p.kind, Level: said, Text: text}
		for i, name := range p.re.SubexpNames() {
			if f := m.field(name); f != nil {
				*f = g[i]
			}
		}
		return m, p.more, true
	}
	return Message{}, nil, false
}

func (m *Message) field(name string) *string {
	switch name {
	case "Setting":
		return &m.Setting
	case "Value":
		return &m.Value
	case "URL":
		return &m.URL
	case "Path":
		return &m.Path
	case "User":
		return &m.User
	case "Key":
		return &m.Key
	case "File":
		return &m.File
	case "Detail":
		return &m.Detail
	}
	return nil
}
