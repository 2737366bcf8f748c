package bundle

import (
	"path"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
)

// A kind is what a file is to Nix or to this program. What is copied of a file
// goes by it; a file of no kind is left out.
type kind string

const (
	kindConfig      kind = "nix.conf"
	kindRegistry    kind = "registry"
	kindAnswers     kind = "trusted-settings.json"
	kindFlake       kind = "flake.nix"
	kindLock        kind = "flake.lock"
	kindCacheLock   kind = "flake.cache-lock"
	kindProfile     kind = "profile"
	kindPreferences kind = "config.toml"
	kindUsers       kind = "passwd"
	kindGroups      kind = "group"
	kindRelease     kind = "os-release"
	kindPackages    kind = "dpkg status"
)

// kinds tells what each file is that was read, by the names it was asked for by.
func (r *Recording) kinds(rec host.Record, f *trust.Facts) map[string]kind {
	byName := r.configFiles(rec, f)
	for _, a := range []trust.AnswersFile{f.Answers, f.RootAnswers} {
		byName[a.Path] = kindAnswers
	}
	byName["/etc/passwd"], byName["/etc/group"] = kindUsers, kindGroups
	byName["/etc/os-release"], byName["/var/lib/dpkg/status"] = kindRelease, kindPackages
	if v := f.Client.Get("flake-registry"); v != nil && path.IsAbs(v.Text) {
		byName[path.Clean(v.Text)] = kindRegistry
	}
	out := map[string]kind{}
	for at, names := range r.asked {
		for _, name := range names {
			k, ok := byName[name]
			if !ok {
				k, ok = byBase(name)
			}
			if ok && out[at] == "" {
				out[at] = k
			}
		}
	}
	return out
}

// byBase tells what a file is by the name that such files have everywhere.
func byBase(name string) (kind, bool) {
	dir, base := path.Split(name)
	switch base {
	case "flake.nix":
		return kindFlake, true
	case "flake.lock":
		return kindLock, true
	case "flake.cache-lock":
		return kindCacheLock, true
	case "manifest.json":
		return kindProfile, true
	case "registry.json", "flake-registry.json":
		return kindRegistry, true
	case "config.toml":
		return kindPreferences, strings.HasSuffix(dir, "/nix-trust/")
	}
	return "", false
}

// configFiles are the files of the configuration, with those that they include,
// by the names that Nix knows them by.
func (r *Recording) configFiles(rec host.Record, f *trust.Facts) map[string]kind {
	out := map[string]kind{}
	var add func(name string)
	includes := func(name string, data []byte) {
		for line := range nixconf.Parse(name, data).Lines() {
			if line.Kind != nixconf.LineInclude {
				continue
			}
			to := line.Tokens[1].Text
			if !path.IsAbs(to) {
				to = path.Join(path.Dir(name), to)
			}
			add(path.Clean(to))
		}
	}
	content := map[string][]byte{}
	for at, names := range r.asked {
		if n := r.tree.nodes[at]; n != nil && n.read {
			for _, name := range names {
				content[name] = n.data
			}
		}
	}
	add = func(name string) {
		data, read := content[name]
		if !read || out[name] != "" {
			return
		}
		out[name] = kindConfig
		includes(name, data)
	}
	for _, cfg := range []*nixconf.Config{f.Client, f.System} {
		if cfg == nil {
			continue
		}
		for _, s := range cfg.Read {
			switch {
			case s.Layer == nixconf.LayerEnv:
				includes("/NIX_CONFIG", []byte(rec.Environment["NIX_CONFIG"]))
				includes("/NIX_CONFIG", []byte(rec.Daemon.Environment["NIX_CONFIG"]))
			case path.IsAbs(s.Path):
				add(path.Clean(s.Path))
			default:
				for name := range content { // relative to the folder Nix runs in
					if strings.HasSuffix(name, "/"+path.Clean(s.Path)) {
						add(name)
					}
				}
			}
		}
	}
	return out
}
