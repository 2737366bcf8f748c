package svg

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func render(t *testing.T, frame string) string {
	t.Helper()
	var b strings.Builder
	if err := Render(&b, "a < b & c", frame, Dark()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPictureKeepsTextColoursAndAttributes(t *testing.T) {
	p := Dark()
	out := render(t, "plain \x1b[1;31mred & bold\x1b[m \x1b[2mfaint\x1b[22m \x1b[7mback\x1b[27m \x1b[38;5;46mindexed\x1b[38;2;1;2;3mdirect\x1b[39m\n╭─┓ \x1b]0;title\x07漢")
	for _, want := range []string{
		">plain<", `fill="` + p.Sixteen[1] + `" font-weight="bold">red &amp; bold<`, `opacity="0.6">faint<`, `fill="` + p.Back + `">back<`,
		`fill="#00ff00">indexed<`, `fill="#010203">direct<`, "<title>a &lt; b &amp; c</title>", "<path d=", ">漢<",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if out != render(t, "plain \x1b[1;31mred & bold\x1b[m \x1b[2mfaint\x1b[22m \x1b[7mback\x1b[27m \x1b[38;5;46mindexed\x1b[38;2;1;2;3mdirect\x1b[39m\n╭─┓ \x1b]0;title\x07漢") {
		t.Error("the same frame gave another picture")
	}
}

func TestEachPieceOfARunIsInItsCell(t *testing.T) {
	got := pieces("  ▸ ✗ a b  c…漢d\xff e ")
	want := []piece{{2, "▸"}, {4, "✗"}, {6, "a b"}, {11, "c"}, {12, "…"}, {13, "漢"}, {15, "d"}, {16, "\xff"}, {18, "e"}}
	if !slices.Equal(got, want) {
		t.Errorf("the pieces are %v, want %v", got, want)
	}
}

func TestColourLastsOverTheEndOfALine(t *testing.T) {
	if out := render(t, "\x1b[32mone\ntwo"); strings.Count(out, `fill="`+Dark().Sixteen[2]+`">`) != 2 {
		t.Errorf("the second line has another colour:\n%s", out)
	}
}

func FuzzPictureIsXML(f *testing.F) {
	f.Add("a\x1b[31mb\x1b[")
	f.Add("\x1b[38;5m\x1b[38;5;999mx\x1b[48;2;1mz\x1b\x1b[1")
	f.Add("</svg>\x00\xff\u202e&")
	f.Fuzz(func(t *testing.T, frame string) {
		d := xml.NewDecoder(strings.NewReader(render(t, frame)))
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("%q gives a picture that is no XML: %v", frame, err)
			}
		}
	})
}
