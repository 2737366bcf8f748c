// Package page writes what the screens show as one page, to be attached to a
// ticket: as HTML that needs nothing besides itself and runs no script, and as
// Markdown that fits a comment. Both are written from the same document, so that
// one tells what the other does.
//
// Outside text goes through safetext before it is put into a document, so that
// nothing in it is hidden or secret; what is a meaning of its own in HTML or
// Markdown is taken from it when the document is written.
package page

import (
	"bytes"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/lock/probe"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/audit"
	"github.com/nix-trust/nix-trust/tui/explain"
)

// Shown is what a page tells of.
type Shown struct {
	Report *trust.Report
	Flake  int    // the index of the only flake that is told of; -1 for all
	Demo   bool   // the host is made up
	Root   string // the root folder of the system that was looked at; "" for this machine's
	// Seen is when another machine was looked at, where Root is a bundle of what
	// was seen there; zero otherwise.
	Seen  time.Time
	Home  string // shown as ~; "" for never
	ASCII bool   // the page has no other character

	Store  *Store  // nil: it was left out
	Probes *Probes // nil: they were not looked for
}

// Store is what vouches for the paths of the local store.
type Store struct {
	Audit  *audit.Report // nil when it is not known
	Err    string        // why it is not
	Doubts []string      // why what decides may be otherwise, in sentences
}

// Probes are what earlier probes of caches found.
type Probes struct {
	Kept   []probe.Result
	AtOnce int    // how many narinfos this user's builds ask for at a time
	Err    string // why more may have been found, "" for no reason
}

// How a page begins, by which one that was written earlier is recognised.
const (
	htmlMark     = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"nix-trust report\">"
	markdownMark = "<!-- nix-trust report -->"
)

// Ours reports whether a file that begins so is a page that was written earlier.
func Ours(file []byte) bool {
	return bytes.HasPrefix(file, []byte(htmlMark)) || bytes.HasPrefix(file, []byte(markdownMark))
}

// commentLimit is how many characters a comment may have: GitHub takes 65536, and
// GitLab more.
const commentLimit = 65000

// limits bound a document.
type limits struct {
	rows int // of a table or list
	text int // bytes of an outside text
}

// wholePage is more than a machine has.
var wholePage = limits{rows: 5000, text: 4000}

// HTML writes a page.
func HTML(s Shown) ([]byte, error) {
	text, err := writeHTML(newDocument(s, wholePage))
	if err == nil && s.ASCII {
		text = []byte(explain.ToASCII(string(text)))
	}
	return text, err
}

// Markdown writes a page that fits a comment. Where not all fits, fewer rows of
// each table are written, and what is left out is counted.
func Markdown(s Shown) string {
	var text string
	for _, l := range []limits{wholePage, {200, 1000}, {60, 500}, {20, 300}, {8, 200}, {4, 120}, {2, 80}} {
		if text = writeMarkdown(newDocument(s, l)); s.ASCII {
			text = explain.ToASCII(text)
		}
		if len(text) <= commentLimit {
			return text
		}
	}
	// Names that are long on purpose: what comes first says most.
	text = text[:commentLimit-len(cutShort)]
	return text[:strings.LastIndex(text, "\n\n")+1] + cutShort
}

const cutShort = "\n**The rest does not fit here; the HTML page has it.**\n"
