package message

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func read(text string) (out []Message) {
	var r Reader
	out = r.Read([]byte(text))
	return append(out, r.End()...)
}

const red, magenta, plain = "\x1b[31;1m", "\x1b[35;1m", "\x1b[0m"

func TestEachWordingIsUnderstood(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Message
	}{
		"2.8 setting": {"warning: ignoring untrusted flake configuration setting 'extra-substituters'\n",
			[]Message{{Kind: SettingIgnored, Line: 1, Lines: 1, Level: "warning", Text: "warning: ignoring untrusted flake configuration setting 'extra-substituters'", Setting: "extra-substituters"}}},
		"2.34 setting": {"warning: ignoring untrusted flake configuration setting 'extra-substituters'.\nPass '--accept-flake-config' to trust it\nwarning: Git tree '/x' is dirty\n",
			[]Message{{Kind: SettingIgnored, Line: 1, Lines: 2, Level: "warning", Text: "warning: ignoring untrusted flake configuration setting 'extra-substituters'.\nPass '--accept-flake-config' to trust it", Setting: "extra-substituters"}}},
		"Lix setting": {"warning: ignoring untrusted flake configuration setting 'extra-substituters', pass '--accept-flake-config' to trust it (may allow the flake to gain root, see the nix.conf manual page)\n",
			[]Message{{Kind: SettingIgnored, Line: 1, Lines: 1, Level: "warning", Setting: "extra-substituters"}}},
		"Lix 2.94 question": {"Do you want to allow configuration setting 'extra-substituters' to be set to '" + red + "https://c" + plain + "'?\nThis may allow the flake to gain root, see the nix.conf manual page (yes/no/No to all) \n",
			[]Message{{Kind: SettingAsked, Line: 1, Lines: 1, Setting: "extra-substituters", Value: "https://c"}}},
		"Lix 2.95 question": {"Do you want to allow setting '" + magenta + "extra-substituters = https://c https://d" + plain + "'? ([y]es for now/[N]o for now/[a]lways allow) \n",
			[]Message{{Kind: SettingAsked, Line: 1, Lines: 1, Setting: "extra-substituters", Value: "https://c https://d"}}},
		"Lix restricted": {"warning: Ignoring the client-specified setting 'trusted-public-keys', because it is a restricted setting and you are not a trusted user\n",
			[]Message{{Kind: SettingRestricted, Line: 1, Lines: 1, Level: "warning", Setting: "trusted-public-keys"}}},
		"two at once": {"warning: ignoring untrusted flake configuration setting 'a'.\nwarning: ignoring untrusted flake configuration setting 'b'.\nPass '--accept-flake-config' to trust it\n",
			[]Message{{Kind: SettingIgnored, Line: 1, Lines: 1, Level: "warning", Setting: "a"}, {Kind: SettingIgnored, Line: 2, Lines: 2, Level: "warning", Setting: "b"}}},
		"coloured substituter": {magenta + "warning:" + plain + " ignoring untrusted substituter 'https://c.cachix.org', you are not a trusted user.\nRun `man nix.conf` for more information on the `substituters` configuration option.\n",
			[]Message{{Kind: SubstituterIgnored, Line: 1, Lines: 2, Level: "warning", URL: "https://c.cachix.org"}}},
		"2.8 substituter": {"warning: ignoring untrusted substituter 'https://c.cachix.org'\n", []Message{{Kind: SubstituterIgnored, Line: 1, Lines: 1, Level: "warning", URL: "https://c.cachix.org"}}},
		"restricted": {"warning: ignoring the client-specified setting 'trusted-public-keys', because it is a restricted setting and you are not a trusted user\n",
			[]Message{{Kind: SettingRestricted, Line: 1, Lines: 1, Level: "warning", Setting: "trusted-public-keys"}}},
		"not signed": {"warning: ignoring substitute for '/nix/store/abc-x' from 'https://c', as it's not signed by any of the keys in 'trusted-public-keys'\n",
			[]Message{{Kind: NotSigned, Line: 1, Lines: 1, Level: "warning", Path: "/nix/store/abc-x", URL: "https://c"}}},
		"2.8 not signed": {"warning: the substitute for '/nix/store/abc-x' from 'https://c' is not signed by any of the keys in 'trusted-public-keys'\n",
			[]Message{{Kind: NotSigned, Line: 1, Lines: 1, Level: "warning", Path: "/nix/store/abc-x", URL: "https://c"}}},
		"an import through a daemon": {red + "error:" + plain + " " + red + "error:" + plain + " cannot add path '/nix/store/abc-x' because it lacks a signature by a trusted key\n",
			[]Message{{Kind: LacksSignature, Line: 1, Lines: 1, Level: "error", Path: "/nix/store/abc-x"}}},
		"a trace": {"error:\n       … while decoding key named '' with raw value 'junk'\n\n       error: key is corrupt\n",
			[]Message{{Kind: KeyCorrupt, Line: 2, Lines: 3, Level: "error", Value: "junk"}}},
		"hash": {"error: hash mismatch importing path '/nix/store/abc-x';\n         specified: sha256:1\n         got:       sha256:2\nerror: some substitutes for the outputs of derivation '/nix/store/d.drv' failed (usually happens due to networking issues); try '--fallback' to build derivation from source \n",
			[]Message{{Kind: HashMismatch, Line: 1, Lines: 3, Level: "error", Path: "/nix/store/abc-x"}, {Kind: Failed, Line: 4, Lines: 1, Level: "error", Path: "/nix/store/d.drv"}}},
		"unreachable": {"warning: unable to download 'http://127.0.0.1:1/nix-cache-info': Could not connect to server (7) Failed to connect; retrying in 312 ms (attempt 1/5)\n",
			[]Message{{Kind: Unreachable, Line: 1, Lines: 1, Level: "warning", URL: "http://127.0.0.1:1/nix-cache-info", Detail: "Could not connect to server (7) Failed to connect"}}},
		"disabled": {"disabling binary cache 'http://c' for 60 seconds\n", []Message{{Kind: CacheDisabled, Line: 1, Lines: 1, URL: "http://c", Detail: "60"}}},
		"closed": {"error: cannot open connection to remote store 'daemon': error: reading from file: Connection reset by peer\n",
			[]Message{{Kind: ConnectionClosed, Line: 1, Lines: 1, Level: "error", URL: "daemon", Detail: "error: reading from file: Connection reset by peer"}}},
		"refused":           {"error processing connection: user 'alice' is not allowed to connect to the Nix daemon\n", nil},
		"priority":          {"error: stoi\n", []Message{{Kind: BadPriority, Line: 1, Lines: 1, Level: "error", Detail: "stoi"}}},
		"question":          {"do you want to allow configuration setting 'extra-substituters' to be set to '" + red + "https://c" + plain + "' (y/N)? ", []Message{{Kind: SettingAsked, Line: 1, Lines: 1, Setting: "extra-substituters", Value: "https://c"}}},
		"in a frame":        {"┃ " + magenta + "warning:" + plain + " ignoring untrusted substituter 'https://c'\n", []Message{{Kind: SubstituterIgnored, Line: 1, Lines: 1, Level: "warning", URL: "https://c"}}},
		"a progress bar":    {"[1/2 built]\x1b[K\r\x1b[Kwarning: ignoring untrusted substituter 'https://c'\n", []Message{{Kind: SubstituterIgnored, Line: 1, Lines: 1, Level: "warning", URL: "https://c"}}},
		"what a build says": {"hello> warning: ignoring untrusted substituter 'https://c'\n       > error: key is corrupt\n", nil},
		"another's quotes":  {"warning: ignoring untrusted substituter ‘https://c’\n", []Message{{Kind: SubstituterIgnored, Line: 1, Lines: 1, Level: "warning", URL: "https://c"}}},
		"for programs": {`@nix {"action":"msg","level":1,"msg":"\u001b[35;1mwarning:\u001b[0m ignoring untrusted flake configuration setting 'a'.\nPass '--accept-flake-config' to trust it"}` + "\n" +
			`@nix {"action":"result","fields":["warning: ignoring untrusted substituter 'x'"],"id":1,"type":101}` + "\n" + `@nix {"action":` + "\n",
			[]Message{{Kind: SettingIgnored, Line: 1, Lines: 1, Level: "warning", Setting: "a"}}},
		"Lix, a builder": {"error: the user 'nixbld1' is not allowed to connect to the Nix daemon as its group is 'nixbld', which is the group of users running the sandboxed builds.\n",
			[]Message{{Kind: UserRefused, Line: 1, Lines: 1, Level: "error", User: "nixbld1"}}},
		"Lix, all at once": {"Do you want to allow these configuration settings to be applied?\nThis may allow the flake to gain root, see the nix.conf manual page.\n",
			[]Message{{Kind: SettingAsked, Line: 1, Lines: 1}}},
		"Lix feature":          {"error: experimental Lix feature 'flakes' is disabled; use '--extra-experimental-features flakes' to override\n", []Message{{Kind: FlakesOff, Line: 1, Lines: 1, Level: "error", Setting: "flakes"}}},
		"Determinate, a key":   {"error:\n       … while decoding key 'a'\n\n       error: key is corrupt\n", []Message{{Kind: KeyCorrupt, Line: 2, Lines: 3, Level: "error", Key: "a"}}},
		"2.36 build trace":     {"warning: ignoring substitute for build trace 'k' -> '/nix/store/abc-x' from 'https://c', as it's not signed by any of the keys in 'trusted-public-keys'\n", []Message{{Kind: NotSigned, Line: 1, Lines: 1, Level: "warning", Path: "k", URL: "https://c"}}},
		"a build that failed":  {"error: build of '/nix/store/abc-x.drv' failed\nerror: build of '/nix/store/abc-x', '/nix/store/abc-y.drv' failed\n", nil},
		"one path of no cache": {"error: build of '/nix/store/abc-xdrv' failed\n", []Message{{Kind: Unsubstitutable, Line: 1, Lines: 1, Level: "error", Path: "/nix/store/abc-xdrv"}}},
		"broken in the middle": {"warning: ignoring untrusted substituter 'https://c.example/a/very/long/pa\nth', you are not\na trusted user.\nRun `man nix.conf` for more information\n", []Message{{Kind: SubstituterIgnored, Line: 1, Lines: 4, Level: "warning", URL: "https://c.example/a/very/long/path"}}},
		"broken by another":    {"warning: ignoring untrusted substituter 'https://c.exam\nwarning: Git tree is dirty\nple'\n", nil},
		"other text":           {"building '/nix/store/abc.drv'...\nerror: builder failed\nI was ignoring untrusted substituter 'x'\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(c.text)
			for i := range got {
				if len(c.want) > i && c.want[i].Text == "" {
					got[i].Text = ""
				}
			}
			if name == "refused" { // the daemon's log has it with another beginning
				if len(got) != 1 || got[0].Kind != UserRefused || got[0].User != "alice" {
					t.Errorf("%+v", got)
				}
				return
			}
			if len(got)+len(c.want) > 0 && !reflect.DeepEqual(got, c.want) {
				t.Errorf("\n%+v\nwant\n%+v", got, c.want)
			}
		})
	}
}

