package main

import (
	"fmt"
	"time"

	"github.com/nix-trust/nix-trust/trust/gate"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/tui/explain"
	"github.com/nix-trust/nix-trust/tui/safetext"
)

// mostShown is how many of a list that may be long are shown; JSON has all.
const mostShown = 10

// printGate prints how one gate does.
func (a *app) printGate(f foundGate) {
	s := a.style()
	name := "your gate"
	if f.place.System {
		name = "the machine's gate"
	}
	text := func(v string) string { return safetext.Text(v).String() }
	switch f.state {
	case gateStopped:
		a.print(paint(s, explain.Caution, "stopped")+"  "+name, "  "+text(f.text)+" It would serve on "+f.place.Address+".")
		if f.key == "" {
			a.print("  It has no key yet: `nix-trust setup` makes one.")
		} else {
			a.print("  key "+text(f.key), "  `nix-trust gate` starts it; `nix-trust gate install` has it started when it is asked.")
		}
		return
	case gateUnknown:
		a.print(paint(s, explain.Unsure, "unknown")+"  "+name, "  "+text(f.text))
		return
	}
	st := f.status
	role, word := explain.Good, "running"
	switch f.code() {
	case exitBad:
		role, word = explain.Danger, "ALARM"
	case exitFindings:
		role = explain.Caution
	}
	a.print(paint(s, role, word) + "  " + name + " on " + text(st.Address) + " since " + st.Started.Local().Format("2006-01-02 15:04:05"))
	a.print("  key " + text(st.PublicKey))
	a.print(fmt.Sprintf("  serves %s, to be asked as %s", count(st.Paths, "path", "paths"), f.place.URL(st.Epoch)))
	c := st.Served
	a.print(fmt.Sprintf("  served %s and %s (%s); %s of what is not pinned; %d refused", count(int(c.Infos), "narinfo", "narinfos"), count(int(c.Contents), "path", "paths"), sizeText(c.Bytes), count(int(c.Misses), "question", "questions"), c.Refused))

	a.gateList("grants", len(st.Grants), func(i int) string {
		g := st.Grants[i]
		line := paint(s, grantRole(g), text(g.State)) + "  " + text(g.Flake) + ", " + count(g.Paths, "path", "paths")
		if !g.Expires.IsZero() {
			line += ", expires " + g.Expires.UTC().Format(time.RFC3339)
		}
		return line
	})
	a.gateList("caches", len(st.Caches), func(i int) string { return cacheLine(st.Caches[i], time.Now()) })
	a.gateList("latest", len(st.Recent), func(i int) string {
		e := st.Recent[i]
		line := e.When.Local().Format("15:04:05") + "  " + text(e.Result) + "  " + text(e.Path) + ", " + sizeText(e.Bytes)
		if e.Cache != "" {
			line += " from " + safetext.URL(e.Cache).String()
		}
		return line
	})
	a.gateList("wrong bytes", len(st.Evidence), func(i int) string {
		e := st.Evidence[len(st.Evidence)-1-i]
		return paint(s, explain.Danger, e.When.Local().Format("2006-01-02 15:04:05")) + "  " + safetext.URL(e.Cache).String() + " had something else for " + text(string(e.Path)) + " than " + e.Pinned.String() + ": " + text(e.Got)
	})
	if len(st.Evidence) > 0 {
		a.print("  What came is noted in " + s.Path(f.place.EvidenceFile()).String() + ". None of it was passed on whole. `nix-trust challenge` asks others what the path is.")
	}
	a.gateList("conflicts", len(st.Conflicts), func(i int) string { return paint(s, explain.Danger, text(st.Conflicts[i])) })
	a.gateList("problems", len(st.Problems), func(i int) string { return paint(s, explain.Bad, text(st.Problems[i])) })
}

// gateList prints the first lines of a list under its title, and how many more
// there are.
func (a *app) gateList(title string, n int, line func(i int) string) {
	if n == 0 {
		return
	}
	a.print("  " + title + ":")
	for i := range min(n, mostShown) {
		a.print("    " + line(i))
	}
	if n > mostShown {
		a.print(fmt.Sprintf("    and %d more, which --json has", n-mostShown))
	}
}

func grantRole(g gate.GrantStatus) explain.Role {
	if g.State == grants.Active.String() {
		return explain.Good
	}
	return explain.Caution
}

// cacheLine is how one cache behind the gate does.
func cacheLine(c gate.CacheStatus, now time.Time) string {
	line := safetext.URL(c.URL).String()
	if c.Delivered+c.Absent+c.Failed+c.Wrong == 0 {
		return line + ", not asked yet"
	}
	line += fmt.Sprintf(", %d delivered (%s), %d absent, %d without an answer, %d wrong", c.Delivered, sizeText(c.Bytes), c.Absent, c.Failed, c.Wrong)
	if c.Begins > 0 {
		line += ", begins after " + c.Begins.Round(time.Millisecond).String()
	}
	if c.Until.After(now) {
		line += ", not asked before " + c.Until.Local().Format("15:04:05")
	}
	return line
}

// sizeText is a number of bytes for a person.
func sizeText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	v, u := float64(n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return count(int(n), "byte", "bytes")
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}
