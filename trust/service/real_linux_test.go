package service

import (
	"encoding/json"
	"testing"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

// Real Nix reads the modules, and they say what the units say.
func TestTheModulesAreReadByRealNix(t *testing.T) {
	realnix.Each(t, func(t *testing.T, nix realnix.Nix) {
		for _, s := range []Service{machine(NixOS), machine(NixDarwin), person(NixDarwin)} {
			r := nix.Run(t, realnix.Cmd{Args: []string{"nix-instantiate", "--eval", "--strict", "--json", "-E", "{ " + s.module() + " }"}})
			if r.Code != 0 {
				t.Fatalf("%s:\n%s", s.module(), r.Stderr)
			}
			var got struct {
				Users   struct{ Users map[string]map[string]any }
				Systemd struct {
					Services map[string]struct{ ServiceConfig map[string]any }
					Sockets  map[string]struct{ SocketConfig map[string]any }
				}
				Launchd struct {
					Daemons map[string]struct{ ServiceConfig map[string]any }
					User    struct {
						Agents map[string]struct{ ServiceConfig map[string]any }
					}
				}
			}
			if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
				t.Fatal(err)
			}
			switch {
			case s.Manager == NixOS:
				c := got.Systemd.Services[Name].ServiceConfig
				filter, _ := c["SystemCallFilter"].([]any)
				if c["ExecStart"] != "/usr/local/bin/nix-trust gate --system" || c["ProtectSystem"] != "strict" || c["CapabilityBoundingSet"] != "" || len(filter) != 2 || c["ExecReload"] != nil ||
					got.Systemd.Sockets[Name].SocketConfig["ListenStream"] != "127.0.0.1:8128" || got.Users.Users[Name]["isSystemUser"] != true {
					t.Errorf("%+v", got)
				}
			case s.System:
				if c := got.Launchd.Daemons[Name].ServiceConfig; c["UserName"] != Name || c["Umask"] != 63. || c["RunAtLoad"] != true {
					t.Errorf("%+v", c)
				}
			default:
				c := got.Launchd.User.Agents[Name].ServiceConfig
				if args, _ := c["ProgramArguments"].([]any); len(args) != 4 || args[3] != "[::1]:8128" || c["UserName"] != nil {
					t.Errorf("%+v", c)
				}
			}
		}
	})
}
