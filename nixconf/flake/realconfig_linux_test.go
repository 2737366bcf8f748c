package flake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// flakes are the flake.nix files that real Nix is asked about.
func flakes(t testing.TB) []string {
	var all []string
	flake := func(settings string) string {
		return "{\n  outputs = _: { x = 1; };\n  nixConfig = {\n" + settings + "\n};\n}\n"
	}
	together := ""
	for i, s := range lines(t, "settings.txt") {
		// What every version takes goes into one flake, under names of its own.
		settings, r := ReadConfig("", []byte(flake(s)), threeVersions[0])
		for _, v := range threeVersions[1:] {
			if r == nil {
				_, r = ReadConfig("", []byte(flake(s)), v)
			}
		}
		if value, ok := strings.CutPrefix(s, "a = "); ok && r == nil && len(settings) == 1 && !settings[0].Opaque {
			together += fmt.Sprintf("a%d = %s\n", i, value)
			continue
		}
		all = append(all, flake(s))
	}
	all = append(all, flake(together))
	all = append(all, lines(t, "flakes.txt")...)
	files, err := filepath.Glob(corpus + "*.nix")
	if err != nil || len(files) == 0 {
		t.Fatal("no flakes in ", corpus, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		all = append(all, randomFlake(r))
	}
	return all
}

// randomFlake is a flake of settings in every form that Nix takes, and now and
// then of one that it refuses.
func randomFlake(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	text := func() string {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteString(pick("a", "https://x", " ", "\n", "''$", "$", "'", "\\n", "\\\\", "\t", "  ", "é", "#", "/*", "$${", "\r\n"))
		}
		return b.String()
	}
	str := func() string {
		if r.IntN(2) == 0 {
			return `"` + strings.ReplaceAll(text(), `${`, `\${`) + `"`
		}
		return "''" + strings.ReplaceAll(strings.ReplaceAll(text(), "'", ""), "$", "") + "''"
	}
	value := func() string {
		switch r.IntN(12) {
		case 0:
			return pick("1", "0042", "true", "false", "(true)")
		case 1:
			return pick("a:b", "http://x/y", "./f", "( ./f )")
		case 2:
			return pick("null", "1.5", "{ }", "-1", "x: x", `"a" + "b"`, `[ 1 ]`, "map")
		case 3, 4, 5, 6:
			items := "[ "
			for range r.IntN(5) {
				items += pick(str(), `""`, "http://x", "("+str()+")") + " "
			}
			return items + "]"
		}
		return str()
	}
	var b strings.Builder
	b.WriteString(pick("", "# c\n", "/* c */ ") + "{ outputs = _: { x = 1; }; ")
	b.WriteString("nixConfig = " + pick("", "rec ") + "{ ")
	for _, name := range []string{"zz", "a", "Ab", `"x y"`, "c-d", "__e"} {
		if r.IntN(2) == 0 {
			fmt.Fprintf(&b, "%s = %s; ", name, value())
		}
	}
	return b.String() + "}; }\n"
}

// Nix and we call a flake differently; the rest of the words must be equal.
var (
	flakeName  = regexp.MustCompile(`^flake '[^']*' (has|lacks)`)
	fileName   = regexp.MustCompile(`^file ['"].*/flake.nix['"] must`)
	placeInRow = regexp.MustCompile(`,? at \S*/flake.nix['"»]?:(\d+):(\d+)$`)
	otherPlace = regexp.MustCompile(` at \S*/flake.nix['"»]?:(\d+:\d+)$`)
	ansi       = regexp.MustCompile("\x1b\\[[0-9;]*[a-zA-Z]")
)

