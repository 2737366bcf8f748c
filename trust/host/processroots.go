package host

import (
	"errors"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/nix-trust/nix-trust/trust/audit"
)

// maxProcesses and maxOpen bound what is looked at of processes.
const (
	maxProcesses = 100_000
	maxOpen      = 100_000 // files that one has open
)

// procMounted reports whether /proc has processes.
func (r *rootFinder) procMounted() bool {
	there, err := r.m.files.Exists("/proc/self/exe")
	return there && err == nil
}

// processes takes the store paths that running processes use: their programs,
// folders, open files, libraries, and what their variables name.
func (r *rootFinder) processes() {
	entries, err := r.m.files.ReadDir("/proc", maxProcesses)
	if err != nil {
		r.unseen("What running processes use is not known (%s).", plain(err))
		return
	}
	closed, all := 0, r.m.who.uid == 0
	for _, e := range entries {
		all = all || e.Name() == "1" // there always is one

		if r.ctx.Err() != nil {
			return
		}
		if _, err := strconv.ParseUint(e.Name(), 10, 31); err == nil && !r.process(e.Name()) {
			closed++
		}
	}
	if !all {
		r.unseen("What other users' processes use is not known, as /proc does not show them here.")
	}
	// What root may not look at, Nix does not see either, and does not keep.
	if closed > 0 && r.m.who.uid != 0 {
		r.unseen("What %d processes use is not this user's to look at.", closed)
	}
	for _, file := range []string{"modprobe", "fbsplash", "poweroff_cmd"} {
		if data, err := r.m.files.ReadFile("/proc/sys/kernel/" + file); err == nil {
			r.add(audit.RootProcess, "/proc/sys/kernel/"+file, strings.TrimSpace(string(data)))
		}
	}
}

// process looks at one process, and reports whether all of it could be seen. One
// that has ended meanwhile uses nothing.
func (r *rootFinder) process(pid string) bool {
	dir, seen := "/proc/"+pid, true
	used := map[string]bool{}
	failed := func(err error) bool {
		if err != nil && !gone(err) {
			seen = false
		}
		return err != nil
	}
	link := func(at string) {
		if target, err := r.m.files.ReadLink(at); !failed(err) {
			used[target] = true
		}
	}
	link(dir + "/exe")
	link(dir + "/cwd")
	open, err := r.m.files.ReadDir(dir+"/fd", maxOpen)
	failed(err)
	for _, e := range open {
		link(path.Join(dir, "fd", e.Name()))
	}
	if data, err := r.m.files.ReadFile(dir + "/maps"); !failed(err) {
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) == 6 {
				used[f[5]] = true
			}
		}
	}
	if data, err := r.m.files.ReadFile(dir + "/environ"); !failed(err) {
		for text := string(data); ; {
			at := strings.Index(text, r.store+"/")
			if at < 0 {
				break
			}
			end := at + len(r.store) + 1
			for end < len(text) && inPathName(text[end]) {
				end++
			}
			used[text[at:end]] = true
			text = text[end:]
		}
	}
	kept := map[string]bool{}
	for target := range used {
		if rest, ok := strings.CutPrefix(target, r.store+"/"); ok {
			base, _, _ := strings.Cut(rest, "/")
			kept[base] = true
		}
	}
	for base := range kept {
		r.add(audit.RootProcess, "process "+pid, r.store+"/"+base)
	}
	return seen
}

func inPathName(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("+-._?=", c) >= 0
}

// gone reports whether a process has ended, or is the kernel's own and has no
// program.
func gone(err error) bool { return isMissing(err) || errors.Is(err, syscall.ESRCH) }
