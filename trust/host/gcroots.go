package host

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// maxGCRoots is how many automatic GC roots are followed.
const maxGCRoots = 20_000

// gcRoots adds the projects that automatic GC roots lead to. Every `nix build`
// leaves a result link in the project's folder, direnv one in its .direnv, and
// an automatic root points at that link: a list of the projects that are worked
// on, which Nix keeps by itself.
func (f *finder) gcRoots(home string) {
	dir := f.places.state + "/gcroots/auto"
	entries, err := f.m.files.ReadDir(dir, maxGCRoots+1)
	if err != nil {
		if !isMissing(err) {
			f.noteErr(dir, err, "projects that were built are not known")
		}
		return
	}
	if len(entries) > maxGCRoots {
		entries = entries[:maxGCRoots]
		f.note(dir, fmt.Sprintf("It has more than %d roots: the projects behind the others are not known.", maxGCRoots))
	}
	var links []string
	for _, e := range entries {
		link, err := f.m.files.ReadLink(path.Join(dir, e.Name()))
		if err == nil && path.IsAbs(link) {
			links = append(links, path.Clean(link))
		}
	}
	slices.Sort(links)
	for _, link := range links {
		if f.ctx.Err() != nil {
			return
		}
		if strings.HasPrefix(link, f.places.state+"/") || strings.HasPrefix(link, f.places.store+"/") {
			continue // a profile
		}
		if folder := f.project(path.Dir(link), home, maxClimb); folder != "" {
			f.folder(folder, "gc root "+link)
		}
	}
	if f.hidden > 0 {
		f.note(dir, fmt.Sprintf("Roots lead to %d folders that this user may not search: flakes there are not known.", f.hidden))
	}
}

// project is the flake's folder at or above one, "" when there is none within a
// few steps. The home folder and the root are too far up to be a project, unless
// the link itself is there.
func (f *finder) project(folder, home string, steps int) string {
	if at, ok := f.flakeAt[folder]; ok {
		return at
	}
	at := ""
	there, err := f.m.files.Exists(folder + "/flake.nix")
	switch {
	case err != nil:
		f.hidden++
	case there:
		at = folder
	case steps == 0 || folder == "/" || folder == home || f.there(folder+"/.git"):
	case path.Dir(folder) == home || path.Dir(folder) == "/":
	default:
		at = f.project(path.Dir(folder), home, steps-1)
	}
	f.flakeAt[folder] = at
	return at
}