func TestALineThatIsTooLongIsNoMessage(t *testing.T) {
	const first = "warning: ignoring untrusted flake configuration setting 'a'."
	long := "warning: ignoring untrusted substituter 'https://" + strings.Repeat("x", MaxLine) + "'"
	got := read(first + "\n" + long + "\nPass '--accept-flake-config' to trust it\n" + strings.Replace(long, strings.Repeat("x", MaxLine), "x", 1))
	if len(got) != 2 || got[0].Text != first || got[1].URL != "https://x" || got[1].Line != 4 {
		t.Errorf("%+v", got)
	}
}

func TestEachKindHasAWording(t *testing.T) {
	have := map[Kind]bool{}
	for _, p := range patterns {
		have[p.kind] = true
		for _, name := range p.re.SubexpNames() {
			if name != "" && (&Message{}).field(name) == nil {
				t.Errorf("%s has the group %s, which is no field", p.re, name)
			}
		}
	}
	for _, k := range []Kind{SettingIgnored, SettingSaved, SettingAsked, SettingUnknown, SettingInvalid, ConfigBroken, FlakesOff, SubstituterIgnored, SettingRestricted, UserRefused,
		ConnectionClosed, NotSigned, LacksSignature, KeyCorrupt, HashMismatch, CAMismatch, CAClaim, SettingGated, FlakeRejected, AnswersBroken, HomeIgnored, DaemonAbsent, NotPrivileged, BadBase64, NotACache, OtherStore, BadPriority, BadNarinfo, BadURL, UnknownScheme, Unreachable,
		CacheDisabled, FileMissing, NoInternet, SubstitutionOff, Unsubstitutable, References, Failed} {
		if !have[k] {
			t.Errorf("nothing is ever taken for %s", k)
		}
	}
}

