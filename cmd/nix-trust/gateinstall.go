package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust"
	"github.com/nix-trust/nix-trust/trust/gateplace"
	"github.com/nix-trust/nix-trust/trust/guard"
	"github.com/nix-trust/nix-trust/trust/ledger"
	"github.com/nix-trust/nix-trust/trust/service"
)

// installFlags are the flags of gate install and uninstall.
type installFlags struct {
	consentFlags
	address string
	program string
	manager string
}

func (a *app) gateInstallCommand() *cobra.Command {
	var f installFlags
	c := &cobra.Command{
		Use:   "install",
		Short: "Have the gate run when Nix asks it: units for systemd, a list for launchd",
		Long: `install writes what the service manager needs to run the gate: as root the
machine's, as a user of its own with few rights; otherwise yours. On NixOS and
nix-darwin the lines for the configuration are printed instead. Nothing is started:
the commands for that are printed.

` + askHelp + `

Exit code: 0 when it was done or is so already; 1 refused; 2 a wrong use; 3 a file
could not be read or written.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.gateInstall(cmd.Context(), f, true) },
	}
	f.consentFlags.add(c)
	c.Flags().StringVar(&f.address, "listen", "", "have it serve on `ADDR` of the loopback interface (default "+gateplace.Address+")")
	c.Flags().StringVar(&f.program, "program", "", "have `FILE` run (default: this program)")
	c.Flags().StringVar(&f.manager, "manager", "", "write for `NAME`: systemd, launchd, nixos or nix-darwin (default: this machine's)")
	return c
}

func (a *app) gateUninstallCommand() *cobra.Command {
	var f installFlags
	c := &cobra.Command{
		Use:   "uninstall",
		Short: "Take away what gate install wrote",
		Long: `uninstall removes the files that install wrote, unless they were changed since, and
says what stays: the key, the grants, and what the daemon believes.

` + askHelp + `

Exit code: 0 when it was done or is so already; 1 refused; 2 a wrong use; 3 a file
could not be read or written.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.gateInstall(cmd.Context(), f, false) },
	}
	f.consentFlags.add(c)
	c.Flags().StringVar(&f.manager, "manager", "", "take away what was written for `NAME` (default: this machine's)")
	return c
}

// gateInstall plans and carries out an installation or removal.
func (a *app) gateInstall(ctx context.Context, f installFlags, install bool) error {
	j, err := a.journal(storeDir())
	if err != nil {
		return err
	}
	if a.user != "" {
		return usage("a gate is installed as the user who runs it", "leave out --user, and run the command as that user")
	}
	s, notes, err := a.service(ctx, f)
	if err != nil {
		return err
	}
	plan := service.PlanUninstall
	if install {
		plan = service.PlanInstall
		var about []string
		if s.Program, about, err = gateProgram(f.program, s.System); err != nil {
			return err
		}
		notes = append(notes, about...)
	}
	p, err := plan(s, a.read)
	var fault *ledger.Error
	switch {
	case errors.As(err, &fault):
		return changeProblem(err)
	case err != nil:
		return &problem{code: exitFindings, text: err.Error()}
	}
	if install && (!p.Empty() || len(s.Files()) == 0) {
		p.Notes = append(p.Notes, notes...)
	}
	return a.carryOut(ctx, j, p, f.consentFlags)
}

// service is the gate as this machine's service manager is to run it, without the
// program yet, and what a person should know of it.
func (a *app) service(ctx context.Context, f installFlags) (s service.Service, notes []string, err error) {
	place, err := a.gatePlace(f.address)
	if err != nil {
		return s, nil, err
	}
	s = service.Service{System: place.System, Address: place.Address, Dir: place.Dir}
	if !s.System {
		if s.Home = os.Getenv("HOME"); !filepath.IsAbs(s.Home) {
			return s, nil, &problem{code: exitUnknown, text: "there is no folder for the units: HOME names none", hints: []string{"set HOME to your home folder"}}
		}
		s.Home = filepath.Clean(s.Home)
		for _, name := range []string{"NIX_TRUST_STATE_DIR", "NIX_TRUST_CONFIG_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
			if os.Getenv(name) != "" {
				notes = append(notes, name+" is set here, and may not be where the gate is started. It then looks elsewhere for its key and grants.")
			}
		}
	}
	s.Manager, err = a.manager(ctx, f.manager, s.System)
	return s, notes, err
}

