package nixconf

import (
	"path"
	"slices"
	"strings"
)

// userSources lists the user's files in the order in which Nix applies them: the
// first one named wins, so it comes last.
// Nix: src/libstore/globals.cc, loadConfFile and nixUserConfFiles.
func userSources(env *Environment, v Version) ([]Source, *Diagnostic) {
	if !v.AtLeast(2, 24) && homeless(env) {
		return nil, noHome() // these look for channels there even when no file is
	}
	user, d := userFiles(env, v)
	var list []Source
	for _, file := range slices.Backward(user) {
		src := Source{Layer: LayerUser, Path: file}
		if env.HomeUnknown && strings.HasPrefix(file, "~/") {
			src.State = SourceUnseen
		}
		list = append(list, src)
	}
	return list, d
}

// confDir returns the folder of the system file.
func confDir(env *Environment, v Version) (string, *Diagnostic) {
	dir, ok := env.lookup("NIX_CONF_DIR")
	pos := Pos{File: "NIX_CONF_DIR"}
	switch {
	case !ok, dir == "" && v.AtLeast(2, 15):
		return "/etc/nix", nil
	case dir == "":
		return "", fatal("environment", pos, "path != \"\"", "NIX_CONF_DIR is empty, which Nix before 2.15 does not survive: unset it")
	case !strings.HasPrefix(dir, "/"):
		return "", fatal("environment", pos, "not an absolute path: "+quoted(dir, v),
			"NIX_CONF_DIR is the relative path "+dir+", which every Nix command refuses: make it absolute or unset it")
	}
	return path.Clean(dir), nil
}

// userFiles lists the user's files, highest priority first. They may be
// relative to the working directory, which Nix allows.
func userFiles(env *Environment, v Version) ([]string, *Diagnostic) {
	if list, ok := env.lookup("NIX_USER_CONF_FILES"); ok {
		if v.AtLeast(2, 34) && list != "" {
			// As in PATH, an empty element is the working directory.
			files := strings.Split(list, ":")
			for i, f := range files {
				if f == "" {
					files[i] = "."
				}
			}
			return files, nil
		}
		return splitPath(list), nil
	}
	home, d := configHome(env, v)
	if d != nil {
		return nil, d
	}
	dirs, ok := env.lookup("XDG_CONFIG_DIRS")
	if !ok {
		dirs = "/etc/xdg"
	}
	files := []string{join(home, "nix.conf", v)}
	for _, dir := range splitPath(dirs) {
		files = append(files, join(dir, "nix/nix.conf", v))
	}
	return files, nil
}

// configHome returns the user's own folder of Nix configuration.
// Nix: src/libutil/users.cc, getConfigDir.
func configHome(env *Environment, v Version) (string, *Diagnostic) {
	if dir, ok := env.lookup("NIX_CONFIG_HOME"); ok && v.AtLeast(2, 25) {
		return dir, nil
	}
	if dir, ok := env.lookup("XDG_CONFIG_HOME"); ok {
		return join(dir, "nix", v), nil
	}
	if env.HomeUnknown {
		return "~/.config/nix", nil
	}
	if homeless(env) {
		return "", noHome()
	}
	return join(join(env.Home, ".config", v), "nix", v), nil
}

// homeless reports whether there is no home folder. An empty HOME is one.
func homeless(env *Environment) bool {
	home, ok := env.lookup("HOME")
	return env.Home == "" && !env.HomeUnknown && (!ok || home != "")
}

func noHome() *Diagnostic {
	return fatal("environment", Pos{File: "HOME"}, "cannot determine user's home directory",
		"there is no home folder to look for nix.conf in: set HOME")
}

// join appends name to dir as this version does: 2.34 joins paths, so an empty
// dir leaves a relative path; before, it put a slash between.
func join(dir, name string, v Version) string {
	if dir == "" && v.AtLeast(2, 34) {
		return name
	}
	if strings.HasSuffix(dir, "/") && v.AtLeast(2, 34) {
		return dir + name
	}
	return dir + "/" + name
}

// splitPath splits a colon-separated list and drops empty elements.
func splitPath(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ':' })
}

// quoted is how this version prints a path in a message.
func quoted(path string, v Version) string {
	if v.AtLeast(2, 34) {
		return `"` + path + `"`
	}
	return "'" + path + "'"
}

// folderOf is the part of a path before its last slash, as this version has it
// for a path without one.
func folderOf(file string, v Version) string {
	i := strings.LastIndexByte(file, '/')
	switch {
	case i > 0 && v.AtLeast(2, 34):
		return strings.TrimRight(file[:i], "/")
	case i > 0:
		return file[:i]
	case i == 0:
		return "/"
	case v.AtLeast(2, 34):
		return ""
	}
	return "."
}
