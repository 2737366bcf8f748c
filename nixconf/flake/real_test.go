package flake

import (
	"bufio"
	"fmt"
	"math/rand/v2"
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

// runEach runs a script once for each file in a folder that has a number for
// its name, two at a time, and returns what each said, by file.
func runEach(t *testing.T, nix realnix.Nix, outside, inside, script string) map[string]nixVerdict {
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
	out := map[string]nixVerdict{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v nixVerdict
		if text, failed := strings.CutSuffix(string(b), "FAILED\n"); failed {
			if v = readVerdict(text); v.message == "" {
				v.message = "failed: " + text
			}
		}
		out[strings.TrimSuffix(filepath.Base(file), ".err")] = v
	}
	return out
}

func TestParserTakesExactlyWhatNixTakes(t *testing.T) {
	all := lines(t, "expressions.txt")
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) { compareParsers(t, nix, all) })
}

// mutations is how many broken expressions each version is asked about.
const mutations = 60

func TestParserAgreesOnMutations(t *testing.T) {
	text, err := os.ReadFile(corpus + "everything.nix")
	if err != nil {
		t.Fatal(err)
	}
	base := append(lines(t, "expressions.txt"), strings.Split(string(text), "\n")...)
	pieces := strings.Fields(`{ } [ ] ( ) ; : , . = == // ++ -> ? @ or if then else let in rec with inherit assert a b "x" ${ " '' ''' ''$ 1 1.5 ./a ~/b <c> a:b ... ! - + /* */ # \ $ $$ '`)
	r := rand.New(rand.NewPCG(3, 4))
	var all []string
	for range mutations {
		e := base[r.IntN(len(base))]
		if strings.Contains(e, "\x00") {
			continue // after a NUL Nix loses count of the lines
		}
		for range 1 + r.IntN(3) {
			at := r.IntN(len(e) + 1)
			switch r.IntN(4) {
			case 0:
				e = e[:at] + e[min(len(e), at+1+r.IntN(3)):]
			case 1:
				other := base[r.IntN(len(base))]
				e = e[:at] + other[r.IntN(len(other)+1):]
			default:
				e = e[:at] + " "[:r.IntN(2)] + pieces[r.IntN(len(pieces))] + " "[:r.IntN(2)] + e[at:]
			}
		}
		all = append(all, e)
	}
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) { compareParsers(t, nix, all) })
}

func TestParserTakesPipesAsNixDoes(t *testing.T) {
	all := []string{
		"1 |> 2 |> 3", "1 <| 2 <| 3", "1 |> 2 <| 3", "1 <| 2 |> 3", "1 |> a: a", "1 |> if true then 2 else 3", "1 |> -2",
		"x: 1 |> x", "true || 1 |> 2", "1 |> 2 -> 3", "1 |>", "|> 1", "[ 1 |> 2 ]", "(1 |> 2) 3", "{ a = 1 |> 2; }", "1<|2", "<a|>", "1 |>> 2",
	}
	for _, short := range []string{"2.26", "2.34"} {
		t.Run("nix-"+short, func(t *testing.T) { compareParsers(t, realnix.Get(t, short), all, "pipe-operators") })
	}
}

// compareParsers parses each expression with Nix and here.
func compareParsers(t *testing.T, nix realnix.Nix, all []string, features ...string) {
	t.Helper()
	outside, inside := nix.Dir(t)
	for i, e := range all {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", outside, i), []byte(e), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	name := "«stdin»"
	if nix.Short == "2.8" {
		name = "(string)"
	}
	ours := make([]nixVerdict, len(all))
	var taken []string
	for i, e := range all {
		var p parser
		r := p.parse(name, e, nix.Version, true, features)
		if r == nil {
			taken = append(taken, fmt.Sprint(i))
			continue
		}
		ours[i].message = r.message
		if r.off >= 0 {
			pos := position(name, []byte(e), r.off)
			ours[i].where = fmt.Sprintf("%d:%d", pos.Line, pos.Col)
		}
	}
	xp := "nix-instantiate --extra-experimental-features '" + strings.Join(features, " ") + "' "
	// What is taken here goes to one process. When that refuses any, each goes to
	// its own.
	r := nix.Run(t, realnix.Cmd{
		Args: []string{"/bin/sh", "-c", "cd " + inside + "; " + xp + "--parse " + strings.Join(taken, " ")},
		Env:  []string{"HOME=" + inside, "NO_COLOR=1"},
	})
	if r.Code != 0 {
		t.Logf("one by one, as Nix refuses one: %s", r.Stderr)
	} else {
		for _, i := range taken {
			if err := os.Remove(outside + "/" + i); err != nil {
				t.Fatal(err)
			}
		}
	}
	// From stdin: a file is nothing that pure evaluation opens.
	got := runEach(t, nix, outside, inside, xp+"--pure-eval --parse - <$f")
	if r.Code != 0 {
		taken = nil
	}
	if len(got) != len(all)-len(taken) {
		t.Fatalf("Nix read %d of %d expressions", len(got), len(all)-len(taken))
	}
	for i, e := range all {
		if ours[i] != got[fmt.Sprint(i)] {
			t.Errorf("%q:\n\tNix:  %+v\n\tours: %+v", e, got[fmt.Sprint(i)], ours[i])
		}
	}
}

// Nested deep enough, an expression is too much for older versions.
func TestParserRunsOutOfRoomWhereNixDoes(t *testing.T) {
	var all []string
	for _, c := range []struct {
		open, middle, shut string
		counts             []int
	}{
		{"[", "", "]", []int{4900, 5100}}, {"(", "1", ")", []int{9900}}, {"{a=", "1", ";}", []int{2400, 3200, 3500}},
		{`"${`, `"1"`, `}"`, []int{4900, 5100}}, {"x: ", "1", "", []int{4900, 5100}}, {"!", "1", "", []int{9900}}, {"''${", "1", "}''", []int{3200, 3500}},
		{"let a=", "1", "; in a", []int{2400, 3500}},
	} {
		for _, n := range c.counts {
			all = append(all, strings.Repeat(c.open, n)+c.middle+strings.Repeat(c.shut, n))
		}
	}
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, inside := nix.Dir(t)
		for i, e := range all {
			if err := os.WriteFile(fmt.Sprintf("%s/%d", outside, i), []byte(e), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got := runEach(t, nix, outside, inside, "nix-instantiate --parse - <$f")
		for i, e := range all {
			var p parser
			ours := ""
			if r := p.parse("", e, nix.Version, true, nil); r != nil {
				ours = r.message
			}
			if theirs := got[fmt.Sprint(i)].message; ours != theirs {
				t.Errorf("%.10s… %d bytes:\n\tNix:  %s\n\tours: %s", e, len(e), theirs, ours)
			}
		}
	})
}
