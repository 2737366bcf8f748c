package nixconf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// A rule is one thing that Nix does, with a configuration that shows it. Each is
// run on every real Nix; want is what must come out, so that a rule cannot hold
// by both sides being wrong in the same way. Where versions differ, want names
// the release: "2.34 cores 4".
type rule struct {
	name  string
	files map[string]string // in the case's folder: etc/nix.conf, home/.config/nix/nix.conf, …
	env   []string          // DIR stands for the case's folder
	want  string            // "SETTING JSON", or "fails MESSAGE"; more with ;
}

func system(text string) map[string]string { return map[string]string{"etc/nix.conf": text} }

var rules = []rule{
	{"a later line sets again", system("cores = 1\ncores = 2\n"), nil, "cores 2"},
	{"extra before set in one file is lost", system("extra-trusted-users = a\ntrusted-users = b\n"), nil, `trusted-users ["b"]`},
	{"extra alone appends to the default", system("extra-trusted-users = a\n"), nil, `trusted-users ["root","a"]`},
	{"an alias appends too", system("extra-binary-cache-public-keys = k:a\nbinary-cache-public-keys = k:b\nextra-binary-cache-public-keys = k:c"), nil, `trusted-public-keys ["k:b","k:c"]`},
	{"lists keep duplicates", system("trusted-users = a b a\n"), nil, `trusted-users ["a","b","a"]`},
	{"sets sort and drop duplicates", system("system-features = b a b\n"), nil, `system-features ["a","b"]`},
	{"of two values for a map's key the first stays", system("access-tokens = h=1 h=2 x\nextra-access-tokens = h=3 i=4\n"), nil, `access-tokens {"h":"1","i":"4"}`},
	{"an empty value is legal", system("substituters =\n"), nil, `substituters []`},
	{"blanks in a value collapse", system("builders =  a \t b \n"), nil, `builders "a b"`},
	{"a hash cuts the line anywhere", system("trusted-users = a#b c\n"), nil, `trusted-users ["a"]`},
	{"carriage returns are blanks", system("cores = 3\r\n"), nil, "cores 3"},
	{"a form feed is not a blank", system("trusted-users = a\fb\n"), nil, `trusted-users ["a\fb"]`},
	{"a NUL is data", system("trusted-users = a\x00b\n"), nil, `trusted-users ["a\u0000b"]`},
	{"a byte order mark is part of the name", system("\ufeffcores = 3\n"), nil, "2.8 cores CPUS;2.26 cores CPUS;2.34 cores 0"},
	{"the last line needs no newline", system("cores = 3"), nil, "cores 3"},
	{"a half-written last line is a syntax error", system("cores = 3\nmax-jo"), nil,
		"2.8 fails illegal configuration line 'max-jo' in 'DIR/etc/nix.conf';2.26 fails syntax error in configuration line 'max-jo' in 'DIR/etc/nix.conf';2.34 fails syntax error in configuration line 'max-jo' in \"DIR/etc/nix.conf\""},
	{"blanks around the equals sign are needed", system("cores=1\n"), nil,
		"2.8 fails illegal configuration line 'cores=1';2.26 fails syntax error in configuration line 'cores=1';2.34 fails syntax error in configuration line 'cores=1'"},
	{"names have case", system("Cores = 3\n"), nil, "2.8 cores CPUS;2.26 cores CPUS;2.34 cores 0"},
	{"there is no line continuation", system("trusted-users = a \\\n"), nil, `trusted-users ["a","\\"]`},
	{"bools have six spellings", system("fallback = on\n"), nil, "fails Boolean setting 'fallback' has invalid value 'on'"},
	{"an empty bool is none", system("fallback =\n"), nil, "fails Boolean setting 'fallback' has invalid value ''"},
	{"units came after 2.8", system("min-free = 1k\n"), nil, "2.8 fails setting 'min-free' has invalid value '1k';2.26 min-free 1024;2.34 min-free 1024"},
	{"large units wrap around", system("max-substitution-jobs = 4194305K\n"), nil, "2.26 max-substitution-jobs 1024;2.34 max-substitution-jobs 1024"},
	{"sandbox knows no yes", system("sandbox = yes\n"), nil, "fails option 'sandbox' has invalid value 'yes'"},
	{"max-jobs may be auto", system("max-jobs = auto\n"), nil, "max-jobs CPUS"},
	{"a path must be absolute", system("diff-hook = x/y\n"), nil,
		"2.8 fails not an absolute path: 'x/y';2.26 fails not an absolute path: 'x/y';2.34 fails not an absolute path: \"x/y\""},
	{"a junk cache is fatal only from 2.34", system("substituters = z https://a\n"), nil,
		`2.8 substituters ["z","https://a"];2.26 substituters ["z","https://a"];2.34 fails Cannot parse Nix store 'z'`},
	{"caches are printed anew from 2.34", system("substituters = https://a/x+y?b=1&a=2\n"), nil,
		`2.8 substituters ["https://a/x+y?b=1&a=2"];2.26 substituters ["https://a/x+y?b=1&a=2"];2.34 substituters ["https://a/x%2By?a=2&b=1"]`},
	{"an include stands for its text", map[string]string{"etc/nix.conf": "trusted-users = a\ninclude i\nextra-trusted-users = c\n", "etc/i": "extra-trusted-users = b\n"}, nil, `trusted-users ["a","b","c"]`},
	{"an include is relative to its file", map[string]string{"etc/nix.conf": "include sub/i\n", "etc/sub/i": "include j\n", "etc/sub/j": "cores = 3\n"}, nil, "cores 3"},
	{"a missing include is fatal", system("include i\n"), nil, "2.8 fails file 'DIR/etc/i' included from 'DIR/etc/nix.conf' not found;2.34 fails file \"DIR/etc/i\" included from \"DIR/etc/nix.conf\" not found"},
	{"a missing !include is not", system("!include i\ncores = 3\n"), nil, "cores 3"},
	{"an included folder is passed over", map[string]string{"etc/nix.conf": "include i\ncores = 3\n", "etc/i/x": ""}, nil, "cores 3"},
	{"a mistake in a !included file is fatal", map[string]string{"etc/nix.conf": "!include i\n", "etc/i": "x\n"}, nil, "2.8 fails illegal configuration line 'x' in 'DIR/etc/i';2.26 fails syntax error in configuration line 'x' in 'DIR/etc/i'"},
	{"no include is relative to NIX_CONFIG", nil, []string{"NIX_CONFIG=include i"}, "2.8 fails not an absolute path: './i';2.26 fails not an absolute path: './i';2.34 fails not an absolute path: \"i\""},
	{"two paths in an include", system("include a b\n"), nil, "2.8 fails illegal configuration line 'include a b';2.26 fails syntax error in configuration line 'include a b';2.34 fails boost::bad_format_string"},
	{"feature lines of a file come first", system("accept-flake-config = true\nexperimental-features = flakes\n"), nil, "accept-flake-config true"},
	{"feature lines of a later file come too late", map[string]string{"etc/nix.conf": "accept-flake-config = true\n", "home/.config/nix/nix.conf": "experimental-features = flakes\n"}, nil,
		"2.8 accept-flake-config true;2.26 accept-flake-config false;2.34 accept-flake-config false"},
	{"the user's file overrides the system's", map[string]string{"etc/nix.conf": "cores = 1\n", "home/.config/nix/nix.conf": "cores = 2\n"}, nil, "cores 2"},
	{"the own file overrides those of XDG_CONFIG_DIRS, the first of which wins",
		map[string]string{"home/.config/nix/nix.conf": "extra-trusted-users = home\n", "d1/nix/nix.conf": "extra-trusted-users = d1\ncores = 1\n", "d2/nix/nix.conf": "extra-trusted-users = d2\ncores = 2\n"},
		[]string{"XDG_CONFIG_DIRS=DIR/d1:DIR/d2"}, `trusted-users ["root","d2","d1","home"];cores 1`},
	{"NIX_USER_CONF_FILES replaces the user's files", map[string]string{"home/.config/nix/nix.conf": "timeout = 9\n", "a": "cores = 1\nextra-trusted-users = a\n", "b": "cores = 2\nextra-trusted-users = b\n"},
		[]string{"NIX_USER_CONF_FILES=DIR/a:DIR/b"}, `cores 1;trusted-users ["root","b","a"];timeout 0`},
	{"an empty NIX_USER_CONF_FILES leaves none", map[string]string{"home/.config/nix/nix.conf": "timeout = 9\n"}, []string{"NIX_USER_CONF_FILES="}, "timeout 0"},
	{"NIX_CONFIG_HOME came after 2.8", map[string]string{"home/.config/nix/nix.conf": "timeout = 9\n", "c/nix.conf": "timeout = 8\n"}, []string{"NIX_CONFIG_HOME=DIR/c"}, "2.8 timeout 9;2.26 timeout 8;2.34 timeout 8"},
	{"NIX_CONFIG comes last", map[string]string{"home/.config/nix/nix.conf": "cores = 1\n"}, []string{"NIX_CONFIG=cores = 2\ntimeout = 3"}, "cores 2;timeout 3"},
	{"an empty NIX_CONF_DIR is none, and kills 2.8", nil, []string{"NIX_CONF_DIR="}, "2.8 fails path != \"\";2.26 cores CPUS;2.34 cores 0"},
	{"a relative NIX_CONF_DIR kills", nil, []string{"NIX_CONF_DIR=etc"}, "2.8 fails not an absolute path: 'etc';2.34 fails not an absolute path: \"etc\""},
	{"NIX_PATH overrides nix-path after 2.8", system("nix-path = a=/x\n"), []string{"NIX_PATH=b=/y"}, `2.8 nix-path ["a=/x"];2.26 nix-path ["b=/y"];2.34 nix-path ["b=/y"]`},
	{"the system file's build-hook is lost in 2.26", system("build-hook = /x y\n"), nil, `2.8 build-hook "/x y";2.26 build-hook ["/usr/bin/nix","__build-remote"];2.34 build-hook ["/x","y"]`},
	{"the nix command is always pure", system("pure-eval = false\n"), nil, "pure-eval true"},
	{"two lists of paths cannot be appended to in 2.34", system("extra-plugin-files =\nextra-allowed-impure-host-deps = /x\n"), nil,
		`2.8 allowed-impure-host-deps ["/x"];2.26 allowed-impure-host-deps ["/x"];2.34 allowed-impure-host-deps []`},
	{"a missing plugin is fatal", system("plugin-files = /none.so\n"), nil, "fails No such file or directory"},
	{"unparsable NIX_REMOTE kills 2.34", nil, []string{"NIX_REMOTE=z"}, `2.8 store "z";2.26 store "z";2.34 fails Cannot parse Nix store 'z'`},
	{"a relative store path starts at the working directory in 2.34", nil, []string{"NIX_CONFIG=store = ./x"}, `2.8 store "./x";2.26 store "./x";2.34 store "local://DIR/x"`},
	{"external builders are JSON", system(`external-builders = [{"systems":["b","a"],"program":"/x","args":["-v"]}]`), nil,
		`2.34 external-builders [{"args":["-v"],"program":"/x","systems":["a","b"]}]`},
	{"flakes bring fetch-tree", system("experimental-features = flakes\n"), nil,
		`2.8 experimental-features [2,3];2.26 experimental-features ["flakes","fetch-tree","nix-command"];2.34 experimental-features ["flakes","fetch-tree","nix-command"]`},
}

