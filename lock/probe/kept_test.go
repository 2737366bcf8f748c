package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestWhatIsKeptComesBackWithItsAge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deep", "er", "probes.json")
	if got, err := ReadKept(file); got != nil || err != nil {
		t.Fatalf("%v %v", got, err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	full := Result{
		URL: "https://a.example", At: at, Outcome: Reachable, Effect: Asks, Text: "It answers.", Priority: 41, Encrypted: true,
		Hit: Latency{30 * time.Millisecond, 12 * time.Millisecond, 4}, Miss: Miss{Answer: MissAbsent, Typical: 14 * time.Millisecond},
	}
	fresh := full
	fresh.Paths = []Path{{Path: hello, State: PathSigned}}
	fresh.TLS, fresh.Miss.Status = &TLS{Issuer: "x"}, 404
	other := Result{URL: "https://b.example", At: at, Outcome: Unreachable, Effect: Skips}
	if err := WriteKept(file, []Result{{URL: "https://a.example", At: at.Add(time.Hour)}, other, {}}, []Result{fresh}); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(file)
	if strings.Contains(string(data), "hello") || strings.Contains(string(data), hello.Digest()) {
		t.Errorf("it says what the user has: %s", data)
	}
	if info, _ := os.Stat(file); info.Mode() != 0o600 {
		t.Error(info.Mode())
	}
	if info, _ := os.Stat(filepath.Dir(file)); info.Mode().Perm() != 0o700 {
		t.Error(info.Mode())
	}
	got, err := ReadKept(file)
	other.Encrypted = true
	if err != nil || !reflect.DeepEqual(got, []Result{full, other}) {
		t.Errorf("%+v %v", got, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "probes.json")
	var old []Result
	now := time.Now()
	for i := range 500 {
		old = append(old, Result{URL: fmt.Sprintf("https://%d.example", i), At: now.Add(time.Duration(i) * time.Second), Text: strings.Repeat("x", 50000)})
	}
	if err := WriteKept(file, old, []Result{{URL: "https://fresh.example", At: now}}); err != nil {
		t.Fatal(err)
	}
	got, err := ReadKept(file)
	if err != nil || len(got) != maxKept {
		t.Fatalf("%d %v", len(got), err)
	}
	has := map[string]bool{}
	for _, r := range got {
		has[r.URL] = true
	}
	if !has["https://fresh.example"] || !has["https://499.example"] || has["https://0.example"] {
		t.Error("it kept the older ones")
	}
}

func TestAKeptFileThatIsNoneIsAnError(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "nonsense": "\x00\x1b", "list": "[]", "version": `{"version":2,"probes":[]}`, "unknown": `{"version":1,"probes":[],"more":1}`,
		"urlless": `{"version":1,"probes":[{"at":"2026-01-02T03:04:05Z"}]}`, "timeless": `{"version":1,"probes":[{"url":"https://a"}]}`,
		"long": strings.Repeat(" ", maxKeptFile+1), "time": `{"version":1,"probes":[{"url":"https://a","at":"soon"}]}`,
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadKept(file); err == nil || got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("version", link); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{pipe, link, dir} {
		if _, err := ReadKept(file); err == nil {
			t.Errorf("%s was read", file)
		}
	}
	// Words that it does not know are not made better.
	file := filepath.Join(dir, "words")
	os.WriteFile(file, []byte(`{"version":1,"probes":[{"url":"https://a","at":"2026-01-02T03:04:05Z","outcome":"fine","effect":"loves","missAnswer":"","hitTypicalMicroseconds":-5,"missTypicalMicroseconds":9223372036854775807}]}`), 0o600)
	got, err := ReadKept(file)
	if err != nil || len(got) != 1 || got[0].Outcome != Unknown || got[0].Effect != EffectUnknown || got[0].Hit.Typical != 0 || got[0].Miss.Typical < 0 {
		t.Errorf("%+v %v", got, err)
	}
}
