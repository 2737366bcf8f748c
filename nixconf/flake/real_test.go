package flake

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const corpus = "../../testdata/flakes/"

// lines reads a list of cases, one a line.
func lines(t testing.TB, file string) []string {
	f, err := os.Open(corpus + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []string
	for in := bufio.NewScanner(f); in.Scan(); {
		line := in.Text()
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		if s, err := strconv.Unquote(line); err == nil {
			line = s
		}
		all = append(all, line)
	}
	return all
}

// A verdict is what a Nix said of a file.
type nixVerdict struct {
	message string // "" when it took the file
	where   string // "line:col", "" when it named no place
}

var (
	nixError = regexp.MustCompile(`(?s)error:.*?error: |error: `)
	nixPlace = regexp.MustCompile(`(?m)at (?:/[^\n]*|«[^\n]*»):(\d+):(\d+):?$`)
)

// readVerdict picks the last error's message and place from what Nix printed.
func readVerdict(stderr string) nixVerdict {
	at := strings.LastIndex(stderr, "error: ")
	if at < 0 {
		return nixVerdict{}
	}
	message, rest, _ := strings.Cut(stderr[at+len("error: "):], "\n")
	v := nixVerdict{message: strings.TrimSpace(message)}
	if m := nixPlace.FindStringSubmatch(rest); m != nil {
		v.where = m[1] + ":" + m[2]
	}
	return v
}

// runEach runs a script once for each file in a folder, two at a time, and
// returns what each wrote to stderr; nil for a success.
func runEach(t *testing.T, nix realnix.Nix, outside, inside, script string) []nixVerdict {
	t.Helper()
	if err := os.WriteFile(outside+"/run", []byte("f=$1; if ! { "+script+"; } >/dev/null 2>$f.err; then echo FAILED >>$f.err; fi\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	loop := "cd " + inside + "; ls | grep '^[0-9]*$' | sort -n | xargs -P2 -n1 sh ./run"
	nix.Run(t, realnix.Cmd{Args: []string{"/bin/sh", "-c", loop}, Env: []string{"HOME=" + inside, "NO_COLOR=1"}, Timeout: 3 * time.Minute})
	files, err := filepath.Glob(outside + "/*.err")
	if err != nil {
		t.Fatal(err)
	}
	out := make([]nixVerdict, len(files))
	for i := range out {
		b, err := os.ReadFile(fmt.Sprintf("%s/%d.err", outside, i))
		if err != nil {
			t.Fatal(err)
		}
		if text, failed := strings.CutSuffix(string(b), "FAILED\n"); failed {
			if out[i] = readVerdict(text); out[i].message == "" {
				out[i].message = "failed: " + text
			}
		}
	}
	return out
}

func TestParserTakesExactlyWhatNixTakes(t *testing.T) {
	all := lines(t, "expressions.txt")
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, inside := nix.Dir(t)
		for i, e := range all {
			if err := os.WriteFile(fmt.Sprintf("%s/%d", outside, i), []byte(e), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got := runEach(t, nix, outside, inside, "nix-instantiate --pure-eval --parse - <$f")
		if len(got) != len(all) {
			t.Fatalf("Nix read %d of %d expressions", len(got), len(all))
		}
		for i, e := range all {
			var p parser
			name := "«stdin»"
			if nix.Short == "2.8" {
				name = "(string)"
			}
			ours := nixVerdict{}
			if r := p.parse(name, e, nix.Version, true, nil); r != nil {
				ours.message = r.message
				if r.off >= 0 {
					pos := position(name, []byte(e), r.off)
					ours.where = fmt.Sprintf("%d:%d", pos.Line, pos.Col)
				}
			}
			if ours != got[i] {
				t.Errorf("%q:\n\tNix:  %+v\n\tours: %+v", e, got[i], ours)
			}
		}
	})
}
