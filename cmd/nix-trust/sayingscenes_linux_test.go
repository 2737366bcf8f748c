package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/nix-trust/nix-trust/nixconf/realnix"
)

const (
	claimA  = `extra-substituters = [ "@A" ]; extra-trusted-public-keys = [ "@KA" ];`
	urlOnly = `extra-substituters = [ "@A" ];`
	savedA  = `{"extra-substituters":{"@A":true},"extra-trusted-public-keys":{"@KA":true}}`
	listsA  = "extra-trusted-substituters = @A"
	lists   = listsA + "\nextra-trusted-public-keys = @KA"
	uses    = "extra-substituters = @A\nextra-trusted-public-keys = @KA"
)

var realise = []string{"nix-store", "--realise", "@OUT"}

// used is a scene in which the cache is used but for what it answers.
func used(prepare func(s *stage)) sayingScene { return sayingScene{daemon: uses, prepare: prepare} }

// narinfo is one in which the cache describes x otherwise.
func narinfo(old, text string) sayingScene {
	return used(func(s *stage) {
		s.info(func(n string) string {
			if !strings.Contains(n, old) {
				s.t.Fatalf("no %q in %s", old, n)
			}
			return strings.Replace(n, old, text, 1)
		})
	})
}

// askedBefore is one in which the cache was asked once before it turns.
func askedBefore(scene sayingScene, turn func(s *stage)) sayingScene {
	scene.prepare = func(s *stage) {
		other := "path:" + s.dir + "/other#y"
		s.touch("other/flake.nix", fmt.Sprintf(`{ outputs = _: { y = derivation { name = "%s"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; }; }; }`, "other-"+string(s.out[33:])))
		if r := s.user("", "nix", "build", "--no-link", other); r.Code != 0 {
			s.t.Fatalf("%s", r.Stderr)
		}
		turn(s)
	}
	return scene
}

