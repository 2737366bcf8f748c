package lock

import (
	"cmp"
	"maps"
	"slices"

	"github.com/nix-trust/nix-trust/lock/bincache"
)

// Class says in one stable word what kind of change there is between two locks.
type Class string

const (
	// ClassRehashed: a store path is pinned to other bytes than before, or
	// another path took its hash part. No update of a flake does that to a path
	// whose name comes from how it is built: somebody built it again with
	// another outcome, or somebody swapped it.
	ClassRehashed Class = "path-rehashed"
	// ClassAltered: the same bytes, but other references, size or content
	// address. The references decide what else comes into the store.
	ClassAltered Class = "path-altered"

	ClassSourceChanged Class = "source-changed"
	ClassCacheAdded    Class = "cache-added"
	ClassCacheRemoved  Class = "cache-removed"
	ClassKeyAdded      Class = "key-added"
	ClassKeyRemoved    Class = "key-removed"
	ClassKeyReplaced   Class = "key-replaced" // the same name, another key
	ClassSystemAdded   Class = "system-added"
	ClassSystemDropped Class = "system-dropped"
	ClassOutputAdded   Class = "output-added"
	ClassOutputRemoved Class = "output-removed"
	ClassOutputMoved   Class = "output-moved" // to another store path
	ClassOutputOlder   Class = "output-older" // to a path of an older version
	ClassPathAdded     Class = "path-added"
	ClassPathRemoved   Class = "path-removed"
	ClassSignedBy      Class = "signed-by" // other keys had signed it
)

// classes has every class, the gravest first: the order of a Diff.
var classes = []Class{
	ClassRehashed, ClassAltered, ClassKeyReplaced, ClassSourceChanged,
	ClassCacheAdded, ClassKeyAdded, ClassCacheRemoved, ClassKeyRemoved,
	ClassSystemDropped, ClassSystemAdded, ClassOutputOlder, ClassOutputMoved, ClassOutputRemoved, ClassOutputAdded,
	ClassPathAdded, ClassPathRemoved, ClassSignedBy,
}

// Alarm reports whether the change is one that no honest update makes: the
// same store path stands for something else than it did.
func (c Class) Alarm() bool { return c == ClassRehashed || c == ClassAltered }

// A Change is one difference between two locks.
type Change struct {
	Class  Class
	System string // "" when it is not about one
	// Subject is what changed: a store path, the name of an output, the URL of
	// a cache, or a system.
	Subject string
	// Old and New are what it was and is: a store path, a key, a hash; "" when
	// there is none. A path that is added for one system may be Old for another.
	Old, New string
	// OldPin and NewPin are the zero Pin unless the change is about a path.
	OldPin, NewPin Pin
}

// A Diff is every difference between two locks, the gravest first.
type Diff []Change

// Alarm reports whether one of the changes is an alarm.
func (d Diff) Alarm() bool {
	return slices.ContainsFunc(d, func(c Change) bool { return c.Class.Alarm() })
}

// Count returns how many changes there are of a class.
func (d Diff) Count(c Class) (n int) {
	for i := range d {
		if d[i].Class == c {
			n++
		}
	}
	return n
}

// Compare returns what changes from one lock to another. It does not compare
// layouts: locks with the same print have no differences, and only those.
func Compare(from, to *Lock) Diff {
	c := &comparison{before: from.byDigest()}
	if from.Source != to.Source {
		c.add(Change{Class: ClassSourceChanged, Subject: "source", Old: hashText(from.Source), New: hashText(to.Source)})
	}
	c.caches(from, to)
	for _, system := range union(from.Systems, to.Systems) {
		a, b := from.Systems[system], to.Systems[system]
		switch {
		case a == nil:
			c.add(Change{Class: ClassSystemAdded, System: system, Subject: system})
			a = &Section{}
		case b == nil:
			c.add(Change{Class: ClassSystemDropped, System: system, Subject: system})
			b = &Section{}
		}
		c.outputs(system, a, b)
		c.paths(system, a, b)
	}
	rank := make(map[Class]int, len(classes))
	for i, class := range classes {
		rank[class] = i
	}
	slices.SortStableFunc(c.changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank[a.Class], rank[b.Class]), cmp.Compare(a.System, b.System), cmp.Compare(a.Subject, b.Subject))
	})
	return c.changes
}

