package gateprocess

import (
	"io"
	"log/slog"

	"github.com/nix-trust/nix-trust/tui/safetext"
)

// Log is the log of a gate: "text" or "json" lines. Names and texts of
// caches, flakes and files are made safe to show in it. What is only of use for
// finding a fault, such as which paths were asked for and are not pinned, is in
// it when verbose.
func Log(out io.Writer, format string, verbose bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, at slog.Attr) slog.Attr {
		switch at.Value.Kind() {
		case slog.KindString:
			return slog.String(at.Key, safetext.Text(at.Value.String()).String())
		case slog.KindAny:
			switch v := at.Value.Any().(type) {
			case error:
				return slog.String(at.Key, safetext.Text(v.Error()).String())
			case interface{ String() string }:
				return slog.String(at.Key, safetext.Text(v.String()).String())
			}
		}
		return at
	}}
	if verbose {
		o.Level = slog.LevelDebug
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(out, o))
	}
	return slog.New(slog.NewTextHandler(out, o))
}
