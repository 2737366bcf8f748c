package main

import (
	"strings"
	"testing"
	"time"
)

// drawn is what a progressLine of a terminal writes, a frame at a time.
type drawn struct {
	*progressLine
	frames []string
	clock  time.Time
	cols   int
}

func newDrawn(cols int) *drawn {
	d := &drawn{clock: time.Unix(1000, 0), cols: cols}
	d.progressLine = &progressLine{w: d, width: func() int { return d.cols }, now: func() time.Time { return d.clock }}
	return d
}

func (d *drawn) Write(p []byte) (int, error) {
	d.frames = append(d.frames, string(p))
	return len(p), nil
}

func TestTheProgressOfBytesHasItsRateAndWhatIsLeft(t *testing.T) {
	d := newDrawn(100)
	d.bytes(0, 4_000_000_000)
	d.clock = d.clock.Add(2 * time.Second)
	d.bytes(1_000_000_000, 4_000_000_000)
	if want := "\r[#######                       ] 1.00 GB of 4.00 GB, 500 MB/s, 0:06 left"; len(d.frames) != 2 || d.frames[1] != want {
		t.Errorf("%q, want %q", d.frames, want)
	}
	d.clear()
	if d.frames[2] != "\r"+strings.Repeat(" ", len(d.frames[1])-1)+"\r" {
		t.Errorf("%q does not clear %q", d.frames[2], d.frames[1])
	}
}

func TestTheProgressStaysWithinTheTerminal(t *testing.T) {
	for cols := 1; cols < 130; cols++ {
		d := newDrawn(cols)
		for i := range 200 {
			d.clock = d.clock.Add(time.Second)
			if i == 100 {
				d.cols = max(cols/2, 1)
			}
			d.bytes(int64(i)*12_345_678, 200*12_345_678)
			d.show(i, 200)
		}
		for _, f := range d.frames {
			if width := len(f) - 1; f[0] != '\r' || width > max(cols-1, 0) || strings.ContainsAny(f[1:], "\r\n") {
				t.Fatalf("%d columns: %q", cols, f)
			}
		}
	}
}

func TestTheProgressIsDrawnTenTimesASecondAtMost(t *testing.T) {
	d := newDrawn(80)
	for i := range 100_000 {
		d.clock = d.clock.Add(20 * time.Microsecond)
		d.bytes(int64(i), 100_000)
		d.show(i, 100_000)
	}
	if n := len(d.frames); n < 10 || n > 21 {
		t.Errorf("%d frames in two seconds", n)
	}
}

func TestWithoutATerminalNothingIsDrawn(t *testing.T) {
	var b strings.Builder
	p := (&app{streams: streams{err: &b}}).progress()
	p.show(1, 2)
	p.bytes(1, 2)
	p.clear()
	if b.Len() > 0 {
		t.Errorf("%q", b.String())
	}
}

func TestBytesAndTimesAreShort(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.00 kB", 9_994: "9.99 kB", 9_996: "10.0 kB", 99_960: "100 kB", 999_499: "999 kB", 999_500: "1.00 MB", 1 << 62: "4.61 EB"} {
		if got := byteText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for s, want := range map[float64]string{-1: "0:00", 0.4: "0:00", 59.6: "1:00", 3599: "59:59", 3661: "1:01:01", 1e12: "days"} {
		if got := clockText(s); got != want {
			t.Errorf("%v: %s, want %s", s, got, want)
		}
	}
}
