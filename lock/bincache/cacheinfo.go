package bincache

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A CacheInfo is a cache's nix-cache-info, as Nix understands it.
type CacheInfo struct {
	StoreDir      string // empty: not told, which Nix takes for its own
	WantMassQuery bool
	Priority      int  // 0, the most preferred, when not told
	HasPriority   bool // whether it was told
}

// ErrPriority is the cause of the error about a Priority that stops Nix.
var ErrPriority = errors.New("the priority is not a number")

// ParseCacheInfo reads a nix-cache-info. Nix asks little of it: lines without
// a colon and unknown names are skipped, space around values is dropped
// (so CR line ends do no harm), a later line overrides. Only a Priority that
// does not start with a number stops Nix, and so it is an error here.
// With that error comes what the lines before it told: a StoreDir that does not
// fit makes Nix leave the cache before it gets there.
// Nix: src/libstore/binary-cache-store.cc, BinaryCacheStore::init.
//
// A page of HTML is therefore a valid nix-cache-info; Told says whether the
// text told anything.
func ParseCacheInfo(data []byte) (CacheInfo, error) {
	var info CacheInfo
	line := 0
	for text := range strings.SplitSeq(string(data), "\n") {
		line++
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			continue
		}
		value = strings.Trim(value, " \n\r\t")
		switch name {
		case "StoreDir":
			info.StoreDir = value
		case "WantMassQuery":
			info.WantMassQuery = value == "1"
		case "Priority":
			n, ok := leadingInt(value)
			if !ok {
				return CacheInfo{StoreDir: info.StoreDir}, &Error{Kind: Misbehaved, Err: ErrPriority, Text: fmt.Sprintf("nix-cache-info line %d: Priority is %s, not a number, and Nix fails on that", line, quote(value))}
			}
			info.Priority, info.HasPriority = n, true
		}
	}
	return info, nil
}

// Told reports whether the text had any field that Nix knows, except
// WantMassQuery being off.
func (i CacheInfo) Told() bool { return i.StoreDir != "" || i.WantMassQuery || i.HasPriority }

// leadingInt reads as C++'s stoi does: space, a sign, digits; what follows is
// ignored, and what does not fit 32 bits is an error.
func leadingInt(s string) (int, bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		end = 1
	}
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 32)
	return int(n), err == nil
}
