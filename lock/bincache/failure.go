package bincache

import (
	"context"
	"errors"
	"fmt"
)

// A Kind is what a failure says about a cache. It is an error itself, so that
// errors.Is(err, bincache.Absent) asks for it. "Could not reach" and "the
// server misbehaved" are never the same kind.
type Kind uint8

const (
	Unknown     Kind = iota // the zero value: nothing can be concluded
	Unreachable             // no whole answer: no such host, refused, too slow, broke off, 5xx, 429
	Refused                 // the cache wants (other) credentials: 401, 403, 407
	Absent                  // the cache says that it does not have it: 404, 410
	Misbehaved              // an answer that must not be believed, or that leads where it must not
	Unsupported             // an answer that this program cannot read, such as lzip
)

func (k Kind) String() string {
	switch k {
	case Unreachable:
		return "unreachable"
	case Refused:
		return "refused"
	case Absent:
		return "absent"
	case Misbehaved:
		return "misbehaved"
	case Unsupported:
		return "unsupported"
	}
	return "unknown"
}

// Error makes a Kind usable with errors.Is.
func (k Kind) Error() string { return "cache " + k.String() }

// An Error is a failure to get something true from a cache. No field holds a
// credential, and text from outside is quoted.
type Error struct {
	Kind  Kind
	Cache string // the cache's URL without user, password and query; may be empty
	File  string // what was asked for, "abc….narinfo"; may be empty
	Text  string // what is wrong and what to do
	Err   error  // the cause, or nil
}

func (e *Error) Error() string {
	switch {
	case e.Cache != "" && e.File != "":
		return fmt.Sprintf("%s of %s: %s", e.File, e.Cache, e.Text)
	case e.Cache != "":
		return e.Cache + ": " + e.Text
	}
	return e.Text
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is this error's Kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// KindOf returns the kind of a failure; Unknown for a cancelled request and
// for errors of other packages.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unknown
}

func failf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// about says which cache and file a failure is about, unless it is cancellation,
// which says nothing about any cache.
func about(err error, cache, file string) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Kind: Unknown, Cache: cache, File: file, Text: err.Error(), Err: err}
	}
	placed := *e
	if placed.Cache == "" {
		placed.Cache, placed.File = cache, file
	}
	return &placed
}
