package nixconf

import "fmt"

func fatal(kind string, pos Pos, message, text string) *Diagnostic {
	return &Diagnostic{Kind: kind, Severity: SeverityFatal, Pos: pos, Message: message, Text: text}
}

// Error returns where and what, for a person.
func (d *Diagnostic) Error() string {
	s := d.Text
	if s == "" {
		s = d.Message
	}
	if d.Pos.File == "" {
		return s
	}
	return d.Pos.String() + ": " + s
}

// String returns "file:line:col", as far as it is known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// String returns the severity as one word.
func (s Severity) String() string {
	switch s {
	case SeverityWarning:
		return "warning"
	case SeverityFatal:
		return "error"
	}
	return "note"
}

// String names the layer for a person.
func (l Layer) String() string {
	switch l {
	case LayerDefault:
		return "default"
	case LayerSystem:
		return "system file"
	case LayerUser:
		return "user file"
	case LayerEnv:
		return "environment"
	case LayerFlag:
		return "command line"
	case LayerFlake:
		return "flake"
	}
	return "unknown"
}

// String says what became of a source, for a person.
func (s SourceState) String() string {
	switch s {
	case SourceRead:
		return "read"
	case SourceMissing:
		return "missing"
	case SourceUnreadable:
		return "unreadable"
	case SourceUnseen:
		return "unseen"
	}
	return "not read"
}
