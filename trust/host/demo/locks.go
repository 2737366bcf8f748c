package demo

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/nix-trust/nix-trust/lock"
)

const (
	linux = "x86_64-linux"
	arm   = "aarch64-linux"
)

// A madeLock is a flake with a lock, what its caches have, and what became of
// it since.
type madeLock struct {
	folder string
	now    *lock.Lock
	head   *lock.Lock // as it is committed
	flake  map[string]map[string]lock.StorePath
	fill   func(source)
}

// locked are the flakes of the demo that have a lock: one that is as it should
// be, one that is out of date, and one whose mirror has something else.
func locked() []madeLock { return []madeLock{comet(), harbor(), quarry()} }

// comet's lock holds: two caches that do not copy each other have every path.
func comet() madeLock {
	own, mirror := signerOf("comet.cachix.org-1"), signerOf("mirror.comet.example-1")
	caches := []lock.Cache{{URL: "https://comet.cachix.org", Keys: []string{own.public()}}, {URL: "https://mirror.comet.example", Keys: []string{mirror.public()}}}
	now, old := lockOf(caches), lockOf(caches)
	var all []parcel
	flake := map[string]map[string]lock.StorePath{}
	for _, system := range []string{linux, arm} {
		var parts []parcel
		for _, name := range []string{
			"star-catalogue-2026.1", "ephemeris-de441", "nebula-graphics-1.4.2", "dome-control-3.0", "libslew-0.9.1", "libseeing-2.2",
			"weather-feed-1.1", "fits-tools-4.4.0", "plate-solver-0.38", "observatory-fonts-7", "timekeeper-5.2", "focus-model-1.0.3",
		} {
			parts = append(parts, pack(system, name, strings.Repeat(name+" for "+system+"\n", 40+len(name)), parts[max(0, len(parts)-2):]...))
		}
		app := pack(system, "comet-scheduler-2.1", strings.Repeat("points telescopes\n", 900), parts...)
		before := pack(system, "comet-scheduler-2.0", strings.Repeat("points most telescopes\n", 800), parts[1:]...)
		now.pinned(system, "packages.default", app, parts...)
		old.pinned(system, "packages.default", before, parts[1:]...)
		flake[system] = map[string]lock.StorePath{"packages.default": app.path}
		all = append(append(all, parts...), app)
	}
	return madeLock{folder: "/home/mira/src/comet", now: now.Lock, head: old.Lock, flake: flake, fill: func(s source) {
		s.put("comet.cachix.org", own, all...)
		s.put("mirror.comet.example", mirror, all...)
	}}
}

// harborFolder is that of the flake whose cache turns hostile, with other bytes
// for the path with this name.
const (
	harborFolder = "/home/mira/src/harbor"
	craneName    = "crane-driver-0.4"
)

// harbor's lock is stale: the flake moved on, and one path was never signed.
func harbor() madeLock {
	own := signerOf("harbor-cache.example-1")
	l := lockOf([]lock.Cache{{URL: "https://harbor-cache.example", Keys: []string{own.public()}}})
	tide := pack(linux, "tide-tables-2025", strings.Repeat("high low ", 300))
	crane := pack(linux, craneName, strings.Repeat("lift ", 500), tide)
	app := pack(linux, "harbor-1.2", strings.Repeat("ship ", 900), tide, crane)
	l.pinned(linux, "packages.default", app, tide, crane)
	next := pack(linux, "harbor-1.3", "")
	return madeLock{folder: harborFolder, now: l.Lock, head: l.Lock,
		flake: map[string]map[string]lock.StorePath{linux: {"packages.default": next.path}},
		fill: func(s source) {
			s.put("harbor-cache.example", own, app, tide)
			s.put("harbor-cache.example", signer{}, crane)
		}}
}

// quarry's mirror has other bytes for one path, signed by the mirror's own
// key. They are the bytes that the committed lock pins.
func quarry() madeLock {
	own, mirror := signerOf("quarry.example-1"), signerOf("mirror.quarry.example-1")
	caches := []lock.Cache{{URL: "https://mirror.quarry.example", Keys: []string{mirror.public()}}, {URL: "https://quarry.example", Keys: []string{own.public()}}}
	now, head := lockOf(caches), lockOf(caches)
	sieve := pack(linux, "sieve-3.1", strings.Repeat("gravel ", 400))
	drill := pack(linux, "drill-firmware-8", strings.Repeat("turn left ", 300), sieve)
	swapped := pack(linux, "drill-firmware-8", strings.Repeat("turn right ", 300), sieve)
	app := pack(linux, "quarry-5.0", strings.Repeat("stone ", 700), drill, sieve)
	now.pinned(linux, "packages.default", app, drill, sieve)
	head.pinned(linux, "packages.default", app, swapped, sieve)
	return madeLock{folder: "/home/mira/src/quarry", now: now.Lock, head: head.Lock,
		flake: map[string]map[string]lock.StorePath{linux: {"packages.default": app.path}},
		fill: func(s source) {
			s.put("quarry.example", own, app, drill, sieve)
			s.put("mirror.quarry.example", mirror, app, swapped, sieve)
		}}
}

// turnedOn are the files with which harbor's cache turns hostile: what it says of
// the path that it never signed stays, and the contents are others of the same
// length.
var turnedOn = sync.OnceValue(func() source {
	trojan := pack(linux, craneName, strings.Repeat("drop ", 500))
	return source{"harbor-cache.example": {trojan.info().URL: trojan.nar}}
})

// A draft is a lock that is being made.
type draft struct{ *lock.Lock }

func lockOf(caches []lock.Cache) draft {
	l := lock.New()
	l.Caches = caches
	return draft{l}
}

func (d draft) pinned(system, output string, out parcel, parts ...parcel) {
	s := d.Section(system)
	s.Outputs[output] = out.path
	for _, p := range append(parts, out) {
		pin := p.pin()
		for _, c := range d.Caches {
			for _, k := range c.Keys {
				name, _, _ := strings.Cut(k, ":")
				pin.By = append(pin.By, name)
			}
		}
		slices.Sort(pin.By)
		s.Paths[p.path] = pin
	}
}

func sorted(paths []lock.StorePath) []lock.StorePath {
	paths = slices.Clone(paths)
	slices.Sort(paths)
	return slices.Compact(paths)
}

// lockName is the file beside a flake.nix.
const lockName = "/flake.cache-lock"

// lockFiles are the locks of the host, and one that git could not merge.
func lockFiles() map[string][]byte {
	out := map[string][]byte{}
	for _, l := range locked() {
		if text, err := l.now.Print(); err == nil {
			out[strings.TrimPrefix(l.folder, "/")+lockName] = text
		}
	}
	c := comet()
	if text, err := c.head.Print(); err == nil {
		first, rest, _ := strings.Cut(string(text), "\n")
		out["home/mira/src/mosaic"+lockName] = []byte(first + "\n<<<<<<< ours\n=======\n" + rest + ">>>>>>> theirs\n")
	}
	return out
}

// Committed returns the text of a lock as the made-up git has it.
func Committed(path string) ([]byte, error) {
	for _, l := range locked() {
		if l.folder+lockName == path {
			return l.head.Print()
		}
	}
	return nil, fmt.Errorf("git has no %s: %w", path, fs.ErrNotExist)
}

// Evaluated returns the outputs that a flake of the demo has by now, for each
// system, nil when it is none of those with a lock.
func Evaluated(folder string) map[string]map[string]lock.StorePath {
	for _, l := range locked() {
		if l.folder == folder {
			return l.flake
		}
	}
	return nil
}
