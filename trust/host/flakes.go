package host

import (
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/flake"
	"github.com/nix-trust/nix-trust/trust"
)

// lookFlakes finds the flakes of this machine and reads what they say, and what
// their inputs say as far as their sources are in the store. Many flakes share
// their inputs: each source is read once.
func (l *look) lookFlakes() {
	found := l.discover()
	flakes := make([]trust.Flake, len(found))
	sources := make([][]source, len(found))
	for i, c := range found {
		flakes[i] = trust.Flake{ID: trust.FlakeID{Ref: c.ref, Path: c.folder}, Found: c.reasons, Err: "The look ended before it was read."}
	}
	l.each(len(found), func(i int) { flakes[i], sources[i] = l.readFlake(found[i]) })

	index := map[source]int{}
	var distinct []source
	for _, list := range sources {
		for _, s := range list {
			if _, ok := index[s]; !ok && s.tree != "" {
				index[s] = len(distinct)
				distinct = append(distinct, s)
			}
		}
	}
	read := make([]trust.Input, len(distinct))
	l.each(len(distinct), func(i int) { read[i] = l.readSource(distinct[i]) })
	for i := range flakes {
		for k, s := range sources[i] {
			if at, ok := index[s]; ok {
				in := &flakes[i].Inputs[k]
				in.Present, in.Config, in.Rejection = read[at].Present, read[at].Config, read[at].Rejection
			}
		}
	}
	l.facts.Flakes = flakes
}

// each calls do for every index below n, a few at a time, until ctx ends. The
// workers stay, as what they do grows their stacks: a goroutine for each index
// would grow one each time.
func (l *look) each(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, 2*runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for l.ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	wg.Wait()
}

// source is where an input's flake.nix would be. The zero source is nowhere.
type source struct {
	tree string // the folder of the source tree
	dir  string // below it
}

// readFlake reads one flake's files, and tells where each of its inputs' sources
// would be.
func (l *look) readFlake(c candidate) (trust.Flake, []source) {
	f := trust.Flake{ID: trust.FlakeID{Ref: c.ref, Path: c.folder}, Found: c.reasons, Err: c.err}
	if c.folder == "" {
		if f.Err == "" {
			f.Err = "Its source is not on this machine."
		}
		return f, nil
	}
	v := l.facts.Nix.Version
	name := path.Join(c.folder, "flake.nix")
	src, err := l.m.files.ReadFile(name)
	if err != nil {
		f.Err = name + " could not be read: " + plain(err) + "."
	} else {
		f.Config, f.Rejection = flake.ReadConfig(name, src, v, l.facts.Client.Tokens("experimental-features")...)
	}
	name = path.Join(c.folder, "flake.lock")
	data, err := l.m.files.ReadFile(name)
	switch {
	case err != nil && isMissing(err):
		return f, nil
	case err != nil:
		f.LockErr = name + " could not be read: " + plain(err) + "."
		l.noteErr(name, err, "what the flake's inputs declare is not known")
		return f, nil
	}
	lock, err := flake.ParseLock(name, data)
	if err != nil {
		f.LockErr = err.Error()
		l.note(name, f.LockErr+". What the flake's inputs declare is not known.")
		return f, nil
	}
	f.Lock = lock
	locked := lock.Inputs()
	f.Inputs = make([]trust.Input, len(locked))
	sources := make([]source, len(locked))
	for i, in := range locked {
		f.Inputs[i] = trust.Input{Name: in.Name, Ref: in.Ref, IsFlake: in.IsFlake}
		at := l.inputSource(c.folder, in)
		if !in.InRoot && strings.HasPrefix(at.tree, l.facts.Nix.StoreDir+"/") {
			f.Inputs[i].StorePath = at.tree
		}
		if in.IsFlake {
			sources[i] = at
		}
	}
	return f, sources
}

// inputSource is where an input's source is: in the store by its narHash, beside
// the flake for a relative one, which has no hash, or in a folder of its own.
func (l *look) inputSource(folder string, in flake.LockedInput) source {
	if in.InRoot {
		return source{tree: path.Join(folder, in.Dir)}
	}
	if in.NarHash != "" {
		tree, err := flake.StorePath(in.NarHash, l.facts.Nix.StoreDir)
		if err != nil {
			return source{}
		}
		return source{tree, in.Dir}
	}
	if at := in.Node.Locked.Attrs["path"]; in.Node.Locked.Type == "path" && path.IsAbs(at) {
		return source{path.Clean(at), in.Dir}
	}
	return source{}
}

// readSource reads the nixConfig of one input's source.
func (l *look) readSource(s source) trust.Input {
	name := path.Join(s.tree, path.Clean("/"+s.dir), "flake.nix")
	src, err := l.m.files.ReadFile(name)
	if err != nil {
		if !isMissing(err) {
			l.noteErr(name, err, "what this input declares is not known")
		}
		return trust.Input{}
	}
	in := trust.Input{Present: true}
	in.Config, in.Rejection = flake.ReadConfig(name, src, l.facts.Nix.Version, l.facts.Client.Tokens("experimental-features")...)
	return in
}

// substituters are the URLs that the daemon is asked about: those of every layer
// of the configuration, in effect or not, then those that flakes and their
// inputs claim. Each is asked as it is written and, from 2.34 on, as the client
// would print it: that is what a client sends.
func (l *look) substituters() []string {
	var urls []string
	rendered := l.facts.Nix.Version.AtLeast(2, 34)
	add := func(value string) {
		for _, u := range tokens(value) {
			urls = append(urls, u)
			if ref, err := nixconf.ParseStoreRef(u); rendered && err == nil {
				urls = append(urls, ref.String())
			}
		}
	}
	for _, name := range []string{"substituters", "trusted-substituters"} {
		v := l.facts.Client.Get(name)
		if v == nil {
			continue
		}
		for _, it := range v.Items {
			urls = append(urls, it.Text)
		}
		for _, a := range v.History {
			add(a.Value)
		}
	}
	claims := func(settings []flake.Setting) {
		for _, s := range settings {
			if row, _, ok := nixconf.Lookup(s.Name); ok && (row.Name == "substituters" || row.Name == "trusted-substituters") {
				add(s.Value)
			}
		}
	}
	for _, f := range l.facts.Flakes {
		claims(f.Config)
	}
	for _, f := range l.facts.Flakes {
		for _, in := range f.Inputs {
			claims(in.Config)
		}
	}
	return urls
}

// tokens splits a list setting's value as Nix does.
func tokens(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}
