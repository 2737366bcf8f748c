package message

import "regexp"

// A pattern is one wording. Its groups are named after the fields of Message.
type pattern struct {
	kind  Kind
	level string // "" matches any
	re    *regexp.Regexp
	more  []string // how the lines go on that follow, each of which may be missing
}

func p(kind Kind, level, expr string, more ...string) pattern {
	return pattern{kind, level, regexp.MustCompile(`^` + expr + `$`), more}
}

// patterns has the wordings of Nix 2.8 to 2.36, Lix to 2.96 and Determinate Nix
// 3. The first that fits counts. Those of 2.8, 2.26 and 2.34 are held against the
// programs; 2.35, 2.36, Lix and Determinate Nix are read from their sources.
//
// Nix: src/libflake/config.cc, ConfigFile::apply; src/libflake/flake.cc,
// parseFlake; src/libstore/daemon.cc, ClientSettings::apply;
// src/libstore/build/substitution-goal.cc and derivation-goal.cc;
// src/libstore/local-store.cc, addToStore; src/libstore/remote-store.cc;
// src/libstore/http-binary-cache-store.cc; src/libstore/filetransfer.cc;
// src/libutil/configuration.cc, parseConfigFiles.
var patterns = []pattern{
	p(SettingIgnored, "warning", `ignoring untrusted flake configuration setting '(?P<Setting>[^']*)'\.?`, "Pass '--accept-flake-config' to trust it"),
	p(SettingIgnored, "warning", `ignoring untrusted flake configuration setting '(?P<Setting>[^']*)', pass '--accept-flake-config' to trust it.*`),
	p(SettingSaved, "", `Using saved setting for '(?P<Setting>[^ ']*) = (?P<Value>.*)' from .*`),
	p(SettingAsked, "", `do you want to allow configuration setting '(?P<Setting>[^']*)' to be set to '(?P<Value>.*)' \(y/N\)\?.*`),
	p(SettingAsked, "", `Do you want to allow configuration setting '(?P<Setting>[^']*)' to be set to '(?P<Value>.*)'(?: \(y/N\))?\?.*`),
	p(SettingAsked, "", `Do you want to allow setting '(?P<Setting>[^' ]*) = (?P<Value>.*)'\?.*`),
	p(SettingAsked, "", `Do you want to allow (?:these )?configuration settings to be applied\?.*`),
	p(SettingUnknown, "warning", `unknown (?:experimental feature|setting|flake configuration setting) '(?P<Setting>[^']*)'`),
	p(SettingGated, "warning", `Ignoring setting '(?P<Setting>[^']*)' because experimental feature '(?P<Detail>[^']*)' is not enabled`),
	p(SettingInvalid, "", `(?:Boolean )?setting '(?P<Setting>[^']*)' has invalid value '(?P<Value>.*)'.*`),
	p(FlakeRejected, "error", `(?:list element in )?flake configuration setting '(?P<Setting>[^']*)' (?P<Detail>is an? .*)`),
	p(FlakeRejected, "error", `(?P<Detail>expected a set but got .* at (?P<File>.*/flake\.nix)(?::\d+:\d+)?.*)`),
	p(AnswersBroken, "error", `\[json\.exception\.(?:parse_error\.101|type_error\.302)\] (?P<Detail>.*)`),
	p(ConfigBroken, "error", `(?:illegal configuration line|syntax error in configuration line) '(?P<Value>.*)' in ['"]?(?P<File>.*?)['"]?`),
	p(ConfigBroken, "error", `file ['"](?P<Detail>.*)['"] included from ['"](?P<File>.*)['"] not found`),
	p(HomeIgnored, "warning", `\$HOME \('(?P<File>.*)'\) is not owned by you, falling back to the one defined in the 'passwd' file \('(?P<Detail>.*)'\)`),
	p(FlakesOff, "error", `experimental (?:Nix|Lix) feature '(?P<Setting>flakes|nix-command)' is disabled.*`),

	p(SubstituterIgnored, "warning", `ignoring untrusted substituter '(?P<URL>.*)', you are not a trusted user\.?`, "Run `man nix.conf` for more information"),
	p(SubstituterIgnored, "warning", `ignoring untrusted substituter '(?P<URL>.*)'`),
	p(SettingRestricted, "", `[iI]gnoring the client-specified setting '(?P<Setting>[^']*)', because it is a restricted setting and you are not a trusted user`),
	p(UserRefused, "", `(?:(?:error )?(?:while )?processing connection: )?(?:error: )?(?:the )?user '(?P<User>.*)' is not allowed to connect to the Nix daemon.*`),
	p(DaemonAbsent, "error", `(?:cannot open connection to remote store '.*': )?(?:error: )?cannot connect to socket at ['"](?P<File>.*?)['"](?:: (?P<Detail>.*))?`),
	p(ConnectionClosed, "error", `cannot open connection to remote store '(?P<URL>[^']*)': (?P<Detail>.*)`),
	p(ConnectionClosed, "error", `(?P<Detail>Nix daemon disconnected unexpectedly.*|unexpected end-of-file)`),
	p(NotPrivileged, "error", `you are not privileged to (?P<Detail>.*)`),

	p(NotSigned, "", `ignoring substitute for (?:build trace )?'(?P<Path>[^']*)'(?: -> '[^']*')? from '(?P<URL>.*)', as it's not signed by any of the keys in 'trusted-public-keys'`),
	p(NotSigned, "", `the substitute for '(?P<Path>[^']*)' from '(?P<URL>.*)' is not signed by any of the keys in 'trusted-public-keys'`),
	p(LacksSignature, "error", `cannot (?:add path|register realisation) '(?P<Path>[^']*)' because it lacks a (?:valid signature|signature by a trusted key)`),
	p(KeyCorrupt, "", `while decoding key (?:named )?'(?P<Key>[^']*)'(?: with raw value '(?P<Value>.*)')?`, "error: "),
	p(KeyCorrupt, "error", `(?P<Detail>(?:public |secret )?key is (?:corrupt|not valid).*)`),
	p(BadBase64, "error", `(?P<Detail>invalid character in Base64 string.*)`),
	p(HashMismatch, "", `hash mismatch importing path '(?P<Path>[^']*)';`, "specified:", "got:"),
	p(CAMismatch, "", `ca hash mismatch importing path '(?P<Path>[^']*)';`, "specified:", "got:"),
	p(CAClaim, "", `(?:cannot add )?path '(?P<Path>[^']*)' (?:to the Nix store because it )?claims to be content-addressed but isn't`),

	p(NotACache, "", `'(?P<URL>.*)' does not appear to be a binary cache`),
	p(OtherStore, "", `binary cache '(?P<URL>.*)' is for Nix stores with prefix '(?P<Detail>[^']*)', not '[^']*'`),
	p(BadPriority, "error", `(?P<Detail>stoi|stol|stoul|bad lexical cast.*)`),
	p(BadNarinfo, "", `NAR info file '(?P<File>.*)' is corrupt(?:: (?P<Detail>.*))?`),
	p(BadNarinfo, "error", `(?P<Detail>signature is (?:corrupt|not valid))`),
	p(BadURL, "", `'(?P<URL>.*)' is not a valid URL(?:: (?P<Detail>.*))?`),
	p(BadURL, "", `Cannot parse Nix store '(?P<URL>.*)'`),
	p(UnknownScheme, "", `don't know how to open Nix store (?:with scheme )?'(?P<URL>.*)'`),
	p(Unreachable, "", `unable to (?:download|check) '(?P<URL>.*?)': (?P<Detail>.*?)(?:; retrying .*)?`),
	p(CacheDisabled, "", `disabling binary cache '(?P<URL>.*)' for (?P<Detail>\d+) seconds`),
	p(CacheDisabled, "", `substituter '(?P<URL>.*)' is disabled`),
	p(FileMissing, "", `file '(?P<File>.*)' does not exist in binary cache '(?P<URL>.*)'`),
	p(NoInternet, "warning", `you don't have Internet access; disabling some network-dependent features`),
	p(SubstitutionOff, "", `dependency '(?P<Path>[^']*)' of '[^']*' does not exist, and substitution is disabled`),
	p(Unsubstitutable, "", `path '(?P<Path>[^']*)' is required, but there is no substituter that can build it`),
	p(Unsubstitutable, "error", `path '(?P<Path>[^']*)' does not exist and cannot be created`),
	p(Unsubstitutable, "error", `build of '(?P<Path>(?:[^']*(?:[^v']|[^r']v|[^d']rv|[^.']drv)))' failed`), // of no derivation
	p(Unsubstitutable, "", `don't know how to build these paths:`, "/"),
	p(References, "", `some references of path '(?P<Path>[^']*)' could not be realised`),
	p(Failed, "", `some substitutes for the outputs of derivation '(?P<Path>[^']*)' failed.*`),
}
