package nixconf

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// initialItems returns the default of a list, set or map.
func initialItems(s *Setting, files Files, env *Environment, v Version) []string {
	if s.initial == "$nix-path" {
		return defaultNixPath(files, env, v)
	}
	return words(initial(s, files, env, v))
}

// initial returns a setting's default as configuration text, with what depends
// on the host filled in. Each case is how Nix's constructors compute it.
// Nix: src/libstore/globals.cc, Settings::Settings and getDefault….
func initial(s *Setting, files Files, env *Environment, v Version) string {
	word, host := strings.CutPrefix(s.initial, "$")
	if !host {
		return s.initial
	}
	switch word {
	case "cpus":
		return strconv.Itoa(env.cpus())
	case "system":
		return env.system()
	case "root":
		return strconv.FormatBool(env.Root)
	case "sandbox":
		return strconv.FormatBool(!env.darwin())
	case "darwin":
		return strconv.FormatBool(env.darwin())
	case "build-users-group":
		if env.Root {
			return "nixbld"
		}
	case "builders":
		return defaultBuilders(env, v)
	case "netrc-file":
		if dir, d := confDir(env, v); d == nil {
			return dir + "/netrc"
		}
	case "ssl-cert-file":
		return defaultCertificates(files, env)
	case "allow-symlinked-store":
		x, _ := env.lookup("NIX_IGNORE_SYMLINK_STORE")
		return strconv.FormatBool(x == "1")
	case "store":
		if remote, ok := env.lookup("NIX_REMOTE"); ok {
			return remote
		}
		return "auto"
	case "build-hook":
		return defaultBuildHook(s.kind, env, v)
	case "extra-platforms":
		platforms := slices.Clone(env.ExtraPlatforms)
		if env.system() == "x86_64-linux" {
			platforms = append(platforms, "i686-linux")
		}
		return strings.Join(platforms, " ")
	case "system-features":
		return defaultSystemFeatures(env, v)
	case "sandbox-paths":
		if env.darwin() {
			return "/System/Library/Frameworks /System/Library/PrivateFrameworks /bin/sh /bin/bash /private/tmp /private/var/tmp /usr/lib"
		}
		if env.SandboxShell != "" {
			return "/bin/sh=" + env.SandboxShell
		}
	case "allowed-impure-host-deps":
		if env.darwin() {
			return "/System/Library /usr/lib /dev /bin/sh"
		}
	}
	return ""
}

func defaultBuilders(env *Environment, v Version) string {
	if remote, ok := env.lookup("NIX_REMOTE_SYSTEMS"); ok {
		files := splitPath(remote)
		for i, f := range files {
			files[i] = "@" + f
		}
		if v.AtLeast(2, 24) {
			return strings.Join(files, "\n")
		}
		return strings.Join(files, " ")
	}
	dir, d := confDir(env, v)
	if d != nil {
		return ""
	}
	return "@" + dir + "/machines"
}

func defaultCertificates(files Files, env *Environment) string {
	cert, ok := env.lookup("NIX_SSL_CERT_FILE")
	if !ok {
		cert, _ = env.lookup("SSL_CERT_FILE")
	}
	if cert != "" {
		return cert
	}
	for _, p := range []string{"/etc/ssl/certs/ca-certificates.crt", "/nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt"} {
		if found, err := files.Exists(p); err == nil && found {
			return p
		}
	}
	return ""
}

// defaultBuildHook is the nix program itself from 2.17 on, at first by its bare
// name; before that it is a program of its own in the folder libexec.
func defaultBuildHook(k kind, env *Environment, v Version) string {
	nix := env.NixPath
	if k == kindPathOrEmpty {
		if dir, ok := env.lookup("NIX_LIBEXEC_DIR"); ok {
			return dir + "/nix/build-remote"
		}
		if nix == "" {
			nix = "/usr/bin/nix"
		}
		return path.Join(path.Dir(path.Dir(nix)), "libexec/nix/build-remote")
	}
	if nix == "" || !v.AtLeast(2, 34) {
		nix = "nix"
	}
	return nix + " __build-remote"
}

func defaultSystemFeatures(env *Environment, v Version) string {
	names := "benchmark big-parallel nixos-test"
	if env.KVM {
		names += " kvm"
	}
	if v.AtLeast(2, 16) && !env.darwin() {
		names += " uid-range"
	}
	return names
}

// defaultNixPath is 2.8's: NIX_PATH, else the channels that exist.
func defaultNixPath(files Files, env *Environment, v Version) []string {
	if value, ok := env.lookup("NIX_PATH"); ok {
		return splitNixPath(value, v)
	}
	state, ok := env.nonEmpty("NIX_STATE_DIR")
	if !ok {
		state = "/nix/var/nix"
	}
	var list []string
	add := func(prefix, p string) {
		if found, err := files.Exists(p); err == nil && found {
			list = append(list, prefix+p)
		}
	}
	add("", env.Home+"/.nix-defexpr/channels")
	add("nixpkgs=", state+"/profiles/per-user/root/channels/nixpkgs")
	add("", state+"/profiles/per-user/root/channels")
	return list
}

// splitNixPath splits NIX_PATH at colons, but not at the colon of a URL.
// Nix: src/libexpr/eval-settings.cc, EvalSettings::parseNixPath.
func splitNixPath(s string, v Version) []string {
	var list []string
	for s != "" {
		end := strings.IndexByte(s, ':')
		if end < 0 {
			list = append(list, s)
			break
		}
		value := s[strings.LastIndexByte(s[:end], '=')+1:]
		if isPseudoURL(value, v) {
			if next := strings.IndexByte(s[end+1:], ':'); next >= 0 {
				end += 1 + next
			} else {
				end = len(s)
			}
		}
		list = append(list, s[:end])
		s = s[min(end+1, len(s)):]
	}
	return list
}

func isPseudoURL(s string, v Version) bool {
	if strings.HasPrefix(s, "channel:") || strings.HasPrefix(s, "flake:") && v.AtLeast(2, 14) {
		return true
	}
	scheme, _, ok := strings.Cut(s, "://")
	return ok && slices.Contains([]string{"http", "https", "file", "channel", "git", "s3", "ssh"}, scheme)
}