func TestEachRuleHoldsOnRealNixAndHere(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		learnHost(t, nix)
		outside, inside := nix.Dir(t)
		for i, r := range rules {
			name := string(rune('a'+i/26)) + string(rune('a'+i%26))
			dir, in := filepath.Join(outside, name), inside+"/"+name
			if err := os.MkdirAll(filepath.Join(dir, "home"), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range r.files {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			s := setup{dir: in, home: in + "/home", env: []string{"HOME=" + in + "/home", "NIX_CONF_DIR=" + in + "/etc"}}
			for _, e := range r.env {
				s.env = append(s.env, strings.ReplaceAll(e, "DIR/", in+"/"))
			}
			if strings.HasPrefix(strings.Join(r.env, ""), "NIX_CONF_DIR=") {
				s.env = append(s.env[:1], s.env[2:]...)
			}
			got, here := show(t, nix, s), load(nix, s)
			if d := difference(got, here, rootFiles{root: nix.Root}, s); d != "" {
				t.Errorf("%s: %s", r.name, d)
			}
			held := 0
			for want := range strings.SplitSeq(strings.ReplaceAll(r.want, "DIR/", in+"/"), ";") {
				if version, rest, ok := strings.Cut(want, " "); ok && strings.HasPrefix(version, "2.") {
					if version != nix.Short {
						continue
					}
					want = rest
				}
				held++
				setting, value, _ := strings.Cut(want, " ")
				if setting == "fails" {
					if got.code == 0 || !strings.Contains(plain(got.err), value) {
						t.Errorf("%s: Nix says %q, not %q", r.name, plain(got.err), value)
					}
					continue
				}
				if value == "CPUS" {
					value = hostCPUs
				}
				if string(got.values[setting]) != value {
					t.Errorf("%s: %s is %s in Nix (%s), not %s", r.name, setting, got.values[setting], got.err, value)
				}
			}
			if held == 0 && strings.Contains(r.want, nix.Short+" ") {
				t.Errorf("%s: nothing was checked", r.name)
			}
		}
	})
}
