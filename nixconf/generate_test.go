package nixconf_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf"
)

// A made is one generated configuration: files, variables and flags.
type made struct {
	setup
	rand    *rand.Rand
	outside string // its folder on this machine
	inside  string // the same in the root
	flags   []string
	files   int
	log     strings.Builder
}

// make1 makes the case of one seed in a folder of its own.
func make1(seed uint64, outside, inside string) *made {
	m := &made{rand: rand.New(rand.NewPCG(seed, 1)), outside: outside, inside: inside}
	if m.one(3) {
		m.uid = 1000
	}
	m.dir = inside
	m.home = inside + "/home"
	m.mkdir("home")
	switch {
	case m.one(30):
		m.home = ""
		m.set("HOME", "")
	case m.one(60):
		m.home, m.uid = "", 4242 // a user whom passwd does not know
	default:
		m.env = []string{"HOME=" + m.home}
	}
	m.system()
	m.user()
	m.variables()
	if m.one(6) {
		m.someFlags()
	}
	if m.uid != 0 {
		os.Chown(filepath.Join(outside, "home"), int(m.uid), int(m.uid))
	}
	return m
}

func (m *made) one(of int) bool { return m.rand.IntN(of) == 0 }

func (m *made) pick(list ...string) string { return list[m.rand.IntN(len(list))] }

func (m *made) mkdir(rel string) {
	if err := os.MkdirAll(filepath.Join(m.outside, rel), 0o755); err != nil {
		panic(err)
	}
}

func (m *made) write(rel, text string) {
	m.mkdir(filepath.Dir(rel))
	if err := os.WriteFile(filepath.Join(m.outside, rel), []byte(text), 0o644); err != nil {
		panic(err)
	}
	fmt.Fprintf(&m.log, "--- %s\n%s\n", rel, text)
	if m.one(25) {
		os.Chmod(filepath.Join(m.outside, rel), 0)
		fmt.Fprintf(&m.log, "(mode 0)\n")
	}
}

func (m *made) set(key, value string) {
	m.env = append(m.env, key+"="+value)
	fmt.Fprintf(&m.log, "%s=%q\n", key, value)
}

func (m *made) system() {
	dir := m.inside + "/etc"
	switch {
	case m.one(50):
		m.set("NIX_CONF_DIR", "")
		return
	case m.one(80):
		m.set("NIX_CONF_DIR", "etc")
	case m.one(15):
		m.set("NIX_CONF_DIR", dir+"/../etc//")
	default:
		m.set("NIX_CONF_DIR", dir)
	}
	switch {
	case m.one(20):
		m.mkdir("etc/nix.conf")
	case m.one(20):
	default:
		m.write("etc/nix.conf", m.text("etc", 0))
	}
}

func (m *made) user() {
	if m.one(2) {
		m.write("home/.config/nix/nix.conf", m.text("home/.config/nix", 0))
	}
	if m.one(4) {
		m.write("xdg/nix/nix.conf", m.text("xdg/nix", 0))
		m.set("XDG_CONFIG_HOME", m.pick(m.inside+"/xdg", m.inside+"/xdg/", "xdg", "", m.inside+"/none"))
	}
	if m.one(5) {
		m.write("cfg/nix.conf", m.text("cfg", 0))
		m.write("nix.conf", m.text(".", 0))
		m.set("NIX_CONFIG_HOME", m.pick(m.inside+"/cfg", "cfg", "", m.inside+"/none"))
	}
	if m.one(3) {
		m.write("d1/nix/nix.conf", m.text("d1/nix", 0))
		m.write("d2/nix/nix.conf", m.text("d2/nix", 0))
		m.set("XDG_CONFIG_DIRS", m.pick(m.inside+"/d1:"+m.inside+"/d2", ":"+m.inside+"/d2::", "", "d1:d2"))
	}
	if m.one(4) {
		m.write("u1.conf", m.text(".", 0))
		m.write("u2/x.conf", m.text("u2", 0))
		m.set("NIX_USER_CONF_FILES", m.pick("", m.inside+"/u1.conf:"+m.inside+"/u2/x.conf", "u1.conf::u2/x.conf",
			m.inside+"/none:"+m.inside+"/u2", m.inside+"/u1.conf:"+m.inside+"/u1.conf"))
	}
	if m.one(3) {
		m.set("NIX_CONFIG", strings.ReplaceAll(m.text("", 1), "\x00", ""))
	}
}

func (m *made) variables() {
	if m.one(8) {
		m.set("NIX_PATH", m.pick("", "nixpkgs=/x:/y", "a=https://x.example:b=/c", "channel:nixos:flake:nixpkgs:z", ":/a:", "x=ftp://a.b/c:d"))
	}
	if m.one(10) {
		m.set("NIX_REMOTE", m.pick("", "daemon", "local", "/srv/store", "unix:///run/x.sock?root=/y", "ssh://h", "auto?x=1", m.pick("z", "auto")))
	}
	if m.one(12) {
		m.set(m.pick("NIX_SSL_CERT_FILE", "SSL_CERT_FILE"), m.pick("/c.pem", "", "/a//b/../c"))
	}
	if m.one(15) {
		m.set("NIX_REMOTE_SYSTEMS", m.pick("", "/a:/b", "x"))
	}
	if m.one(20) {
		m.set("NIX_IGNORE_SYMLINK_STORE", m.pick("1", "true"))
	}
}