var sayingScenes = map[string]sayingScene{
	"not-asked":     {config: claimA},
	"asked":         {config: claimA, terminal: true},
	"internal-json": {config: claimA, answers: savedA, args: []string{"nix", "build", "--log-format", "internal-json", "--no-link", "path:@DIR/flake#x"}},
	"with-logs":     {config: claimA, terminal: true, args: []string{"nix", "build", "--log-format", "bar-with-logs", "--no-link", "path:@DIR/flake#x"}},
	"accepted":      {config: claimA, answers: savedA, daemon: lists},
	"saved-no":      {config: claimA, answers: `{"extra-substituters":{"@A":false},"extra-trusted-public-keys":{"@KA":false}}`},
	"other-value":   {config: claimA, answers: `{"extra-substituters":{"@A https://b.example":true},"extra-trusted-public-keys":{"@KA":true}}`, daemon: lists},
	"two-lines":     {config: `extra-substituters = "@A\nhttps://b.example";`, answers: `{"extra-substituters":{"@A\nhttps://b.example":true}}`, daemon: lists},
	"metadata":      {config: claimA, args: []string{"nix", "flake", "metadata", "path:@DIR/flake"}},
	"old-command":   {config: claimA, args: []string{"nix-build", "-E", `derivation { name = "old"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; }`, "--no-out-link"}},
	"input":         {args: []string{"nix", "build", "--no-write-lock-file", "--no-link", "path:@DIR/top#x"}, config: claimA, prepare: needsFlake},
	"overwritten":   {config: `substituters = [ "@A" ]; extra-substituters = [ "https://b.example" ];`, answers: `{"substituters":{"@A":true},"extra-substituters":{"https://b.example":true}}`, daemon: lists},
	"replaced":      {config: `substituters = [ "@A" ];`, answers: `{"substituters":{"@A":true}}`, daemon: lists},
	"accept-once":   {config: claimA, prepare: func(s *stage) { s.user("", "nix", "eval", "--accept-flake-config", "path:"+s.dir+"/flake#x.name") }},
	"unlisted":      {config: claimA, answers: savedA},
	"near-miss":     {config: `extra-substituters = [ "@A/" ];`, answers: `{"extra-substituters":{"@A/":true}}`, daemon: lists},
	"stale":         {config: urlOnly, answers: savedA, prepare: func(s *stage) { s.later(lists + "\n") }},
	"alias":         {config: `extra-binary-caches = [ "@A" ]; extra-binary-cache-public-keys = [ "@KA" ];`, answers: `{"extra-binary-caches":{"@A":true},"extra-binary-cache-public-keys":{"@KA":true}}`},
	"user-keys":     {user: "extra-trusted-public-keys = @KA"},
	"no-sigs":       {env: "require-sigs = false", config: urlOnly, answers: savedA, daemon: listsA},
	"no-sigs-root":  {env: "require-sigs = false", config: urlOnly, answers: savedA, daemon: listsA, trusted: true},

	"key-missing":      {config: urlOnly, answers: savedA, daemon: listsA},
	"key-missing-path": {daemon: "extra-substituters = @A", args: realise},
	"key-missing-new":  {daemon: "extra-substituters = @A", args: []string{"nix", "build", "--no-link", "@OUT"}},
	"key-clash":        {config: claimA, answers: savedA, daemon: listsA + "\nextra-trusted-public-keys = @KX"},
	"key-no-key":       {config: claimA, answers: savedA, daemon: lists + " junk"},
	"key-short":        {config: claimA, answers: savedA, daemon: lists + " short-1:AAAA"},
	"copy":             {config: claimA, args: []string{"nix", "copy", "--from", "@A", "@OUT"}},
	"ca-claim":         narinfo("Sig: own-1:", "CA: text:sha256:0000000000000000000000000000000000000000000000000000\nXyz: "),
	"ca-claim-signed":  narinfo("References: \n", "References: \nCA: text:sha256:0000000000000000000000000000000000000000000000000000\n"),

	"off":        {config: claimA, answers: savedA, daemon: lists, env: "substitute = false"},
	"off-path":   {daemon: uses, env: "substitute = false", args: realise},
	"no-network": {config: claimA, answers: savedA, daemon: lists, noNetwork: true},
	"refuses":    {daemon: uses, more: "allowSubstitutes = false;"},
	"there":      {daemon: uses, prepare: func(s *stage) { s.user("", append(s.build(), "--option", "substitute", "false")...) }},
	"remembered": {daemon: uses, prepare: func(s *stage) {
		s.when(".narinfo", status(http.StatusNotFound))
		if r := s.user("", "nix-store", "--realise", s.fill("@OUT")); r.Code == 0 {
			s.t.Fatal("it was there")
		}
		s.cache.is(nil)
	}},
	"nobody-has-it": {daemon: uses, args: realise, prepare: func(s *stage) { s.when(".narinfo", status(http.StatusNotFound)) }},

	"other-store": used(func(s *stage) { s.when("/nix-cache-info", says("StoreDir: /other\n")) }),
	"no-cache":    used(func(s *stage) { s.when("/nix-cache-info", status(http.StatusNotFound)) }),
	"info-403":    used(func(s *stage) { s.when("/nix-cache-info", status(http.StatusForbidden)) }),
	"info-500":    used(func(s *stage) { s.when("/nix-cache-info", status(http.StatusInternalServerError)) }),
	"priority":    used(func(s *stage) { s.when("/nix-cache-info", says("Priority: high\n")) }),
	"unreachable": {daemon: "extra-substituters = http://127.0.0.1:1"},
	"turned-down": askedBefore(used(nil), func(s *stage) {
		s.cache.is(func(w http.ResponseWriter, r *http.Request) bool { hangUp(w, r); return true })
	}),
	"turned-500":    askedBefore(used(nil), func(s *stage) { s.when(".narinfo", status(http.StatusInternalServerError)) }),
	"fallback":      askedBefore(sayingScene{daemon: uses, env: "fallback = true"}, func(s *stage) { s.when(".narinfo", status(http.StatusInternalServerError)) }),
	"no-colon":      narinfo("URL: nar", "URL nar"),
	"no-url":        narinfo("URL: ", "Xyz: "),
	"no-size":       narinfo("NarSize: ", "Xyz: "),
	"bad-signature": narinfo("Sig: own-1:", "Sig: own-1:!"),
	"short-sig":     narinfo("Sig: own-1:", "Sig: own-1:AAAA\nSig: own-1:"),
	"nar-gone":      used(func(s *stage) { s.when(".nar", status(http.StatusNotFound)) }),
	"nar-other": used(func(s *stage) {
		s.when(".nar", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(narOf("something\nelse\n")) })
	}),
	"reference-gone": used(func(s *stage) {
		s.cache.put(s.store, s.out, "from the cache", "00000000000000000000000000000000-nobody-has-it")
	}),
	"reference-gone-path": {daemon: uses, args: realise, prepare: func(s *stage) {
		s.cache.put(s.store, s.out, "from the cache", "00000000000000000000000000000000-nobody-has-it")
	}},
	"lower-priority": {daemon: uses, prepare: func(s *stage) { s.when("/nix-cache-info", says("Priority: 90\n")) }},
	"scheme":         {daemon: "extra-substituters = foo://bar"},
	"no-url-at-all":  {user: "extra-substituters = https://[::1"},

	"refused":        {daemon: "allowed-users = root", config: claimA},
	"refused-log":    {daemon: "allowed-users = root", config: claimA, heard: refusal},
	"no-daemon":      {noDaemon: true, config: claimA},
	"repair":         {args: []string{"nix-store", "--verify", "--repair"}},
	"sudo":           {home: "@DIR/etc"},
	"broken-answers": {config: claimA, answers: `{"extra-substituters":{"@A":1}}`},
	"empty-answers":  {config: claimA, answers: "\n"},
	"not-literal":    {config: `extra-substituters = "@A" + "";`},
	"not-strings":    {config: `extra-substituters = [ ("@A" + "") ];`},
	"bad-value":      {config: `require-sigs = "maybe";`, answers: `{"require-sigs":{"maybe":true}}`},
	"accepted-url":   {config: `extra-substituters = "z";`, answers: `{"extra-substituters":{"z":true}}`},
	"unknown":        {user: "substitutors = @A\nexperimental-features = nix-command flakes magic"},
	"gated":          {user: "auto-allocate-uids = true"},
	"bad-boolean":    {user: "fallback = perhaps"},
	"broken-line":    {user: "substituters @A"},
	"no-include":     {user: "include more.conf"},
	"flakes-off":     {user: "experimental-features = nix-command", config: claimA},
}

// needsFlake makes a flake whose input has the claims.
func needsFlake(s *stage) {
	s.touch("top/flake.nix", fmt.Sprintf(`{ inputs.dep.url = "path:%s/flake"; outputs = { dep, ... }: { inherit (dep) x; }; }`, s.dir))
}

// refusal is the first line of the daemon's log that says so: each connection has
// its own.
func refusal(s *stage, _ realnix.Result) string {
	for line := range strings.Lines(s.daemonLog()) {
		if strings.Contains(line, "not allowed") {
			return line
		}
	}
	return ""
}
