package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf/flake"
)

// maxElements is how many packages of one profile are read.
const maxElements = 10_000

// element is one package of a profile.
type element struct {
	name     string
	original string // the reference as it was typed
	locked   string // the reference it was locked to
}

// profiles adds the flakes that `nix profile` installed from.
func (f *finder) profiles(home string) {
	var manifests []string
	if path.IsAbs(home) {
		manifests = append(manifests, home+"/.nix-profile/manifest.json")
	}
	if f.places.xdgState != "" {
		manifests = append(manifests, f.places.xdgState+"/profile/manifest.json")
	}
	manifests = append(manifests,
		f.places.state+"/profiles/per-user/"+strings.ReplaceAll(f.user.Name, "/", "_")+"/profile/manifest.json",
		f.places.state+"/profiles/default/manifest.json")
	seen := map[string]bool{}
	for _, m := range manifests {
		at, err := f.m.files.Resolve(m)
		if err != nil {
			if !isMissing(err) {
				f.noteErr(m, err, "the flakes of this profile are not known")
			}
			continue
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		data, err := f.m.files.ReadFile(at)
		if err != nil {
			f.noteErr(m, err, "the flakes of this profile are not known")
			continue
		}
		elements, err := parseManifest(data)
		if err != nil {
			f.note(m, "It is no profile manifest that Nix would read: "+jsonTrouble(data, err)+".")
			continue
		}
		for _, e := range elements {
			f.installed(e, path.Base(path.Dir(m)))
		}
	}
}

// installed adds the flake of one package of a profile.
func (f *finder) installed(e element, profile string) {
	if e.original == "" {
		return // a store path, or an element of nix-env
	}
	r, err := flake.ParseRef(e.original)
	if err != nil {
		return
	}
	tree := ""
	if locked, err := flake.ParseRef(e.locked); err == nil && locked.Attrs["narHash"] != "" {
		if at, err := flake.StorePath(locked.Attrs["narHash"], f.facts.Nix.StoreDir); err == nil && f.there(at) {
			tree = path.Join(at, path.Clean("/"+locked.Dir))
		}
	}
	if p := r.Path(); path.IsAbs(p) && !f.there(p+"/flake.nix") && tree != "" {
		// The folder is gone, and what was installed from it is still here.
		f.folder(tree, "profile "+profile+": "+e.name)
		return
	}
	f.reference(r, tree, "profile "+profile+": "+e.name)
}

// jsonTrouble says in words why a JSON text could not be read.
func jsonTrouble(data []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		before := data[:min(max(int(syntax.Offset)-1, 0), len(data))]
		return fmt.Sprintf("it is not JSON at line %d, column %d", bytes.Count(before, []byte("\n"))+1, len(before)-bytes.LastIndexByte(before, '\n'))
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Sprintf("its %q is of the wrong kind, a JSON %s", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return "a JSON " + kind.Value + " stands where another kind of value belongs"
	}
	return err.Error()
}

// parseManifest reads the manifest.json of `nix profile`, versions 1 to 3. Up to
// version 2 the elements are a list, in version 3 an object by name.
// Nix: src/nix/profile.cc, ProfileManifest.
func parseManifest(data []byte) ([]element, error) {
	var m struct {
		Version  int             `json:"version"`
		Elements json.RawMessage `json:"elements"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	if m.Version < 1 || m.Version > 3 {
		return nil, fmt.Errorf("version %d is not known", m.Version)
	}
	type entry struct {
		AttrPath    string `json:"attrPath"`
		OriginalURI string `json:"originalUri"` // version 1
		OriginalURL string `json:"originalUrl"`
		URI         string `json:"uri"` // version 1
		URL         string `json:"url"`
	}
	element1 := func(name string, e entry) element {
		if name == "" {
			name = e.AttrPath[strings.LastIndexByte(e.AttrPath, '.')+1:]
		}
		return element{name, e.OriginalURL + e.OriginalURI, e.URL + e.URI}
	}
	var out []element
	if m.Version < 3 {
		var list []entry
		if err := json.Unmarshal(m.Elements, &list); err != nil {
			return nil, err
		}
		for _, e := range list {
			out = append(out, element1("", e))
		}
	} else {
		var byName map[string]entry
		if err := json.Unmarshal(m.Elements, &byName); err != nil {
			return nil, err
		}
		for name, e := range byName {
			out = append(out, element1(name, e))
		}
		slices.SortFunc(out, func(a, b element) int { return strings.Compare(a.name, b.name) })
	}
	if len(out) > maxElements {
		return nil, errors.New("it has more elements than are read")
	}
	return out, nil
}