// A hundred megabytes without the end of a line: neither kept nor mistaken.
func TestALineWithoutEndIsNotKept(t *testing.T) {
	for name, text := range map[string]string{
		"letters":  strings.Repeat("warning: ", 1<<12),
		"progress": strings.Repeat("\r\x1b[K[1/2 built] something", 1<<10),
	} {
		t.Run(name, func(t *testing.T) {
			var r Reader
			piece := []byte(text)
			for n := 0; n < 100<<20; n += len(piece) {
				if got := r.Read(piece); len(got) > 0 {
					t.Fatal(got)
				}
			}
			if cap(r.rest) > 4*MaxLine {
				t.Errorf("%d bytes are kept", cap(r.rest))
			}
			got := append(r.Read([]byte("\r\x1b[Kwarning: ignoring untrusted substituter 'https://c'\n")), r.End()...)
			if len(got) != 1 || got[0].URL != "https://c" || got[0].Line != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAPathIsOfTheCacheThatItIsCopiedFrom(t *testing.T) {
	const path, copying = "/nix/store/abc-x", "copying path '%s' from '%s'...\n"
	for name, c := range map[string]struct{ text, want string }{
		"the same":     {fmt.Sprintf(copying, path, "https://a"), "https://a"},
		"the last":     {fmt.Sprintf(copying, path, "https://a") + fmt.Sprintf(copying, path, "https://b"), "https://b"},
		"another":      {fmt.Sprintf(copying, path+"y", "https://a"), ""},
		"too long ago": {fmt.Sprintf(copying, path, "https://a") + strings.Repeat(fmt.Sprintf(copying, path+"y", "https://b"), maxCopies), ""},
		"not too long": {fmt.Sprintf(copying, path, "https://a") + strings.Repeat(fmt.Sprintf(copying, path+"y", "https://b"), maxCopies-1), "https://a"},
		"says a build": {"x> " + fmt.Sprintf(copying, path, "https://a"), ""},
	} {
		got := read(c.text + "error: hash mismatch importing path '" + path + "';\n  specified: a\n  got: b\n")
		if len(got) != 1 || got[0].URL != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add("warning: ignoring untrusted substituter 'x', you are not a trusted user.\nRun `man nix.conf`\n")
	f.Add("error:\n       … while decoding key named '' with raw value 'x'\n")
	f.Add("┃ \x1b]8;;x\x07warning: \r\x1b[K")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		last := 0
		for _, m := range read(text) {
			if m.Kind == "" || m.Line < last || m.Line+m.Lines-1 > lines || m.Lines < 1 {
				t.Fatalf("%+v after line %d of %d", m, last, lines)
			}
			last = m.Line + m.Lines - 1
			if strings.ContainsAny(m.Text, "\x1b\r\x00") || utf8.ValidString(text) && !utf8.ValidString(m.Text) {
				t.Fatalf("%q", m.Text)
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	text := strings.Repeat("copying path '/nix/store/2dj7lc2zc4lqpil4kyrml5irdzcx8jd8-hello' from 'https://cache.nixos.org'...\nhello> checking for gcc... gcc\n", 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if m := read(text); len(m) > 0 {
			b.Fatal(fmt.Sprint(m))
		}
	}
}