func (m *made) someFlags() {
	for range 1 + m.rand.IntN(3) {
		s := m.setting()
		m.flags = append(m.flags, "--option", m.name(s), strings.ReplaceAll(m.value(s), "\x00", ""))
	}
	if m.one(3) {
		m.flags = append(m.flags, "--offline")
	}
	fmt.Fprintf(&m.log, "flags %q\n", m.flags)
}

// text writes a file that lies in folder rel.
func (m *made) text(rel string, depth int) string {
	var b strings.Builder
	if m.one(40) {
		b.WriteString("\ufeff")
	}
	eol := "\n"
	if m.one(12) {
		eol = "\r\n"
	}
	for range m.rand.IntN(9) {
		b.WriteString(m.line(rel, depth))
		b.WriteString(eol)
	}
	s := b.String()
	if m.one(10) {
		s = strings.TrimSuffix(s, eol)
	}
	if m.one(60) && len(s) > 3 {
		s = s[:len(s)/2] // half-written; every byte of it is ASCII or a BOM's
		s = strings.ToValidUTF8(s, "")
	}
	return s
}

func (m *made) line(rel string, depth int) string {
	switch n := m.rand.IntN(100); {
	case n < 5:
		return m.pick("", "# a comment = 1", "   ", "\t# x", "#")
	case n < 8:
		return m.unknown()
	case n < 9:
		return m.pick("cores=1", "cores =1", "cores= 1", "cores", "=", "= 1", "include", "!include", "include a b", "!include = x",
			"include = x", "cores\f=\f1", "cores 1", "a b = c", "cores : 1", "substituters = \\\n  https://x")
	case n < 18 && depth < 3:
		return m.include(rel, depth)
	case n < 24:
		return m.pick("experimental-features", "extra-experimental-features", "extra-experimental-features") + " = " +
			m.pick("flakes", "nix-command flakes", "", "auto-allocate-uids configurable-impure-env", "nonsense flakes", "no-url-literals", "fetch-tree ca-derivations")
	default:
		s := m.setting()
		space := m.pick(" ", " ", " ", "\t", "  ", " \r ")
		line := m.name(s) + space + "=" + space + m.value(s)
		if m.one(10) {
			line += m.pick(" # comment", "#tight", " #", "\t")
		}
		return m.pick("", "", "", "  ", "\t") + line
	}
}

func (m *made) unknown() string {
	return m.pick("Substituters", "no-such-setting", "extra-cores", "extra-sandbox", "extra-no-such", "binary-cache", "extra-require-sigs",
		"experimental-features-x", "extra-extra-substituters", "b\"q'uo", "trusted-substituter", "lazy-trees", "repeat", "connect-timeout\v") + " = 1"
}

// include writes the line, and mostly a file for it.
func (m *made) include(rel string, depth int) string {
	m.files++
	name := fmt.Sprintf("i%d.conf", m.files)
	word := m.pick("include", "!include")
	if rel == "" { // NIX_CONFIG
		if m.one(12) {
			return word + " ./" + name
		}
		m.write("env/"+name, m.text("env", depth+1))
		return word + " " + m.inside + "/env/" + name
	}
	switch n := m.rand.IntN(12); {
	case n == 0:
		return "!include " + name
	case n == 1 && m.one(6):
		return "include " + name
	case n == 2:
		m.mkdir(rel + "/" + name)
	case n == 3:
		m.write(rel+"/shut/"+name, m.text(rel+"/shut", depth+1))
		if m.one(2) {
			os.Chmod(filepath.Join(m.outside, rel, "shut"), 0)
			fmt.Fprintf(&m.log, "(shut mode 0)\n")
		}
		return word + " shut/" + name
	case n == 4:
		os.Symlink("nowhere", filepath.Join(m.outside, rel, name))
	case n == 5:
		m.write(rel+"/sub/"+name, m.text(rel+"/sub", depth+1))
		return word + " sub/../sub//./" + name + m.pick("", " # x", "#y")
	case n == 6:
		m.write(rel+"/"+name, m.text(rel, depth+1))
		return word + " " + filepath.Join(m.inside, rel, name)
	case n == 7:
		return word + " " + name + "/below/a/file" + m.pick("", "\f")
	default:
		m.write(rel+"/"+name, m.text(rel, depth+1))
	}
	return word + " " + name
}

