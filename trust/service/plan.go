package service

import (
	"fmt"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// PlanInstall is the plan that has a manager run the gate. read reads a file as
// it is now. What is another program's to make is shown as its module instead.
func PlanInstall(s Service, read func(path string) (trust.FileState, error)) (trust.Plan, error) {
	if err := s.check(); err != nil {
		return trust.Plan{}, err
	}
	p := trust.Plan{Risk: trust.PlanNeutral, Summary: "Have your gate run when Nix asks it"}
	if s.System {
		p.Summary = "Have the machine's gate run when Nix asks it"
	}
	for _, f := range s.Files() {
		before, err := read(f.Path)
		if err != nil {
			return trust.Plan{}, err
		}
		after := trust.FileState{Exists: true, Data: []byte(f.Text), Mode: 0o644}
		if before.Equal(after) {
			continue
		}
		if before.Exists {
			switch MadeBy(before.Data) {
			case Foreign:
				return trust.Plan{}, fmt.Errorf("%s is there, and nix-trust has not written it; look at what it does, and move it away", f.Path)
			case Changed:
				p.Notes = append(p.Notes, f.Path+" was changed since it was installed. That change is lost.")
			}
		}
		p.Steps = append(p.Steps, trust.FileChange{Path: f.Path, Before: before, After: after, Parents: true, Form: trust.FormText})
	}
	p.Changes = append(p.Changes, "The gate serves on "+s.Address+", to programs on this machine alone, and is started when one asks.")
	if s.Manager == Launchd || s.Manager == NixDarwin {
		p.Changes[0] = "The gate serves on " + s.Address + ", to programs on this machine alone."
	}
	if s.System {
		p.Changes = append(p.Changes, "It runs as the user "+Name+", who alone reads its key, and serves what root has granted, to everybody.")
		p.Notes = append(p.Notes, "Whoever gets hold of the key in "+s.Dir+" can put anything into the store.")
	}
	p.Commands = s.start()
	if len(p.Steps) == 0 && len(s.Files()) > 0 {
		p = trust.Plan{Risk: trust.PlanNeutral, Summary: "Nothing to change: the gate is installed already", Commands: p.Commands}
	}
	return p, nil
}

// start is what makes the files count.
func (s Service) start() []trust.Fix {
	shell := func(title, command string) trust.Fix {
		return trust.Fix{Title: title, Command: command, Admin: s.System}
	}
	switch s.Manager {
	case NixOS:
		return []trust.Fix{{Title: "put this into the NixOS configuration, and run sudo nixos-rebuild switch", Command: s.module(), File: "the NixOS configuration", Admin: true}}
	case NixDarwin:
		out := []trust.Fix{{Title: "put this into the nix-darwin configuration, and run sudo darwin-rebuild switch", Command: s.module(), File: "the nix-darwin configuration", Admin: true}}
		if s.System {
			out = append([]trust.Fix{s.darwinUser()}, out...)
		}
		return out
	case Launchd:
		domain, file := "gui/$(id -u)", s.Files()[0].Path
		if s.System {
			return []trust.Fix{s.darwinUser(), shell("start it", "sudo launchctl bootstrap system "+file)}
		}
		return []trust.Fix{shell("start it", "launchctl bootstrap "+domain+" "+file)}
	}
	if s.System {
		return []trust.Fix{
			shell("make its user", "sudo systemd-sysusers "+Name+".conf"),
			shell("make its key, where there is none yet", "sudo nix-trust setup"),
			shell("start it", "sudo systemctl daemon-reload\nsudo systemctl enable --now "+Name+".socket"),
		}
	}
	return []trust.Fix{
		shell("make its key, where there is none yet", "nix-trust setup"),
		shell("start it", "systemctl --user daemon-reload\nsystemctl --user enable --now "+Name+".socket"),
	}
}

// darwinUser makes the user where there is no sysusers.d.
func (s Service) darwinUser() trust.Fix {
	return trust.Fix{Title: "make its user, where there is none yet, with an id that is free", Admin: true, Command: "sudo dscl . -create /Groups/" + Name + " PrimaryGroupID 402\n" +
		"sudo dscl . -create /Users/" + Name + " UniqueID 402\n" +
		"sudo dscl . -create /Users/" + Name + " PrimaryGroupID 402\n" +
		"sudo dscl . -create /Users/" + Name + " UserShell /usr/bin/false\n" +
		"sudo dscl . -create /Users/" + Name + " NFSHomeDirectory " + s.Dir}
}

// PlanUninstall is the plan that takes away what PlanInstall's has made, as far
// as nobody has changed it since.
func PlanUninstall(s Service, read func(path string) (trust.FileState, error)) (trust.Plan, error) {
	s.Program = "/" // which program is run does not matter any more
	if err := s.check(); err != nil {
		return trust.Plan{}, err
	}
	p := trust.Plan{Risk: trust.PlanNarrows, Summary: "Have your gate no longer run by itself"}
	if s.System {
		p.Summary = "Have the machine's gate no longer run by itself"
	}
	for _, f := range s.Files() {
		before, err := read(f.Path)
		if err != nil {
			return trust.Plan{}, err
		}
		if !before.Exists {
			continue
		}
		switch MadeBy(before.Data) {
		case Unchanged:
			p.Steps = append(p.Steps, trust.FileChange{Path: f.Path, Before: before, Form: trust.FormText})
		case Changed:
			p.Residual = append(p.Residual, trust.Residual{Subject: f.Path, Where: nixconf.Pos{File: f.Path}, Text: "It was changed since it was installed, and stays; remove it yourself when it is of no use."})
		default:
			p.Residual = append(p.Residual, trust.Residual{Subject: f.Path, Where: nixconf.Pos{File: f.Path}, Text: "nix-trust has not written it, and it stays."})
		}
	}
	if len(s.Files()) == 0 {
		p.Summary, p.Risk = "Nothing is changed here: another program makes the files", trust.PlanNeutral
		p.Commands = []trust.Fix{{Title: "take what sets " + Name + " out of the configuration, and rebuild the system", Admin: true}}
		return p, nil
	}
	if len(p.Steps) == 0 {
		p.Summary, p.Risk = "Nothing to change: no file of the gate's is installed", trust.PlanNeutral
		return p, nil
	}
	p.Commands = s.stop()
	stays := "It stays. Whoever reads it can put anything into the store of a daemon that believes it; `nix-trust setup --remove` takes it out of use."
	p.Residual = append(p.Residual, trust.Residual{Subject: s.Dir + "/gate.key", Where: nixconf.Pos{File: s.Dir + "/gate.key"}, Text: stays},
		trust.Residual{Subject: "trusted-public-keys", Text: "The daemon goes on to believe the key, and to admit the gate's addresses, where they are configured."},
		trust.Residual{Subject: "grants", Text: "What is granted stays so; `nix-trust grants` lists it."})
	return p, nil
}

// stop is what ends a service whose files are gone.
func (s Service) stop() []trust.Fix {
	fix := func(title, command string) []trust.Fix {
		return []trust.Fix{{Title: title, Command: command, Admin: s.System}}
	}
	switch {
	case s.Manager == Launchd && s.System:
		return fix("stop it", "sudo launchctl bootout system/"+label)
	case s.Manager == Launchd:
		return fix("stop it", "launchctl bootout gui/$(id -u)/"+label)
	case s.System:
		return fix("stop it", "sudo systemctl stop "+Name+".socket "+Name+".service\nsudo rm -f /etc/systemd/system/sockets.target.wants/"+Name+".socket\nsudo systemctl daemon-reload")
	}
	return fix("stop it", "systemctl --user stop "+Name+".socket "+Name+".service\nrm -f "+s.Home+"/.config/systemd/user/sockets.target.wants/"+Name+".socket\nsystemctl --user daemon-reload")
}
