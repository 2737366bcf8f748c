// Package nixconf resolves the configuration of Nix: it reads every nix.conf and
// variable that a `nix` command would, applies them by the rules of that version,
// and keeps for each item of each setting the line that put it there.
//
// It is written against an administrator's question, "who trusts this cache, and
// which line says so?", so it prefers saying too little to saying wrong: a file
// that cannot be read is a Source that is not read, never an empty one, and a
// configuration that Nix refuses has Config.Fatal and no meaning beyond it.
//
// What it does not do: it loads no plugins, which may add settings; it does not
// know what an administrator's build of Nix has compiled in beyond Environment;
// and it does not know what a running daemon read when it was started.
//
// The rules are those of Nix 2.8.0, 2.26.3 and 2.34.8, which the tests run. For
// versions between them the rules change at the release where Nix's source does,
// while settings and defaults are those of the nearest one.
package nixconf
