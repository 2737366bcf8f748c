package host

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// lookAnswers reads one trusted-settings.json. A path of "" is a user without a
// home, who has no answers that could be read.
// Nix: src/libflake/config.cc, readTrustedList.
func (l *look) lookAnswers(path string, v nixconf.Version) trust.AnswersFile {
	f := trust.AnswersFile{Path: path}
	if path == "" {
		return f
	}
	there, err := l.m.files.Exists(path)
	switch {
	case err != nil:
		f.State = nixconf.SourceUnseen
		return f
	case !there:
		f.State = nixconf.SourceMissing
		return f
	}
	data, err := l.m.files.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrPermission) && l.user.self && path == l.places.answers():
		f.State = nixconf.SourceRead
		f.Err = &trust.AnswersError{
			Message: "opening file " + quotePath(path, v) + ": Permission denied",
			Text:    "This user may not read it. Every command that meets a flake's setting fails; give the file back to the user.",
		}
		return f
	case errors.Is(err, fs.ErrPermission):
		f.State = nixconf.SourceUnreadable
		l.noteErr(path, err, "saved answers are not known")
		return f
	case errors.Is(err, syscall.EISDIR):
		f.State = nixconf.SourceRead
		f.Err = &trust.AnswersError{Message: readFolder(v), Text: "It is a folder. Every command that meets a flake's setting fails; remove the folder."}
		return f
	case errors.Is(err, fs.ErrNotExist):
		f.State = nixconf.SourceRead
		f.Err = &trust.AnswersError{
			Message: "opening file " + quotePath(path, v) + ": No such file or directory",
			Text:    "It is a link that leads nowhere. Every command that meets a flake's setting fails; remove the link.",
		}
		return f
	case err != nil:
		f.State = nixconf.SourceUnreadable
		l.noteErr(path, err, "saved answers are not known")
		return f
	}
	f.State = nixconf.SourceRead
	f.Answers, f.Err = trust.ParseAnswers(data, v)
	return f
}

// readFolder is what Nix says of a folder where it expects the file.
func readFolder(v nixconf.Version) string {
	if v.AtLeast(2, 34) {
		return "read of 65536 bytes: Is a directory"
	}
	return "reading from file: Is a directory"
}

// quotePath quotes as this release quotes paths in its messages.
func quotePath(path string, v nixconf.Version) string {
	if v.AtLeast(2, 34) {
		return `"` + path + `"`
	}
	return "'" + path + "'"
}
