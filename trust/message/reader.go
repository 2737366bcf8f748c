// Package message reads what Nix printed, and finds what is about trust or
// caches in it. It knows the wordings of Nix 2.8 to 2.36, of Lix and of
// Determinate Nix, with colours, and in the frames of nom and nh.
//
// What it returns is a stranger's text: a message quotes flakes and caches, and
// a program that prints the very words of Nix is taken for it. What is known to
// be the output of a build is passed over.
package message

import "strings"

// MaxLine is the longest line that is read, in bytes. A longer one is no
// message.
const MaxLine = 64 << 10

// A Reader finds messages in lines that come one after the other. The zero
// Reader is at the first line.
type Reader struct {
	line int
	open *Message // its next lines may follow
	more []string // how they begin
}

// Line takes the next line, with or without its newline, and returns the
// messages that are complete with it, or before it.
func (r *Reader) Line(raw string) []Message {
	r.line++
	if len(raw) > MaxLine {
		return r.End()
	}
	text, built := body(clean(raw))
	if built {
		return r.End()
	}
	if r.open != nil {
		for i, m := range r.more {
			if strings.HasPrefix(text, m) {
				r.open.Text += "\n" + text
				r.open.Lines = r.line - r.open.Line + 1
				if r.more = r.more[i+1:]; len(r.more) == 0 {
					return r.End()
				}
				return nil
			}
		}
	}
	done := r.End()
	m, more, ok := match(text)
	if !ok {
		return done
	}
	m.Line, m.Lines = r.line, 1
	if r.open, r.more = &m, more; len(more) > 0 {
		return done
	}
	return append(done, r.End()...)
}

// End returns the message that waits for lines that do not come.
func (r *Reader) End() []Message {
	if r.open == nil {
		return nil
	}
	m := *r.open
	r.open, r.more = nil, nil
	return []Message{m}
}

func match(text string) (m Message, more []string, ok bool) {
	said, rest := level(strings.TrimPrefix(text, "… "))
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
