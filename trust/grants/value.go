package grants

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/nix-trust/nix-trust/lock"
)

// The keys of each table in canonical order, and those that it must have.
var (
	grantKeys  = []string{"flake", "lock", "systems", "granted", "expires", "note", "seen", "offer", "replaced"}
	grantNeeds = []string{"flake", "lock", "systems", "granted"}
	cacheKeys  = []string{"url", "keys"}
	denyKeys   = []string{"flake", "since", "note"}
	denyNeeds  = []string{"flake", "since"}
)

// value reads the value of a key that the current table has.
func (r *reader) value(key string, v *unstable.Node) error {
	switch r.table {
	case tableCache:
		c := &r.grant().Caches[len(r.grant().Caches)-1]
		if key == "url" {
			return r.text(v, &c.URL, lock.CheckURL)
		}
		return r.texts(v, &c.Keys, maxKeys, checkKey)
	case tableDeny:
		d := r.deny()
		switch key {
		case "flake":
			return r.identity(v, &d.Flake)
		case "since":
			return r.time(v, &d.Since)
		}
		return r.text(v, &d.Note, checkText)
	}
	g := r.grant()
	switch key {
	case "flake":
		return r.identity(v, &g.Flake)
	case "lock":
		return r.text(v, &g.Lock, checkDigest)
	case "systems":
		return r.texts(v, &g.Systems, maxSystems, checkSystem)
	case "granted":
		return r.time(v, &g.Granted)
	case "expires":
		return r.time(v, &g.Expires)
	case "note":
		return r.text(v, &g.Note, checkText)
	case "seen":
		return r.text(v, &g.Seen, checkText)
	case "offer":
		return r.text(v, &g.Offer, checkFile)
	case "replaced":
		return r.texts(v, &g.Replaced, maxReplaced, checkDigest)
	}
	return r.errorf(KindUnknown, "%q is no key of a grant", clip(key))
}

func (r *reader) text(v *unstable.Node, into *string, check func(string) error) error {
	if v.Kind != unstable.String {
		return r.errorIn(v, KindValue, "a string in quotes is expected here")
	}
	s := string(v.Data)
	if err := check(s); err != nil {
		return r.errorIn(v, KindValue, err.Error())
	}
	*into = s
	return nil
}

func (r *reader) identity(v *unstable.Node, into *Identity) error {
	return r.text(v, (*string)(into), func(s string) error {
		_, err := ParseIdentity(s)
		return err
	})
}

// texts reads a list of strings, each there once.
func (r *reader) texts(v *unstable.Node, into *[]string, most int, check func(string) error) error {
	if v.Kind != unstable.Array {
		return r.errorIn(v, KindValue, "a list of strings is expected here")
	}
	var out []string
	for it := v.Children(); it.Next(); {
		n := it.Node()
		if n.Kind == unstable.Comment {
			continue
		}
		var s string
		if err := r.text(n, &s, check); err != nil {
			return err
		}
		if slices.Contains(out, s) {
			return r.errorIn(n, KindDuplicate, "this is there twice in one list")
		}
		if len(out) == most {
			return r.errorIn(n, KindLimit, fmt.Sprintf("the list has at most %d entries", most))
		}
		out = append(out, s)
	}
	*into = out
	return nil
}

// time reads a moment, in UTC and whole seconds: 2026-11-22T11:20:52Z. A string
// is taken too, as generators of TOML that start from JSON have no times.
func (r *reader) time(v *unstable.Node, into *time.Time) error {
	bad := errors.New("a time is written as 2026-11-22T11:20:52Z, in UTC and whole seconds")
	if v.Kind != unstable.DateTime && v.Kind != unstable.String {
		return r.errorIn(v, KindValue, bad.Error())
	}
	t, err := time.Parse(time.RFC3339, string(v.Data))
	if err != nil || stamp(t) != string(v.Data) {
		return r.errorIn(v, KindValue, bad.Error())
	}
	if err := checkTime(t.UTC()); err != nil {
		return r.errorIn(v, KindValue, err.Error())
	}
	*into = t.UTC()
	return nil
}