func TestReadConfigAgreesWithNix(t *testing.T) {
	all := flakes(t)
	if len(all) < 150 {
		t.Fatalf("only %d flakes", len(all))
	}
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		outside, inside := nix.Dir(t)
		for i, text := range all {
			dir := fmt.Sprintf("%s/%d", outside, i)
			for name, content := range map[string]string{"flake.nix": text, "f": "hello\n", "sub/f": "x", "sub/flake.nix": "{ outputs = _: { }; }"} {
				if err := os.MkdirAll(filepath.Dir(dir+"/"+name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(dir+"/"+name, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := askAll(t, nix, inside, len(all))
		kinds := map[bool]int{}
		for i, text := range all {
			name := "flake.nix"
			settings, rejection := ReadConfig(name, []byte(text), nix.Version)
			kinds[rejection == nil]++
			stored := map[string]map[string]bool{}
			b, err := os.ReadFile(fmt.Sprintf("%s/home-%d/.local/share/nix/trusted-settings.json", outside, i))
			if err == nil {
				if err := json.Unmarshal(b, &stored); err != nil {
					t.Fatal(err)
				}
			}
			// What was asked was taken, whatever became of the flake afterwards.
			taken := got[i].code == 0 || err == nil
			if !taken && rejection == nil && needsFile(settings) {
				continue // of which Nix saw that there is none
			}
			if taken != (rejection == nil) {
				t.Errorf("%q:\n\tNix:  %d %s\n\tours: %+v", text, got[i].code, got[i].said, rejection)
				continue
			}
			if rejection != nil {
				compareRejection(t, text, got[i].said, rejection)
				continue
			}
			ours := map[string]map[string]bool{}
			for _, s := range settings {
				value := s.Value
				if s.Opaque {
					for value = range stored[s.Name] {
					}
				}
				ours[s.Name] = map[string]bool{value: true}
			}
			if !reflect.DeepEqual(stored, ours) {
				t.Errorf("%q:\n\tNix:  %#v\n\tours: %#v", text, stored, ours)
			}
		}
		t.Logf("%d taken, %d refused", kinds[true], kinds[false])
	})
}

// needsFile tells whether a setting is a path to a file that this test's flakes
// do not have.
func needsFile(settings []Setting) bool {
	for _, s := range settings {
		if s.Opaque && (s.Value == "./missing" || s.Value == "../f") {
			return true
		}
	}
	return false
}

func compareRejection(t *testing.T, text, said string, r *Rejection) {
	t.Helper()
	v := readVerdict(said)
	message := flakeName.ReplaceAllString(v.message, "flake $1")
	message = fileName.ReplaceAllString(message, "file 'flake.nix' must")
	if strings.Contains(message, "already defined") {
		message = otherPlace.ReplaceAllString(message, " at flake.nix:$1")
	} else if m := placeInRow.FindStringSubmatch(message); m != nil {
		v.where = m[1] + ":" + m[2]
		message = message[:len(message)-len(m[0])]
	}
	if message != r.Message {
		t.Errorf("%q:\n\tNix:  %s\n\tours: %s", text, message, r.Message)
	}
	if where := fmt.Sprintf("%d:%d", r.Pos.Line, r.Pos.Col); v.where != "" && v.where != where {
		t.Errorf("%q: %s\n\tNix:  at %s\n\tours: at %s", text, message, v.where, where)
	}
}

// A reply is what Nix did with one flake.
type reply struct {
	code int
	said string
}

// askAll evaluates something of each flake and answers every question with
// yes, which makes Nix write down the exact name and value. It asks only
// on a terminal.
func askAll(t *testing.T, nix realnix.Nix, inside string, n int) []reply {
	t.Helper()
	replies := make([]reply, n)
	var group errgroup.Group
	group.SetLimit(3)
	for i := range n {
		group.Go(func() (err error) {
			replies[i], err = ask(nix, inside, i)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return replies
}

func ask(nix realnix.Nix, inside string, i int) (reply, error) {
	home := fmt.Sprintf("%s/home-%d", inside, i)
	if err := os.Mkdir(nix.Root+home, 0o755); err != nil {
		return reply{}, err
	}
	master, slave, err := terminal()
	if err != nil {
		return reply{}, err
	}
	defer master.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := nix.Command(ctx, realnix.Cmd{
		Args: []string{"nix", "--extra-experimental-features", "nix-command flakes", "--option", "substituters", "", "--option", "eval-cache", "false",
			"eval", "--no-write-lock-file", fmt.Sprintf("path:%s/%d#x", inside, i)},
		Env: []string{"HOME=" + home, "TERM=xterm", "XDG_CACHE_HOME=" + inside + "/cache"},
	})
	cmd.Stdin, cmd.Stderr = slave, slave
	if _, err := master.WriteString(strings.Repeat("y\n", 200)); err != nil {
		return reply{}, err
	}
	if err := cmd.Start(); err != nil {
		return reply{}, err
	}
	slave.Close()
	said, _ := io.ReadAll(master) // a terminal ends with an error
	err = cmd.Wait()
	if ctx.Err() != nil {
		return reply{}, fmt.Errorf("flake %d: no end; it said %s", i, said)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return reply{}, err
	}
	text := strings.ReplaceAll(ansi.ReplaceAllString(string(said), ""), "\r", "")
	for strings.HasPrefix(text, "y\n") {
		text = text[2:]
	}
	text = strings.ReplaceAll(text, home, "~")
	return reply{cmd.ProcessState.ExitCode(), text}, nil
}

// terminal opens a pseudo-terminal.
func terminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
	}
	return master, slave, err
}
