package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// getentTime is how long the system's own user database may take when its
// files do not have the user.
const getentTime = 500 * time.Millisecond

// noID is the id of nobody: no user and no group has it.
const noID = ^uint32(0)

// person is the user looked at, with what the rest of the look needs to know.
type person struct {
	trust.User
	id identity
	// passwdHome is the home folder of the user database, "" when it has none.
	passwdHome string
	// homeUnknown says that neither the user database nor the environment, which
	// is not seen, tells where the home folder is.
	homeUnknown bool
	// self says that the user looked at is the one this process runs as, so that
	// a daemon which answers this process answers for the user.
	self bool
}

// lookUser finds out who is looked at: the named user, or the process's own.
func (l *look) lookUser() {
	m := l.m
	if m.user != nil {
		l.user = person{User: *m.user, id: *m.who, passwdHome: m.user.Home, self: true}
		return
	}
	l.readAccounts()
	p := &l.user
	switch {
	case l.o.User != "":
		acc, ok := l.accounts.byName(l.o.User)
		if !ok {
			acc, ok = l.getentUser(l.o.User)
		}
		if !ok {
			l.note("/etc/passwd", fmt.Sprintf("%s has no user %q, so nothing that depends on the user is known.", cmp.Or(l.o.Root, "This machine"), l.o.User))
			p.Name, p.UID, p.id, p.homeUnknown = l.o.User, noID, identity{uid: noID, gid: noID}, true
			return
		}
		p.id = identity{uid: acc.uid, gid: acc.gid}
		own := m.who
		p.self = own != nil && own.uid == acc.uid && own.gid == acc.gid
		if p.self {
			p.id.groups = own.groups
		}
	case m.who != nil:
		p.id, p.self = *m.who, true
	}
	p.UID = p.id.uid
	acc, ok := l.accounts.byUID(p.UID)
	if !ok {
		acc, ok = l.getentUser(strconv.FormatUint(uint64(p.UID), 10))
		ok = ok && acc.uid == p.UID
	}
	if ok {
		p.Name, p.passwdHome = acc.name, acc.home
	} else {
		p.Name = strconv.FormatUint(uint64(p.UID), 10)
	}
	p.homeUnknown = p.passwdHome == "" && (m.env == nil || !p.self)
	if p.homeUnknown {
		l.note("/etc/passwd", "It has no home folder for user "+p.Name+", so what that user's own files say is not known. Say whose view to take with --user.")
	}
	p.Group = l.accounts.groupName(p.id.gid)
	p.MemberOf = l.accounts.memberOf(p.Name)
	for _, gid := range p.id.groups {
		g := l.accounts.groupName(gid)
		if g != p.Group && !slices.Contains(p.MemberOf, g) && !slices.Contains(p.Supplementary, g) {
			p.Supplementary = append(p.Supplementary, g)
		}
	}
}

func (l *look) readAccounts() {
	data, err := l.m.files.ReadFile("/etc/passwd")
	if err != nil {
		l.noteErr("/etc/passwd", err, "user names are not known")
	}
	l.accounts.users = parsePasswd(data)
	data, err = l.m.files.ReadFile("/etc/group")
	if err != nil {
		l.noteErr("/etc/group", err, "group names and members are not known")
	}
	l.accounts.groups = parseGroup(data)
}

// getentUser asks the system's user database (LDAP, systemd-homed, macOS) for
// an account that is not in the file.
func (l *look) getentUser(key string) (account, bool) {
	if l.m.run == nil {
		return account{}, false
	}
	ctx, cancel := context.WithTimeout(l.ctx, getentTime)
	defer cancel()
	out, err := l.m.run(ctx, "getent", "passwd", key)
	if err != nil {
		return account{}, false
	}
	found := parsePasswd(out)
	if len(found) == 0 {
		return account{}, false
	}
	// Its groups are not in the file either. The list that matters to the daemon
	// is the group's own, so each group of the process is asked for by its id.
	for _, gid := range l.m.who.groups {
		if l.accounts.groupName(gid) != strconv.FormatUint(uint64(gid), 10) {
			continue
		}
		if out, err := l.m.run(ctx, "getent", "group", strconv.FormatUint(uint64(gid), 10)); err == nil {
			l.accounts.groups = append(l.accounts.groups, parseGroup(out)...)
		}
	}
	return found[0], true
}

// home returns the folder that Nix takes for the user's home, "" when Nix finds
// none. From 2.10 on $HOME only counts when nothing is there or the user owns it.
// Nix: src/libutil/unix/users.cc, getHome (src/libutil/util.cc before 2.19).
func (l *look) home(v nixconf.Version) string {
	env, set := l.lookup("HOME")
	if !set {
		return l.user.passwdHome
	}
	if !v.AtLeast(2, 10) {
		return env
	}
	if env == "" {
		return env
	}
	info, err := l.m.files.Stat(env)
	switch {
	case err == nil:
		if uid, known := owner(info); known && uid != l.user.UID {
			return l.user.passwdHome
		}
		return env
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR) && v.AtLeast(2, 34):
		return env
	}
	return l.user.passwdHome
}

// owner returns the owner of a file, where the file system has owners.
func owner(info fs.FileInfo) (uid uint32, known bool) {
	uid, _, known = owners(info)
	return uid, known
}

func owners(info fs.FileInfo) (uid, gid uint32, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return st.Uid, st.Gid, true
}
