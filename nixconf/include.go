package nixconf

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"syscall"
)

// A reader collects the assignments of one top-level source, with those of
// included files in the place of the include lines.
type reader struct {
	*loader
	layer   Layer
	first   Pos // the top-level source
	entries []entry
	fatal   *Diagnostic
	// lost says that a file could not even be looked for in the top-level file
	// itself, upon which Nix gives that file up.
	lost  bool
	stack []string // the files being read, outermost first
	total int      // bytes read
	count int      // files read
	full  bool     // a limit was reached and said so
}

// read collects one file. It returns false when the rest of the including files
// does not matter any more, because of an error that ends Nix.
func (r *reader) read(name, abs string, data []byte, via []Pos) bool {
	r.stack = append(r.stack, abs)
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()
	r.total += len(data)
	r.count++
	for line := range Parse(name, data).Lines() {
		if line.Kind == LineBlank {
			continue
		}
		pos := Pos{name, line.Number, line.Tokens[0].Col}
		switch line.Kind {
		case LineBad:
			r.fatal = r.syntax(line, pos)
			return false
		case LineInclude:
			ok, lost := r.include(line, pos, via)
			if !ok {
				return false
			}
			if lost {
				r.lost = len(r.stack) == 1
				return true
			}
		case LineAssign:
			value := line.Tokens[2:]
			r.entries = append(r.entries, entry{
				name:   line.Tokens[0].Text,
				value:  joined(line.Text, value),
				tokens: value,
				origin: Origin{Layer: r.layer, Pos: pos, Included: via},
			})
		}
	}
	return true
}

// joined is the tokens with one space between, a part of text when it is that.
func joined(text string, ts []Token) string {
	if len(ts) == 0 {
		return ""
	}
	n := len(ts) - 1
	for _, t := range ts {
		n += len(t.Text)
	}
	if start := ts[0].Col - 1; ts[len(ts)-1].Col-1+len(ts[len(ts)-1].Text)-start == n {
		s := text[start : start+n]
		if !slices.ContainsFunc([]byte(s), func(c byte) bool { return c != ' ' && isSpace(c) }) {
			return s
		}
	}
	b := make([]byte, 0, n)
	for i, t := range ts {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, t.Text...)
	}
	return string(b)
}

func (r *reader) syntax(line Line, pos Pos) *Diagnostic {
	word := "syntax error in"
	if !r.version.AtLeast(2, 24) {
		word = "illegal"
	}
	message := word + " configuration line '" + line.Text + "' in " + quoted(pos.File, r.version)
	first := line.Tokens[0].Text
	text := "Nix reads only NAME = VALUE, with blanks around the equals sign, and refuses to run with this line"
	if first == "include" || first == "!include" {
		text = "an include line has exactly one path, and Nix refuses to run with this line"
		if len(line.Tokens) > 2 && r.version.AtLeast(2, 34) {
			message = "boost::bad_format_string: format-string is ill-formed"
		}
	}
	return fatal("syntax", pos, message, text)
}

// include reads the target of an include line. ok is false after an error that
// ends Nix; lost says that the rest of the including file is given up.
func (r *reader) include(line Line, pos Pos, via []Pos) (ok, lost bool) {
	target := line.Tokens[1].Text
	if !path.IsAbs(target) {
		dir := folderOf(pos.File, r.version)
		target = join(dir, target, r.version)
		if !path.IsAbs(target) {
			r.fatal = fatal("include-relative", pos, "not an absolute path: "+quoted(target, r.version),
				"an include in "+pos.File+" has no folder to be relative to: give the whole path")
			return false, false
		}
	}
	target = path.Clean(target)
	found, err := r.files.Exists(target)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		found, err = false, nil // as Nix takes it
	}
	switch {
	case err != nil && r.layer == LayerEnv && len(r.stack) == 1:
		r.fatal = fatal("unreadable", pos, "getting status of "+quoted(target, r.version)+": "+sentence(err),
			"the folder of "+target+" cannot be searched, and Nix refuses to run")
		return false, false
	case err != nil:
		r.warn(Diagnostic{Kind: "unreadable", Pos: pos,
			Text: "it cannot be known whether " + target + " exists (" + reason(err) + "): Nix gives up " + pos.File + " here without a word, for a user who cannot look there"})
		return true, true
	case !found && line.Tokens[0].Text == "include":
		r.fatal = fatal("include-missing", pos, "file "+quoted(target, r.version)+" included from "+quoted(pos.File, r.version)+" not found",
			target+" does not exist, and Nix refuses to run: write it, remove the line, or say !include")
		return false, false
	case !found:
		return true, false
	}
	return r.descend(target, pos, via), false
}

// descend reads an included file that is there.
func (r *reader) descend(target string, pos Pos, via []Pos) bool {
	if slices.Contains(r.stack, target) {
		r.fatal = fatal("include-cycle", pos, "stack overflow",
			"this line includes "+target+", which is being read already: Nix never comes to an end and crashes")
		return false
	}
	if len(r.stack) > maxIncludeDepth || r.count > maxIncludes || r.total > maxTotalSize {
		r.limit(pos)
		return true
	}
	data, err := r.files.ReadFile(target)
	if err == nil && len(data) > MaxFileSize {
		err = ErrTooLarge
	}
	switch {
	case err == nil:
		return r.read(target, target, data, append(slices.Clip(via), pos))
	case errors.Is(err, ErrTooLarge):
		r.limit(pos)
	case errors.Is(err, ErrNotRegular):
		r.unread(notRegular(pos, target))
	case errors.Is(err, syscall.EISDIR):
		r.warn(Diagnostic{Kind: "folder", Pos: pos, Text: target + " is a folder, and Nix passes over this line without a word"})
	case errors.Is(err, fs.ErrNotExist):
		r.warn(Diagnostic{Kind: "unreadable", Pos: pos, Text: target + " is a symbolic link to nothing, and Nix passes over this line without a word"})
	default:
		r.warn(Diagnostic{Kind: "unreadable", Pos: pos,
			Text: target + " cannot be read (" + reason(err) + "): Nix passes over this line without a word for this user, while others, and the daemon, may see settings in it"})
	}
	return true
}

// limit says once for each source that a limit was reached.
func (r *reader) limit(pos Pos) {
	if r.full {
		return
	}
	r.full = true
	r.unread(tooLarge(pos))
}

// unread says what is not read that Nix would read, and marks the source so.
func (r *reader) unread(d Diagnostic) {
	r.warn(d)
	for i := range r.cfg.Read {
		if r.cfg.Read[i].Path == r.first.File {
			r.cfg.Read[i].State = SourceUnreadable
		}
	}
}

// sentence is an error of the system as C prints it.
func sentence(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "Permission denied"
	}
	return reason(err)
}
