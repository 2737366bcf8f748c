// Screenshot writes the picture of the README: the first screen of the demo,
// drawn by the program itself.
//
//	go run ./tui/screenshot > docs/screenshot.svg
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/host/demo"
	"github.com/nix-trust/nix-trust/tui"
	"github.com/nix-trust/nix-trust/tui/svg"
)

// madeUp is the demo's host.
type madeUp struct{}

func (madeUp) Snapshot(ctx context.Context) (*trust.Report, error) {
	m, o := demo.Machine()
	return trust.Decide(host.Look(ctx, m, o)), ctx.Err()
}

func main() {
	width := flag.Int("width", 118, "columns")
	height := flag.Int("height", 41, "lines")
	keys := flag.String("keys", "", "keys to press first, separated by commas")
	light := flag.Bool("light", false, "dark text on white")
	flag.Parse()
	if err := write(os.Stdout, *width, *height, *keys, *light); err != nil {
		fmt.Fprintln(os.Stderr, "screenshot:", err)
		os.Exit(1)
	}
}

// write draws one screen of the demo.
func write(out io.Writer, w, h int, keys string, light bool) error {
	var press []string
	if keys != "" {
		press = strings.Split(keys, ",")
	}
	frame, err := tui.Frame(context.Background(), tui.Options{Backend: madeUp{}, Demo: true}, w, h, press...)
	if err != nil {
		return err
	}
	p := svg.Dark()
	if light {
		p = svg.Light()
	}
	return svg.Render(out, "nix-trust demo", frame, p)
}