type comparison struct {
	before  map[string]pinned // what the first lock pins, for any system
	changes Diff
}

type pinned struct {
	path StorePath
	pin  Pin
}

// byDigest returns every pin by the hash part of its path.
func (l *Lock) byDigest() map[string]pinned {
	n := 0
	for _, s := range l.Systems {
		n += len(s.Paths)
	}
	m := make(map[string]pinned, n)
	for _, s := range l.Systems {
		for path, pin := range s.Paths {
			m[path.Digest()] = pinned{path, pin}
		}
	}
	return m
}

func (c *comparison) add(ch Change) { c.changes = append(c.changes, ch) }

func (c *comparison) caches(from, to *Lock) {
	keysOf := func(l *Lock) map[string][]string {
		m := map[string][]string{}
		for _, cache := range l.Caches {
			m[cache.URL] = append(m[cache.URL], cache.Keys...)
		}
		return m
	}
	a, b := keysOf(from), keysOf(to)
	for _, url := range union(a, b) {
		_, was := a[url]
		_, is := b[url]
		if !was {
			c.add(Change{Class: ClassCacheAdded, Subject: url, New: url})
		}
		if !is {
			c.add(Change{Class: ClassCacheRemoved, Subject: url, Old: url})
		}
		c.keys(url, a[url], b[url])
	}
}

// keys compares the keys of one cache. A key that gave way to another of the
// same name is replaced.
func (c *comparison) keys(url string, from, to []string) {
	var added []string
	for _, k := range to {
		if !slices.Contains(from, k) {
			added = append(added, k)
		}
	}
	for _, k := range from {
		if slices.Contains(to, k) {
			continue
		}
		i := slices.IndexFunc(added, func(n string) bool { return keyName(n) == keyName(k) })
		if i < 0 {
			c.add(Change{Class: ClassKeyRemoved, Subject: url, Old: k})
			continue
		}
		c.add(Change{Class: ClassKeyReplaced, Subject: url, Old: k, New: added[i]})
		added = slices.Delete(added, i, i+1)
	}
	for _, k := range added {
		c.add(Change{Class: ClassKeyAdded, Subject: url, New: k})
	}
}

func keyName(key string) string {
	k, err := bincache.ParsePublicKey(key)
	if err != nil {
		return key
	}
	return k.Name
}

func (c *comparison) outputs(system string, from, to *Section) {
	for _, name := range union(from.Outputs, to.Outputs) {
		a, was := from.Outputs[name]
		b, is := to.Outputs[name]
		ch := Change{Class: ClassOutputMoved, System: system, Subject: name, Old: string(a), New: string(b)}
		switch {
		case !was:
			ch.Class = ClassOutputAdded
		case !is:
			ch.Class = ClassOutputRemoved
		case a == b:
			continue
		case older(b.Name(), a.Name()):
			ch.Class = ClassOutputOlder
		}
		c.add(ch)
	}
}

func (c *comparison) paths(system string, from, to *Section) {
	for path, p := range from.Paths {
		if _, is := to.Paths[path]; !is {
			c.add(Change{Class: ClassPathRemoved, System: system, Subject: string(path), Old: string(path), OldPin: p})
		}
	}
	for path, n := range to.Paths {
		p, was := from.Paths[path]
		ch := Change{Class: ClassSignedBy, System: system, Subject: string(path), Old: string(path), New: string(path), OldPin: p, NewPin: n}
		if !was {
			// The path may be known from another system, and its hash part by
			// another name: a cache has one path under it, whoever asks.
			ch.Class = ClassPathAdded
			o := c.before[path.Digest()]
			ch.Old, ch.OldPin = string(o.path), o.pin
		}
		switch {
		case ch.Old == "":
		case ch.Old != ch.New || ch.OldPin.NAR != n.NAR:
			ch.Class = ClassRehashed
		case !ch.OldPin.Same(n):
			ch.Class = ClassAltered
		case was && slices.Equal(p.By, n.By):
			continue
		}
		c.add(ch)
	}
}

func hashText(h Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

func union[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
