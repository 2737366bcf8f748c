package lock

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nix-trust/nix-trust/nixconf"
)

// Validate reports the first thing for which Parse would refuse the print of a
// lock: an *Error without a line, whose Pos.File names the part.
func (l *Lock) Validate() error {
	order, err := l.validate()
	for system, paths := range order {
		for _, path := range paths {
			if err != nil {
				return err
			}
			err = validatePin(system, path, l.Systems[system].Paths[path])
		}
	}
	return err
}

// validate is Validate without a look at each pin, which validatePin has. It
// returns the paths of each system in order.
func (l *Lock) validate() (map[string][]StorePath, error) {
	if l.Version != Version {
		return nil, invalid("", KindVersion, fmt.Sprintf("the lock has version %d, and this program writes version %d", l.Version, Version))
	}
	if err := l.validateCaches(); err != nil {
		return nil, err
	}
	if len(l.Systems) > maxSystems {
		return nil, invalid("", KindLimit, fmt.Sprintf("a lock has at most %d systems", maxSystems))
	}
	order := make(map[string][]StorePath, len(l.Systems))
	for _, system := range l.SystemNames() {
		s := l.Systems[system]
		if err := CheckSystem(system); err != nil {
			return nil, invalid(system, KindValue, err.Error())
		}
		if s == nil {
			return nil, invalid(system, KindValue, "the section is missing")
		}
		if err := validateOutputs(system, s); err != nil {
			return nil, err
		}
		paths := make([]StorePath, 0, len(s.Paths))
		for path := range s.Paths {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		for i := 1; i < len(paths); i++ {
			if paths[i].Digest() == paths[i-1].Digest() {
				return nil, invalid(system+", path "+string(paths[i]), KindTwoPins, "it has the hash part of "+string(paths[i-1]))
			}
		}
		order[system] = paths
	}
	if len(l.Systems) > 1 {
		return order, l.validateAcross(order)
	}
	return order, nil
}

// validateAcross looks for a path that two systems pin differently.
func (l *Lock) validateAcross(order map[string][]StorePath) error {
	type owner struct {
		system string
		path   StorePath
	}
	owners := map[string]owner{}
	for _, system := range l.SystemNames() {
		for _, path := range order[system] {
			o, known := owners[path.Digest()]
			if !known {
				owners[path.Digest()] = owner{system, path}
			} else if o.path != path || !l.Systems[system].Paths[path].Same(l.Systems[o.system].Paths[path]) {
				return invalid(system+", path "+string(path), KindTwoPins, fmt.Sprintf("it disagrees with the pin of %s for %s", o.path, o.system))
			}
		}
	}
	return nil
}

func validateOutputs(system string, s *Section) error {
	for name, path := range s.Outputs {
		err := checkOutput(name)
		if err == nil {
			err = checkPath(path)
		}
		if err != nil {
			return invalid(system+", output "+clip(name), KindValue, err.Error())
		}
	}
	return nil
}

func (l *Lock) validateCaches() error {
	if len(l.Caches) > maxCaches {
		return invalid("", KindLimit, fmt.Sprintf("a lock has at most %d caches", maxCaches))
	}
	urls, names := map[string]bool{}, map[string]string{}
	for _, c := range l.Caches {
		where := "cache " + clip(c.URL)
		if err := CheckURL(c.URL); err != nil {
			return invalid(where, KindValue, err.Error())
		}
		if urls[c.URL] {
			return invalid(where, KindDuplicate, "the cache is there twice")
		}
		urls[c.URL] = true
		if len(c.Keys) > maxKeys {
			return invalid(where, KindLimit, fmt.Sprintf("a cache has at most %d keys", maxKeys))
		}
		for i, k := range c.Keys {
			name, err := checkKey(k)
			if err != nil {
				return invalid(where, KindValue, err.Error())
			}
			if slices.Contains(c.Keys[:i], k) {
				return invalid(where, KindDuplicate, "the key is there twice in one cache")
			}
			if before, known := names[name]; known && before != k {
				return invalid(where, KindDuplicate, fmt.Sprintf("two different keys are called %s, and Nix would try only one of them", name))
			}
			names[name] = k
		}
	}
	return nil
}

func validatePin(system string, path StorePath, p Pin) error {
	if err := checkPin(path, p); err != nil {
		return invalid(system+", path "+clip(string(path)), KindValue, err.Error())
	}
	return nil
}

func checkPin(path StorePath, p Pin) error {
	if err := checkPath(path); err != nil {
		return err
	}
	if p.NAR.IsZero() || p.Size <= 0 {
		return errors.New("the pin has no hash or no size")
	}
	if p.CA != "" {
		if err := CheckCA(p.CA); err != nil {
			return err
		}
	}
	if err := validateList(p.Refs, "references", checkPath); err != nil {
		return err
	}
	return validateList(p.By, "names of keys", checkKeyName)
}

func validateList[S ~string](list []S, what string, check func(S) error) error {
	if len(list) > maxRefs {
		return fmt.Errorf("a pin has at most %d %s", maxRefs, what)
	}
	last := S("")
	for _, s := range list {
		if err := check(s); err != nil {
			return err
		}
		if s <= last {
			return fmt.Errorf("the %s are not sorted, each there once", what)
		}
		last = s
	}
	return nil
}

func invalid(where string, k Kind, text string) *Error {
	return &Error{Kind: k, Pos: nixconf.Pos{File: where}, Text: text}
}
