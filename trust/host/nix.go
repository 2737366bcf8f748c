package host

import (
	"bytes"
	"context"
	"path"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
)

// versionTime is how long `nix --version` may take.
const versionTime = 2 * time.Second

// lookNix finds the nix command that the user would run and its version,
// without running it where its place says the version.
func (l *look) lookNix() {
	l.facts.Nix.Path = l.findNix()
	if l.facts.Nix.Path == "" {
		return
	}
	at, err := l.m.files.Resolve(l.facts.Nix.Path)
	if err != nil {
		at = l.facts.Nix.Path
	}
	if v, ok := versionInStore(at); ok {
		l.facts.Nix.Version = v
	} else if v, ok := l.dpkgVersion(at); ok {
		l.facts.Nix.Version, l.debian = v, true
	}
}

// findNix looks for nix in PATH. Another system's PATH is not known: the places
// where Nix is installed are tried in the order in which installers put them.
func (l *look) findNix() string {
	if l.m.elsewhere {
		home, name := l.user.passwdHome, l.user.Name
		for _, dir := range []string{
			home + "/.nix-profile/bin", home + "/.local/state/nix/profile/bin",
			"/etc/profiles/per-user/" + name + "/bin", "/nix/var/nix/profiles/default/bin",
			"/run/current-system/sw/bin", "/usr/local/bin", "/usr/bin", "/bin",
		} {
			if p := path.Join("/", dir, "nix"); l.isProgram(p) {
				return p
			}
		}
		return ""
	}
	for dir := range strings.SplitSeq(l.get("PATH"), ":") {
		if !strings.HasPrefix(dir, "/") {
			continue // what it means depends on where it is asked
		}
		if p := path.Join(dir, "nix"); l.isProgram(p) {
			return p
		}
	}
	return ""
}

func (l *look) isProgram(p string) bool {
	info, err := l.m.files.Stat(p)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// versionInStore reads the version from a store path:
// /nix/store/HASH-nix-2.26.3/bin/nix. Other makes of Nix number their releases
// differently, so only "nix" itself is believed.
func versionInStore(p string) (nixconf.Version, bool) {
	for elem := range strings.SplitSeq(p, "/") {
		hash, name, ok := strings.Cut(elem, "-")
		if !ok || len(hash) != 32 {
			continue
		}
		for _, known := range []string{"nix-", "nix-cli-", "lix-"} {
			rest, ok := strings.CutPrefix(name, known)
			if !ok || rest == "" || rest[0] < '0' || rest[0] > '9' {
				continue
			}
			return parseVersion(rest)
		}
	}
	return nixconf.Version{}, false
}

// parseVersion reads the number at the start of a version as packagers write it:
// "2.26.3+dfsg-1", "2.35.0pre20260101_abc".
func parseVersion(s string) (nixconf.Version, bool) {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end >= 0 {
		s = s[:end]
	}
	v, ok := nixconf.ParseVersion(strings.TrimSuffix(s, "."))
	return v, ok
}

// noteLix says what is explained from its source alone.
func (l *look) noteLix() {
	if l.facts.Nix.Version.Lix() || l.facts.Daemon.Version.Lix() {
		l.note(l.facts.Nix.Path, "It is Lix, or the daemon is. What is said here of Lix is known from its source; no Lix was run to check it.")
	}
}

// dpkgVersion asks Debian's package database for the package that owns
// /usr/bin/nix.
func (l *look) dpkgVersion(at string) (nixconf.Version, bool) {
	if at != "/usr/bin/nix" && at != "/bin/nix" {
		return nixconf.Version{}, false
	}
	data, err := l.m.files.ReadFile("/var/lib/dpkg/status")
	if err != nil {
		return nixconf.Version{}, false
	}
	return parseVersion(dpkgField(data, "nix-bin", "Version"))
}

// dpkgField returns one field of an installed package, "" when it has none.
func dpkgField(status []byte, pkg, field string) string {
	head := []byte("Package: " + pkg + "\n")
	for at := 0; ; {
		i := bytes.Index(status[at:], head)
		if i < 0 {
			return ""
		}
		at += i
		start := at
		at += len(head)
		if start > 0 && status[start-1] != '\n' {
			continue
		}
		entry := status[start:]
		if end := bytes.Index(entry, []byte("\n\n")); end >= 0 {
			entry = entry[:end]
		}
		if !bytes.Contains(entry, []byte("\nStatus: install ok installed")) {
			continue
		}
		for line := range bytes.Lines(entry) {
			if v, ok := bytes.CutPrefix(line, []byte(field+": ")); ok {
				return string(bytes.TrimSpace(v))
			}
		}
	}
}

// askVersion runs `nix --version`: the last resort, when neither the command's
// place nor the daemon says the version.
func (l *look) askVersion() {
	if l.m.run == nil || l.facts.Nix.Path == "" {
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, versionTime)
	defer cancel()
	out, err := l.m.run(ctx, l.facts.Nix.Path, "--version")
	if err != nil {
		l.note(l.facts.Nix.Path, "It did not say its version ("+err.Error()+"), so the rules of the newest known Nix are assumed.")
		return
	}
	if v, ok := nixconf.ParseVersion(string(out)); ok {
		l.facts.Nix.Version = v
	}
}
