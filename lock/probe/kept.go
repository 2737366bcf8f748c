package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds on what is kept.
const (
	maxKeptFile = 1 << 20
	maxKept     = 200 // caches
	maxKeptText = 1000
)

// A kept result is what stays of one. Paths do not: a file that lists them would
// say what the user runs.
type kept struct {
	URL         string    `json:"url"`
	At          time.Time `json:"at"`
	Outcome     string    `json:"outcome"`
	Effect      string    `json:"effect"`
	Text        string    `json:"text"`
	Priority    int       `json:"priority"`
	HitFirst    int64     `json:"hitFirstMicroseconds"`
	HitTypical  int64     `json:"hitTypicalMicroseconds"`
	HitTimes    int       `json:"hitTimes"`
	MissAnswer  string    `json:"missAnswer"`
	MissTypical int64     `json:"missTypicalMicroseconds"`
}

type keptFile struct {
	Version int    `json:"version"`
	Probes  []kept `json:"probes"`
}

// ReadKept reads results that WriteKept wrote, by URL. There are none without a
// file. A file that is anything else than what WriteKept writes, or somebody
// else's, is an error.
func ReadKept(file string) ([]Result, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st unix.Stat_t
	switch err := unix.Fstat(int(f.Fd()), &st); {
	case err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, fmt.Errorf("%s is not a regular file", file)
	case int(st.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%s belongs to somebody else", file)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeptFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeptFile {
		return nil, fmt.Errorf("%s is longer than %d bytes", file, maxKeptFile)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var all keptFile
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s does not read: %w", file, err)
	}
	if all.Version != 1 {
		return nil, fmt.Errorf("%s has version %d, and this program reads 1", file, all.Version)
	}
	var out []Result
	for _, k := range all.Probes {
		if k.URL == "" || k.At.IsZero() || len(out) == maxKept {
			return nil, fmt.Errorf("%s has an entry without a URL or a time, or more than %d", file, maxKept)
		}
		out = append(out, k.result())
	}
	return out, nil
}

func (k kept) result() Result {
	micro := func(n int64) time.Duration { return time.Duration(min(max(n, 0), 1<<40)) * time.Microsecond }
	return Result{
		URL: k.URL, At: k.At, Outcome: ParseOutcome(k.Outcome), Effect: ParseEffect(k.Effect), Text: k.Text, Priority: k.Priority,
		Hit:       Latency{micro(k.HitFirst), micro(k.HitTypical), k.HitTimes},
		Miss:      Miss{Answer: ParseMissAnswer(k.MissAnswer), Typical: micro(k.MissTypical)},
		Encrypted: strings.HasPrefix(k.URL, "https://"),
	}
}

// WriteKept puts results in the place of a file, whole or not at all: those of
// old, and of the same URL the one in fresh. The newest stay when there are too
// many. Nobody else may read it, as it says which caches are used. Of two that
// write at once, one is lost.
func WriteKept(file string, old, fresh []Result) error {
	var all keptFile
	all.Version = 1
	seen := map[string]bool{}
	both := slices.Concat(fresh, old)
	slices.SortStableFunc(both[:len(fresh)], func(a, b Result) int { return b.At.Compare(a.At) })
	slices.SortStableFunc(both[len(fresh):], func(a, b Result) int { return b.At.Compare(a.At) })
	for _, r := range both {
		if seen[r.URL] || r.URL == "" || r.At.IsZero() || len(all.Probes) == maxKept {
			continue
		}
		seen[r.URL] = true
		all.Probes = append(all.Probes, kept{
			URL: r.URL, At: r.At.UTC().Truncate(time.Second), Outcome: r.Outcome.String(), Effect: r.Effect.String(),
			Text: r.Text[:min(len(r.Text), maxKeptText)], Priority: r.Priority,
			HitFirst: r.Hit.First.Microseconds(), HitTypical: r.Hit.Typical.Microseconds(), HitTimes: r.Hit.Times,
			MissAnswer: r.Miss.Answer.String(), MissTypical: r.Miss.Typical.Microseconds(),
		})
	}
	slices.SortFunc(all.Probes, func(a, b kept) int { return strings.Compare(a.URL, b.URL) })
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if len(data) >= maxKeptFile {
		return fmt.Errorf("the results would take more than %d bytes", maxKeptFile)
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, "."+filepath.Base(file)+"-") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	// It is not waited for until it is on the disk: what a crash leaves does not
	// read at worst, and the next probe makes it anew.
	_, err = temp.Write(append(data, '\n'))
	if end := temp.Close(); err == nil {
		err = end
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}
