package grants

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nix-trust/nix-trust/lock"
)

// Limits of grants.toml. They leave room for every flake that a person has.
const (
	MaxBytes    = 4 << 20 // of the whole file
	maxEntries  = 10000   // grants, and denials
	maxCaches   = 64      // of one grant
	maxKeys     = 64      // of one cache
	maxSystems  = 64      // of one grant
	maxReplaced = 64      // digests of one grant
	maxText     = 1024    // bytes of a note, and of a place
)

// Each check says what is wrong with one value, as a sentence without its end.

func checkDigest(s string) error {
	if len(s) != 64 || strings.Trim(s, "0123456789abcdef") != "" {
		return errors.New("the digest of a lock is 64 characters of 0-9 and a-f")
	}
	if strings.Trim(s, "0") == "" {
		return errors.New("the digest is all zeros, which stands for none")
	}
	return nil
}

func checkText(s string) error {
	if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("the text has at most %d bytes of UTF-8 without control characters", maxText)
	}
	return nil
}

// checkFile takes the path of a file.
func checkFile(s string) error {
	if err := checkText(s); err != nil {
		return err
	}
	if !path.IsAbs(s) || path.Clean(s) != s {
		return errors.New("the path of a file is absolute and in its plain form")
	}
	return nil
}

// What a lock may have is said by lock alone: a lock with nothing but the value
// is held against its rules.

func checkSystem(s string) error {
	l := lock.New()
	l.Section(s)
	return textOf(l.Validate())
}

func checkKey(s string) error {
	l := lock.New()
	l.Caches = []lock.Cache{{URL: "https://cache.example", Keys: []string{s}}}
	return textOf(l.Validate())
}

// textOf is what a lock's error says, without its place.
func textOf(err error) error {
	var e *lock.Error
	if errors.As(err, &e) {
		return errors.New(e.Text)
	}
	return err
}

// checkTime takes the times that the file can hold.
func checkTime(t time.Time) error {
	if t.IsZero() || t.Nanosecond() != 0 || t.Location() != time.UTC || t.Year() < 1970 || t.Year() > 9999 {
		return errors.New("a time is of the years 1970 to 9999, in UTC and whole seconds")
	}
	return nil
}

// check reports the first thing for which Parse would refuse a grant.
func (g Grant) check() error {
	if _, err := ParseIdentity(string(g.Flake)); err != nil {
		return err
	}
	if err := checkDigest(g.Lock); err != nil {
		return err
	}
	if len(g.Systems) == 0 || len(g.Systems) > maxSystems {
		return fmt.Errorf("a grant is for 1 to %d systems", maxSystems)
	}
	for i, s := range g.Systems {
		if err := checkSystem(s); err != nil {
			return err
		}
		if slices.Contains(g.Systems[:i], s) {
			return fmt.Errorf("the system %s is there twice", s)
		}
	}
	if err := checkTime(g.Granted); err != nil {
		return fmt.Errorf("granted: %w", err)
	}
	if !g.Expires.IsZero() {
		if err := checkTime(g.Expires); err != nil {
			return fmt.Errorf("expires: %w", err)
		}
		if !g.Expires.After(g.Granted) {
			return errors.New("it expires before it is granted")
		}
	}
	if g.Offer != "" {
		if err := checkFile(g.Offer); err != nil {
			return err
		}
	}
	for _, s := range []string{g.Note, g.Seen} {
		if err := checkText(s); err != nil {
			return err
		}
	}
	if len(g.Replaced) > maxReplaced {
		return fmt.Errorf("at most %d digests that were replaced are kept", maxReplaced)
	}
	for i, d := range g.Replaced {
		if err := checkDigest(d); err != nil {
			return err
		}
		if d == g.Lock || slices.Contains(g.Replaced[:i], d) {
			return errors.New("a digest that was replaced is the one that counts, or is there twice")
		}
	}
	return checkCaches(g.Caches)
}

func checkCaches(caches []lock.Cache) error {
	if len(caches) == 0 || len(caches) > maxCaches {
		return fmt.Errorf("a grant has 1 to %d caches", maxCaches)
	}
	l := lock.New()
	l.Caches = caches
	return textOf(l.Validate())
}

func (d Deny) check() error {
	if _, err := ParseIdentity(string(d.Flake)); err != nil {
		return err
	}
	if err := checkTime(d.Since); err != nil {
		return fmt.Errorf("since: %w", err)
	}
	return checkText(d.Note)
}
