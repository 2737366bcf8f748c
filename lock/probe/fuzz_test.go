package probe

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Whatever lies in the file, reading it ends, and what is read can be written
// and read again.
func FuzzKeptFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"probes":[{"url":"https://a","at":"2026-01-02T03:04:05Z","outcome":"reachable","effect":"asks","hitTypicalMicroseconds":-1}]}`))
	f.Add([]byte("{"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(dir, "probes.json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadKept(file)
		if err != nil || len(got) == 0 {
			if len(got) > 0 {
				t.Fatal("an error and results")
			}
			return
		}
		Order(got)
		if err := WriteKept(file, got, []Result{{URL: "https://fresh.example", At: time.Unix(1, 0)}}); err != nil {
			t.Skip(err) // a time that JSON does not have
		}
		if _, err := ReadKept(file); err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
	})
}
