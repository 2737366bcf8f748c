package trust

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// answerFiles are trusted-settings.json files, good and bad.
var answerFiles = []string{
	`{}`, `{"allow-dirty":{"true":true}}`, `{"allow-dirty":{"true":false}}`,
	` {"a":{"b":true},"a":{"c":false}} ` + "\n\t\r\n", "\ufeff{}", `{"a":{}}`,
	`{"a":{"\u0041\n\"\\\/\b\f\r\t":true}}`, `{"a":{"\ud83d\ude00":true}}`, `{"é":{"ü":true}}`,
	`{"a":{"b":1},"a":{"b":true}}`,
	``, ` `, "\n", `{`, `[`, `"`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":{`, `{"a":{"b"`, `{"a":{"b":`, `{"a":{"b":true`,
	`{"a":{"b":true}`, `{"a":{"b":true},`, `{"a":{"b":true},}`, `{,}`, `{"a"}`, `{"a",}`, `{"a":}`, `{a:1}`, `{'a':1}`,
	`[]`, `null`, `true`, `false`, `1`, `"x"`, `[1,2`, `[1 2]`, `[1,]`, `{"a":[]}`, `{"a":null}`, `{"a":true}`, `{"a":"x"}`, `{"a":1}`,
	`{"a":{"b":"true"}}`, `{"a":{"b":1}}`, `{"a":{"b":null}}`, `{"a":{"b":{}}}`, `{"a":{"b":[]}}`, `{"a":{"b":-0.5e3}}`,
	`{"z":{"b":true},"a":{"b":1},"m":[]}`,
	`{} x`, `{}{}`, `{},`, `{}]`, `{} // c`, `// c`, `/* c */ {}`, `#`, `{"a":{"b":true}} # c`,
	`{"a":{"b":tru}}`, `{"a":{"b":trux}}`, `{"a":{"b":True}}`, `{"a":{"b":nul`, `{"a":{"b":falsey}}`, `x`, `nope`,
	"{\"a\nb\":{}}", "{\"a\x01\":{}}", "{\"a\x1b\":{}}", "{\"a\x7f\":{\"b\":true}}", "{\"a\t\":{}}", "{\"\x00\":1}",
	"{\"a\xff\":{}}", "{\"a\xc0\x80\":{}}", "{\"a\xed\xa0\x80\":{}}", "{\"a\xe2\x82\":{}}", "{\"a\xf4\x90\x80\x80\":{}}", "{\"a\xf0\x80\x80\x80\":{}}",
	`{"\x":{}}`, `{"\u12":{}}`, `{"\u12G4":{}}`, `{"\ud800":{}}`, `{"\ud800\u0041":{}}`, `{"\ud800x":{}}`, `{"\udc00":{}}`, `{"\ud800\u12":{}}`,
	`{"a":{"b":-}}`, `{"a":{"b":-x}}`, `{"a":{"b":01}}`, `{"a":{"b":1.}}`, `{"a":{"b":1.e}}`, `{"a":{"b":1e}}`, `{"a":{"b":1e+}}`, `{"a":{"b":1e-x}}`, `{"a":{"b":.5}}`, `{"a":{"b":+1}}`,
	`{"a":{"b":1e999}}`, `{"a":{"b":-1e999}}`, `{"a":{"b":123456789012345678901234567890}}`,
	"\xef\xbb{}", "\xef{}", "\xff\xfe{}", "{\"a\":{}}\x00", "{\"a\":{}}\x00x", "{\n\"a\": {\n\"b\": tru\n}\n}", "{\r\n\"a\": x",
	"{\"a\":\n\n  {\"b\": true,\n }}", strings.Repeat("[", 100), `{"a":` + strings.Repeat("{\"b\":", 50) + "1",
	`{"a":{"b":true}}garbage`, `<html>`, "\x7fELF\x02\x01", `{"a":{"b":true},,}`, `{"a":{"b":true;}}`, `{"a":{"b":true "c":false}}`, `{"a" {"b":true}}`,
}

// TestAnswersFailInTheWordsOfRealNix gives each file to each real Nix, which
// reads it when a flake has a setting to ask about.
func TestAnswersFailInTheWordsOfRealNix(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, dir := nix.Dir(t)
		write := func(name, text string) {
			path := filepath.Join(outside, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("flake/flake.nix", `{ nixConfig.allow-dirty = true; outputs = _: { x = 1; }; }`)
		write("etc/nix.conf", "experimental-features = nix-command flakes\nsubstituters =\nflake-registry =\n")
		for i, text := range answerFiles {
			write(fmt.Sprintf("data%d/nix/trusted-settings.json", i), text)
		}
		script := fmt.Sprintf(`cd %s; for i in $(seq 0 %d); do
XDG_DATA_HOME=$PWD/data$i nix eval --offline path:$PWD/flake#x </dev/null >/dev/null 2>err$i; echo $? >>err$i; done`, dir, len(answerFiles)-1)
		nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", script}, Env: []string{
			"HOME=" + dir, "NIX_CONF_DIR=" + dir + "/etc", "NIX_STORE_DIR=" + dir + "/store",
			"NIX_STATE_DIR=" + dir + "/state", "NIX_LOG_DIR=" + dir + "/log",
		}})
		for i, text := range answerFiles {
			out, err := os.ReadFile(filepath.Join(outside, fmt.Sprintf("err%d", i)))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
			failed := lines[len(lines)-1] != "0"
			_, bad := ParseAnswers([]byte(text), nix.Version)
			switch {
			case failed != (bad != nil):
				t.Errorf("%q: ours says %v, real Nix:\n%s", text, bad, out)
			case failed && !strings.Contains(string(out), bad.Message):
				t.Errorf("%q: ours says\n%s\nreal Nix:\n%s", text, bad.Message, out)
			}
		}
	})
}

func TestAnswersOfASpoiledFileAreNoneAtAll(t *testing.T) {
	a, err := ParseAnswers([]byte(`{"a":{"x":true},"b":{"y":1}}`), nixconf.Newest)
	if err == nil || a != nil {
		t.Fatalf("ParseAnswers = %v, %v; a file that Nix refuses must yield nothing", a, err)
	}
}

func FuzzParseAnswersNeverPanics(f *testing.F) {
	for _, s := range answerFiles {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAnswers(data, nixconf.Newest)
		if (a == nil) == (err == nil) {
			t.Fatalf("ParseAnswers(%q) = %v, %v: want exactly one of them", data, a, err)
		}
	})
}
