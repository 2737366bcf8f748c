package flake

import (
	"strconv"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A Registry maps short names of flakes to where they are.
//
// Nix: src/libfetchers/registry.cc, Registry::read.
type Registry struct {
	Entries []RegistryEntry // in the file's order; the first that matches counts
}

// A RegistryEntry is one mapping.
type RegistryEntry struct {
	From, To Ref
	Exact    bool // only a reference without a ref or rev of its own matches
	Pos      nixconf.Pos
}

// ParseRegistry reads a registry.json of version 2. Every error is a
// *FormatError; Nix itself only warns of them and goes on as if the file were
// empty.
func ParseRegistry(name string, data []byte) (*Registry, error) {
	f, err := parseJSON(name, data)
	if err != nil {
		return nil, err
	}
	if f.root.kind != jsonObject {
		return nil, f.errorf(&f.root, "a flake registry is a JSON object, this is %v", f.root.kind)
	}
	version := 0
	v := f.root.get("version")
	if v != nil {
		version, _ = strconv.Atoi(v.text)
	}
	if version != 2 {
		return nil, f.errorf(v, "this flake registry has version %d; Nix reads 2", version)
	}
	r := &Registry{}
	flakes := f.root.get("flakes")
	if flakes == nil || flakes.kind == jsonNull {
		return r, nil
	}
	if flakes.kind != jsonArray && flakes.kind != jsonObject {
		return nil, f.errorf(flakes, "the registry's flakes are %v, not an array", flakes.kind)
	}
	for i := range flakes.list {
		v := &flakes.list[i]
		from, to := v.get("from"), v.get("to")
		if from == nil || to == nil || from.kind != jsonObject || to.kind != jsonObject {
			return nil, f.errorf(v, "a registry entry needs an object 'from' and an object 'to'")
		}
		entry := RegistryEntry{Pos: f.pos(v)}
		if entry.From, err = refFromJSON(f, from, nil); err != nil {
			return nil, err
		}
		if entry.To, err = refFromJSON(f, to, nil); err != nil {
			return nil, err
		}
		if exact := v.get("exact"); exact != nil {
			if exact.kind != jsonBool {
				return nil, f.errorf(exact, "'exact' is %v, not a Boolean", exact.kind)
			}
			entry.Exact = exact.text == "true"
		}
		r.Entries = append(r.Entries, entry)
	}
	return r, nil
}
