package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/grants"
	"github.com/nix-trust/nix-trust/trust/host"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/trust/operation"
)

// An administrator carries out operations on one machine.
type administrator struct {
	// system reads the machine anew.
	system  func(context.Context) (operation.System, error)
	journal ledger.Journal
	mayNot  string // why nothing may be written, "" when it may
	// callers are the users whose file of operations is taken.
	callers []uint32
}

// The machine's own places. Root's variables may be those of the user who called
// sudo, so that none of them counts.
const systemConf = "/etc/nix/nix.conf"

// administrator is that of this machine. Whose file is taken is all that a
// variable says: SUDO_UID.
func (a *app) administrator() (administrator, error) {
	if _, err := a.journal(); err != nil {
		return administrator{}, err // the demo, or --root
	}
	if a.user != "" {
		return administrator{}, usage("apply changes the whole machine, whoever calls it", "leave out --user")
	}
	adm := administrator{
		journal: ledger.Journal{Dir: systemState, Shared: true},
		callers: []uint32{0, uint32(os.Geteuid())},
		system:  thisSystem,
	}
	if uid, err := strconv.ParseUint(os.Getenv("SUDO_UID"), 10, 32); err == nil {
		adm.callers = append(adm.callers, uint32(uid))
	}
	if os.Geteuid() != 0 {
		adm.mayNot = "it changes files of the whole machine, which only root may"
	}
	return adm, nil
}

// thisSystem reads this machine.
func thisSystem(ctx context.Context) (operation.System, error) {
	m := host.Real("").Bare()
	f := host.Look(ctx, m, host.Options{User: "root"})
	if ctx.Err() != nil {
		return operation.System{}, ctx.Err()
	}
	r := trust.Decide(f)
	s := operation.System{
		Conf: systemConf, Home: f.User.Home, Version: f.Daemon.Version, Platform: f.Platform, Files: host.Under("/"), Read: ledger.Read,
		Owned: m.Owned, Now: time.Now(), Report: r, Answers: trust.AnswersSource{Path: f.Answers.Path, Version: f.Nix.Version},
		Grants: grants.Source{Path: systemGrants + "/grants.toml", Shared: true},
	}
	if s.Version == (nixconf.Version{}) {
		s.Version = f.Nix.Version
	}
	if s.Version == (nixconf.Version{}) {
		s.Version = nixconf.Version{Major: 2, Minor: 34}
	}
	if s.Home == "" || s.Answers.Path == "" {
		return s, &problem{code: exitUnknown, text: "where root's own files are is not known", hints: []string{"look whether /etc/passwd has root"}}
	}
	var err error
	if s.Answers.State, err = ledger.Read(s.Answers.Path); err == nil {
		s.Grants.State, err = ledger.Read(s.Grants.Path)
	}
	return s, changeProblem(err)
}

// readOperations reads a file of operations, once, so that nothing that becomes
// of the file later counts. No link is followed to it and no pipe waited for.
func readOperations(path string, callers []uint32) ([]operation.Operation, error) {
	refused := func(why, hint string) error {
		return &problem{code: exitFindings, text: fmt.Sprintf("%s is not read: %s", path, why), hints: []string{hint}}
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err == syscall.ELOOP || err == syscall.EMLINK {
		return nil, refused("it is a link", "name the file itself")
	}
	if err != nil {
		return nil, &problem{code: exitUnknown, text: fmt.Sprintf("%s could not be read: %v", path, err), hints: []string{"`nix-trust propose` writes such a file"}}
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, &problem{code: exitUnknown, text: fmt.Sprintf("%s could not be read: %v", path, cause(err))}
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return nil, refused("it is no regular file", "`nix-trust propose` writes such a file")
	case info.Size() > operation.MaxBytes:
		return nil, refused(fmt.Sprintf("it is larger than %d KiB", operation.MaxBytes>>10), "`nix-trust propose` writes such a file")
	case !known || !slices.Contains(callers, owner.Uid):
		return nil, refused("it belongs to neither root nor the user who called sudo", "read it, and take a copy of your own")
	case info.Mode().Perm()&0o022 != 0:
		return nil, refused("others may write it", "read it, and chmod go-w it")
	}
	data, err := io.ReadAll(io.LimitReader(f, operation.MaxBytes+1))
	if err != nil {
		return nil, &problem{code: exitUnknown, text: fmt.Sprintf("%s could not be read: %v", path, cause(err))}
	}
	ops, err := operation.Parse(path, data)
	if err != nil {
		return nil, &problem{code: exitFindings, text: err.Error(), hints: []string{"nothing in the file counts; `nix-trust propose` writes one that can be read"}}
	}
	return ops, nil
}
