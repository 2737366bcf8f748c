package host

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/lock"
	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/diskcache"
)

// An opener opens a file to read a part of it, following no link in its own
// place. Files that cannot are not asked for databases.
type opener interface {
	Open(path string) (*os.File, error)
}

const openFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_CLOEXEC

func (hostFiles) Open(p string) (*os.File, error) {
	fd, err := unix.Open(p, openFlags, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: p, Err: err}
	}
	return os.NewFile(uintptr(fd), p), nil
}

// lookRemembered reads what Nix remembers of binary caches: this user's own
// database, and where a daemon goes by it, the daemon's, whose environment is
// given when it could be read.
func (l *look) lookRemembered(env func(string) (string, bool)) {
	f := l.facts
	if r := l.m.replayed; r != nil {
		f.Remembered = r.remembered
		if slices.ContainsFunc(f.Remembered, wasRead) {
			l.lookLocked()
		}
		return
	}
	files, ok := l.m.files.(opener)
	if !ok {
		return
	}
	own := trust.Remembered{File: databaseIn(l.places.cache, f.Nix.Version, files)}
	own.MissTTL, own.HitTTL = lifetimes(f.Client)
	all := []trust.Remembered{own}
	if f.Nix.Store == trust.StoreDaemon {
		daemon := trust.Remembered{Daemon: true, File: databaseIn(l.daemonCache(env), f.Daemon.Version, files)}
		daemon.MissTTL, daemon.HitTTL = lifetimes(f.System)
		all = append(all, daemon)
	}
	for i := range all {
		m := &all[i]
		if m.File == "" {
			continue
		}
		if there, err := l.m.files.Exists(m.File); err != nil {
			m.State, m.Err = nixconf.SourceUnseen, plain(err)
		} else if !there {
			m.State = nixconf.SourceMissing
		} else {
			m.State = nixconf.SourceRead // as far as is known yet
		}
	}
	if !slices.ContainsFunc(all, wasRead) {
		f.Remembered = all
		return
	}
	paths := l.lookLocked()
	for i := range all {
		if m := &all[i]; m.State == nixconf.SourceRead {
			l.readRemembered(files, m, paths)
		}
	}
	f.Remembered = all
}

func wasRead(m trust.Remembered) bool { return m.State == nixconf.SourceRead }

// daemonCache is the cache folder of the daemon, "" when it is not known: one at
// a place of its own may be anybody's.
func (l *look) daemonCache(env func(string) (string, bool)) string {
	home := l.rootHome()
	if env == nil {
		if l.privateDaemon() != "" {
			return ""
		}
		env = func(string) (string, bool) { return "", false }
	} else if h, set := env("HOME"); set && h != "" {
		home = h
	}
	return placesFor(env, home, "", l.facts.Daemon.Version).cache
}

// readRemembered reads one database. It has to be root's or the user's own: one
// of another user's is a file that a stranger may have made.
func (l *look) readRemembered(files opener, m *trust.Remembered, paths []string) {
	open := func(p string) (*os.File, error) {
		file, err := files.Open(p)
		if err != nil {
			return nil, err
		}
		if err := diskcache.Owned(file, 0, l.user.UID); err != nil {
			file.Close()
			return nil, err
		}
		return file, nil
	}
	now := time.Now()
	q := diskcache.Question{Misses: now.Add(-m.MissTTL), Hits: now.Add(-m.HitTTL)}
	for _, p := range paths {
		hash, _, _ := strings.Cut(p, "-")
		q.Hashes = append(q.Hashes, hash)
	}
	got, err := diskcache.Read(l.ctx, open, m.File, q)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.State = nixconf.SourceMissing
		return
	case err != nil:
		m.State, m.Err = nixconf.SourceUnreadable, plain(err)
		return
	}
	m.Complete = got.Complete
	for _, c := range got.Caches {
		out := trust.RememberedCache{URL: c.URL, Misses: tally(c.Misses), Hits: tally(c.Hits)}
		for i, p := range paths {
			e, ok := got.Entry(c.URL, q.Hashes[i])
			if ok && (e.Present && e.At.After(q.Hits) || !e.Present && e.At.After(q.Misses)) {
				out.Paths = append(out.Paths, trust.RememberedPath{Path: p, Present: e.Present, Since: e.At})
			}
		}
		m.Caches = append(m.Caches, out)
	}
}

func tally(t diskcache.Tally) trust.AnswerTally {
	return trust.AnswerTally{Count: t.N, Oldest: t.Oldest, Newest: t.Newest}
}

// databaseIn is the database that a Nix of this version uses. Of an unknown
// version it is the newest that is there, "" when there is none.
func databaseIn(dir string, v nixconf.Version, files opener) string {
	if dir == "" {
		return ""
	}
	all := diskcache.Files(dir)
	if v != (nixconf.Version{}) {
		return all[diskcache.Generation(v.Major, v.Minor)]
	}
	for _, f := range slices.Backward(all) {
		file, err := files.Open(f)
		if err == nil {
			file.Close()
			return f
		}
	}
	return ""
}

// lifetimes are for how long an answer counts. Nix: src/libstore/globals.hh.
func lifetimes(cfg *nixconf.Config) (miss, hit time.Duration) {
	of := func(name string, otherwise int64) time.Duration {
		if v := cfg.Get(name); v != nil {
			if n, err := strconv.ParseUint(v.Text, 10, 32); err == nil {
				return time.Duration(n) * time.Second
			}
		}
		return time.Duration(otherwise) * time.Second
	}
	return of("narinfo-cache-negative-ttl", 3600), of("narinfo-cache-positive-ttl", 30*24*3600)
}

// Bounds on what is looked up of locks.
const (
	maxLockSize = 4 << 20 // a lock of some ten thousand paths
	maxLocked   = 2000    // outputs of all flakes
)

// lookLocked reads the outputs that the locks beside the flakes name, and
// returns their store paths, each once. A lock that does not read has none: the
// commands that go by locks say why.
func (l *look) lookLocked() (paths []string) {
	flakes := l.facts.Flakes
	l.each(len(flakes), func(i int) {
		if flakes[i].ID.Path == "" {
			return
		}
		name := path.Join(flakes[i].ID.Path, "flake.cache-lock")
		if info, err := l.m.files.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() > maxLockSize {
			return
		}
		data, err := l.m.files.ReadFile(name)
		if err != nil {
			return
		}
		parsed, err := lock.Parse(name, data)
		if err != nil {
			return
		}
		s := parsed.Systems[l.facts.Platform.System]
		if s == nil {
			return
		}
		for output, p := range s.Outputs {
			flakes[i].Locked = append(flakes[i].Locked, trust.LockedOutput{Name: output, Path: string(p)})
		}
		slices.SortFunc(flakes[i].Locked, func(a, b trust.LockedOutput) int { return strings.Compare(a.Name, b.Name) })
	})
	seen := map[string]bool{}
	for i := range flakes {
		for _, o := range flakes[i].Locked {
			if !seen[o.Path] && len(paths) < maxLocked {
				seen[o.Path] = true
				paths = append(paths, o.Path)
			}
		}
	}
	return paths
}
