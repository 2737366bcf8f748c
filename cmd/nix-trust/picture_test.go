package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/nix-trust/nix-trust/tui"
	"github.com/nix-trust/nix-trust/tui/svg"
)

var redraw = flag.Bool("update", false, "draw the picture of the README anew")

// The picture of the README is the first screen of the demo, drawn by the program
// itself: `go test ./cmd/nix-trust -run TestPicture -update` draws it.
func TestPictureOfTheReadmeIsWhatTheDemoShows(t *testing.T) {
	const file = "../../docs/screenshot.svg"
	a, _ := demoApp(t)
	frame, err := tui.Frame(t.Context(), tui.Options{Backend: a, Demo: true}, 118, 41)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.endDemo(); err != nil {
		t.Fatal(err)
	}
	var picture strings.Builder
	if err := svg.Render(&picture, "nix-trust demo", frame, svg.Dark()); err != nil {
		t.Fatal(err)
	}
	if *redraw {
		if err := os.WriteFile(file, []byte(picture.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if content(t, file) != picture.String() {
		t.Error("docs/screenshot.svg is not what the demo shows: draw it with -update, and look at it")
	}
}