// trusty are the settings that this program is about; they come up often.
var trusty = strings.Fields(`substituters trusted-substituters trusted-public-keys require-sigs trusted-users allowed-users
	accept-flake-config substitute fallback experimental-features netrc-file access-tokens system-features sandbox sandbox-paths
	store builders max-jobs cores secret-key-files post-build-hook extra-platforms`)

var allSettings = nixconf.SettingNames()

func (m *made) setting() *nixconf.Setting {
	name := trusty[m.rand.IntN(len(trusty))]
	if m.one(3) {
		name = allSettings[m.rand.IntN(len(allSettings))]
	}
	if name == "plugin-files" {
		name = "substituters"
	}
	s, _, _ := nixconf.Lookup(name)
	return s
}

// name is one of the names of the setting, and of appending to it.
func (m *made) name(s *nixconf.Setting) string {
	name := s.Name
	if len(s.Aliases) > 0 && m.one(4) {
		name = m.pick(s.Aliases...)
	}
	if s.Appendable && m.one(3) {
		return "extra-" + name
	}
	return name
}

// value is a value for the setting, now and then one that Nix refuses.
func (m *made) value(s *nixconf.Setting) string {
	if m.one(80) {
		return m.pick("", "nonsense", "-1", "0x10", "1 k", "off", "TRUE", "relative/path", "a\fb", "é ü", "\"quoted\"", "1e3", "[]", "null")
	}
	switch s.Type {
	case nixconf.TypeBool:
		return m.pick("true", "false", "yes", "no", "1", "0")
	case nixconf.TypeInt:
		if m.one(15) {
			return m.pick("4294967296", "18446744073709551615", "99999999999999999999", "-0", "-5", "+-1", "1kk", "k", "5x", "auto",
				"1k", "2M", "3g", "1T", "16777216T", "4194304K", "9223372036854775807K")
		}
		return m.pick("0", "1", "7", "+3", "007", "4294967295", "12", "100", "3600")
	case nixconf.TypeSandbox:
		return m.pick("true", "false", "relaxed")
	case nixconf.TypeRefs, nixconf.TypeRefSet:
		return m.list(m.ref)
	case nixconf.TypeMap:
		return m.list(func() string {
			return m.pick("a=b", "a=c", "github.com=ghp_x", "b", "=", "x==y", "/bin/sh=/bin/bash?", "/etc/hosts", "/a=/a?", "/z//y", "/z/y=/q", "a=b=c?")
		})
	case nixconf.TypeSet, nixconf.TypeList:
		if s.Name == "experimental-features" {
			return m.list(func() string {
				return m.pick("flakes", "nix-command", "nope", "ca-derivations", "fetch-closure", "auto-allocate-uids", "cgroups")
			})
		}
		return m.list(func() string {
			return m.pick("a", "b", "@wheel", "*", "root", "k-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=", "kvm", "/p", "/p/", "/p//q", "p", "/o", "ß", "\x01\x7f\u2028", m.pick("nul\x00", "q"))
		})
	case nixconf.TypeOptional:
		return m.pick("", "/a/b", "/a//b/./c/..", "/", "/x/")
	}
	switch s.Name {
	case "store":
		return m.ref()
	case "external-builders":
		return m.pick("[]", `[{"systems":["b","a"],"program":"/x","args":["-v"]}]`, "[]", "junk")
	case "eval-profiler":
		return m.pick("disabled", "flamegraph")
	case "lint-absolute-path-literals", "lint-short-path-literals", "lint-url-literals":
		return m.pick("ignore", "warn", "fatal")
	}
	if strings.HasSuffix(s.Name, "-file") || strings.HasSuffix(s.Name, "-hook") || strings.HasSuffix(s.Name, "-dir") {
		return m.pick("/a/b", "/a/../b//", "/", "/x y/")
	}
	return m.pick("/a/b", "", "/a/../b//", "some words   here", "@/etc/machines", "x86_64-linux", "/p")
}

func (m *made) list(item func() string) string {
	var b strings.Builder
	for range m.rand.IntN(4) {
		b.WriteString(item() + m.pick(" ", " ", "\t", "  ", "\r "))
	}
	return strings.TrimSpace(b.String())
}

// ref is a store reference, in one case of thirty a bad one.
func (m *made) ref() string {
	if m.one(100) {
		return m.pick("z", "http:// x", "https://a\fb", "https://[::1", "http://h:99999", "file://host/x", "://", "http://a b")
	}
	host := m.pick("cache.nixos.org", "a.cachix.org", "127.0.0.1:8080", "[::1]:80", "EXAMPLE.org", "u:p@h", "h:")
	return m.pick("https", "http", "HTTP", "s3", "ssh-ng", "x+y") + "://" + host + m.pick("", "/", "/", "//", "/a/b", "/a%20b/", "/a+b", "/./x/../y") +
		m.pick("", "", "", "?priority=10", "?trusted=1", "?b=2&a=1", "?a=1&a=2", "?x", "?", "?q=%26%3D", "?u=a/b?c:d@e")
}
