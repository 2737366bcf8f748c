package host

import (
	"path"

	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// registry is one flake registry that was read.
type registry struct {
	name    string // "user", "system", "global"
	entries []flake.RegistryEntry
}

// registries reads the registries in the order in which Nix asks them. The
// global one is read only from a file: the one that the flake-registry setting
// names, or the copy that Nix keeps of the one it fetched.
// Nix: src/libfetchers/registry.cc.
func (f *finder) registries() []registry {
	global := ""
	if f.places.cache != "" {
		global = f.places.cache + "/flake-registry.json"
	}
	if v := f.facts.Client.Get("flake-registry"); v != nil {
		switch {
		case v.Text == "":
			global = ""
		case path.IsAbs(v.Text):
			global = v.Text
		}
	}
	var out []registry
	for _, at := range []struct{ name, folder, file string }{
		{"user", f.places.config, f.places.config + "/registry.json"},
		{"system", f.places.conf, f.places.conf + "/registry.json"},
		{"global", global, global},
	} {
		if at.folder == "" {
			continue
		}
		data, err := f.m.files.ReadFile(at.file)
		if err != nil {
			if !isMissing(err) {
				f.noteErr(at.file, err, "the flakes of the "+at.name+" registry are not known")
			}
			continue
		}
		r, err := flake.ParseRegistry(at.file, data)
		if err != nil {
			f.note(at.file, "Nix takes this registry for empty: "+err.Error()+".")
			continue
		}
		out = append(out, registry{at.name, r.Entries})
	}
	return out
}

// registryEntries adds the entries whose flakes are folders of this machine. The
// others are names, and no flake that is in use.
func (f *finder) registryEntries(r registry) {
	for _, e := range r.entries {
		if p := e.To.Path(); path.IsAbs(p) && f.isFlake(p) {
			f.folder(p, r.name+" registry: "+e.From.String())
		}
	}
}

// resolveID looks a short name up. What no registry has stays as it is.
func resolveID(id flake.Ref, registries []registry) flake.Ref {
	for _, r := range registries {
		for _, e := range r.entries {
			if e.From.Type == "indirect" && e.From.Attrs["id"] == id.Attrs["id"] && len(e.From.Attrs) == 1 && (!e.Exact || len(id.Attrs) == 1) {
				return e.To
			}
		}
	}
	return id
}