// manager is what runs services here.
func (a *app) manager(ctx context.Context, named string, system bool) (service.Manager, error) {
	known := []service.Manager{service.Systemd, service.Launchd, service.NixOS, service.NixDarwin}
	if named != "" {
		if m := service.Manager(named); slices.Contains(known, m) {
			return m, nil
		}
		return "", usage(strconv.Quote(named)+" is no service manager that is known here", "systemd, launchd, nixos and nix-darwin are")
	}
	r, err := a.report(ctx, "")
	if err != nil {
		return "", err
	}
	switch {
	case r.Platform.OS == trust.PlatformNixDarwin:
		return service.NixDarwin, nil
	case r.Platform.OS == trust.PlatformNixOS && system:
		return service.NixOS, nil
	case strings.HasSuffix(r.Platform.System, "-darwin"):
		return service.Launchd, nil
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return "", &problem{code: exitFindings, text: "this machine has neither systemd nor launchd", hints: []string{
			"have your own service manager run `nix-trust gate`, or `nix-trust gate --system` as the user " + gateplace.MachineUser, "--manager systemd writes its units all the same"}}
	}
	return service.Systemd, nil
}

// gateProgram is the program that is to run, and what is to be said about where
// it lies. The machine's gate has a key that everybody's daemon believes: nobody
// but root may be able to put another program in its place.
func gateProgram(named string, system bool) (path string, notes []string, err error) {
	if named == "" {
		if named, err = thisProgram(); err != nil {
			return "", nil, &problem{code: exitUnknown, text: "where this program lies is not known: " + err.Error(), hints: []string{"name it with --program FILE"}}
		}
	}
	if path, err = filepath.Abs(named); err != nil {
		return "", nil, &problem{code: exitUnknown, text: err.Error()}
	}
	hint := "install it in a place such as /usr/local/bin, and name that with --program FILE"
	g := guard.Guard{Owners: []uint32{0}, Folders: true}
	if !system {
		g.Owners = append(g.Owners, uint32(os.Geteuid()))
	}
	real, err := g.Way(path)
	if err == nil {
		info, serr := os.Stat(real)
		if err = serr; err == nil {
			err = g.MayCount(real, info, 1<<40)
		}
		if err == nil && info.Mode().Perm()&0o111 == 0 {
			err = errors.New(real + " is no program that can be run")
		}
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", nil, usage("there is no program "+path, hint)
	case err != nil && system:
		return "", nil, &problem{code: exitFindings, text: "the machine's gate is not to run " + path + ": " + err.Error(), hints: []string{hint}}
	case err != nil:
		notes = append(notes, "Others may put another program in the place of "+path+": "+err.Error()+".")
	}
	temporary := func(dir string) bool { return strings.HasPrefix(path, dir+"/") || strings.HasPrefix(real, dir+"/") }
	switch {
	case slices.ContainsFunc([]string{"/tmp", "/var/tmp", "/dev/shm", "/run/user", filepath.Clean(os.TempDir())}, temporary):
		notes = append(notes, path+" is in a temporary folder: the gate stops to work when that is emptied. "+strings.ToUpper(hint[:1])+hint[1:]+".")
	case system && slices.ContainsFunc([]string{"/home", "/root", "/run/user"}, temporary):
		return "", nil, &problem{code: exitFindings, text: path + " is in a home folder, which the machine's gate does not see", hints: []string{hint}}
	case strings.HasPrefix(path, storeDir()+"/"):
		notes = append(notes, path+" is in the store, and goes with the next garbage collection unless something holds it. A profile does: name the program in it with --program FILE.")
	}
	return path, notes, nil
}

// thisProgram is the path under which the program was called, which a profile or
// a package manager keeps, or else the file that runs.
func thisProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	called := os.Args[0]
	if !strings.Contains(called, "/") {
		if called, err = exec.LookPath(called); err != nil {
			return self, nil
		}
	}
	if called, err = filepath.Abs(called); err != nil {
		return self, nil
	}
	one, err1 := os.Stat(called)
	two, err2 := os.Stat(self)
	if err1 == nil && err2 == nil && os.SameFile(one, two) {
		return called, nil
	}
	return self, nil
}
