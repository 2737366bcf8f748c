package host

import (
	"bytes"
	"strconv"
	"strings"
)

// account is one line of a passwd file.
type account struct {
	name     string
	uid, gid uint32
	home     string
}

// group is one line of a group file.
type group struct {
	name    string
	gid     uint32
	members []string
}

// parsePasswd reads a passwd file. Lines that are not accounts are passed over,
// as getpwuid does: comments, too few fields, an id that is no 32-bit number,
// and the + and - lines of NIS.
func parsePasswd(data []byte) []account {
	var accounts []account
	for line := range bytes.Lines(data) {
		f := strings.Split(strings.TrimSuffix(string(line), "\n"), ":")
		if len(f) < 6 || notEntry(f[0]) {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(f[3], 10, 32)
		if err != nil {
			continue
		}
		accounts = append(accounts, account{f[0], uint32(uid), uint32(gid), f[5]})
	}
	return accounts
}

// parseGroup reads a group file by the same rules.
func parseGroup(data []byte) []group {
	var groups []group
	for line := range bytes.Lines(data) {
		f := strings.Split(strings.TrimSuffix(string(line), "\n"), ":")
		if len(f) < 3 || notEntry(f[0]) {
			continue
		}
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		g := group{name: f[0], gid: uint32(gid)}
		if len(f) > 3 {
			for m := range strings.SplitSeq(f[3], ",") {
				if m = strings.TrimSpace(m); m != "" {
					g.members = append(g.members, m)
				}
			}
		}
		groups = append(groups, g)
	}
	return groups
}

func notEntry(name string) bool {
	return name == "" || strings.ContainsAny(name[:1], "#+- \t")
}

// accounts is the user and group database of a machine, as far as its files
// have it. The first entry of a name or an id counts, as in the C library.
type accounts struct {
	users  []account
	groups []group
}

func (a *accounts) byUID(uid uint32) (account, bool) {
	for _, u := range a.users {
		if u.uid == uid {
			return u, true
		}
	}
	return account{}, false
}

func (a *accounts) byName(name string) (account, bool) {
	for _, u := range a.users {
		if u.name == name {
			return u, true
		}
	}
	return account{}, false
}

// groupName is the group's name, or its decimal id when it has none.
func (a *accounts) groupName(gid uint32) string {
	for _, g := range a.groups {
		if g.gid == gid {
			return g.name
		}
	}
	return strconv.FormatUint(uint64(gid), 10)
}

// groupID is a group's id by its name.
func (a *accounts) groupID(name string) (gid uint32, ok bool) {
	for _, g := range a.groups {
		if g.name == name {
			return g.gid, true
		}
	}
	return 0, false
}

// memberOf has the groups whose own entry lists the user. The daemon looks at
// the first entry of each name only.
// Nix: src/nix/unix/daemon.cc, matchUser.
func (a *accounts) memberOf(user string) []string {
	var names []string
	seen := map[string]bool{}
	for _, g := range a.groups {
		if seen[g.name] {
			continue
		}
		seen[g.name] = true
		for _, m := range g.members {
			if m == user {
				names = append(names, g.name)
				break
			}
		}
	}
	return names
}
