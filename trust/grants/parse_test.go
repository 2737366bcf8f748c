package grants

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/lock"
)

const (
	digestA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	key1    = "cache.example-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	otherK1 = "cache.example-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func sample() *File {
	return &File{
		Version: Version,
		Grants: []Grant{{
			Flake: "git:/home/mira/proj/.git?dir=sub", Lock: digestA, Systems: []string{"x86_64-linux", "aarch64-linux"},
			Caches:  []lock.Cache{{URL: "https://cache.example", Keys: []string{key1}}, {URL: "https://a.example"}},
			Granted: noon, Expires: noon.AddDate(0, 0, 30), Note: `say "hi" \o/ – é`, Seen: "/home/mira/proj/sub", Offer: "/home/mira/proj/sub/flake.cache-lock", Replaced: []string{digestB},
		}, {
			Flake: "github:owner/repo", Lock: digestB, Systems: []string{"x86_64-linux"},
			Caches: []lock.Cache{{URL: "file:///srv/cache", Keys: []string{key1}}}, Granted: noon,
		}},
		Denies: []Deny{{Flake: "path:/tmp/x%20y", Since: noon, Note: "no"}, {Flake: "github:owner/repo", Since: noon}},
	}
}

func TestPrintAndParseAgree(t *testing.T) {
	text, err := sample().Print()
	must(t, err)
	f, err := Parse("grants.toml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := f.Print()
	if err != nil || string(again) != string(text) {
		t.Fatalf("%v\n%s\nbecame\n%s", err, text, again)
	}
	want := sample()
	want.sort()
	if fmt.Sprintf("%+v", want.Denies) != fmt.Sprintf("%+v", f.Denies) || len(f.Grants) != 2 {
		t.Errorf("%+v", f)
	}
	g, _ := f.Grant("git:/home/mira/proj/.git?dir=sub")
	if g.Note != sample().Grants[0].Note || !g.Expires.Equal(noon.AddDate(0, 0, 30)) || len(g.Caches) != 2 || g.Caches[1].Keys[0] != key1 || g.Seen != "/home/mira/proj/sub" || g.Offer != "/home/mira/proj/sub/flake.cache-lock" || g.Replaced[0] != digestB {
		t.Errorf("the grant was changed: %+v", g)
	}
	empty, err := New().Print()
	must(t, err)
	if f, err := Parse("x", empty); err != nil || len(f.Grants)+len(f.Denies) != 0 {
		t.Errorf("%v %v", f, err)
	}
}

func TestPrintDoesNotChangeTheFile(t *testing.T) {
	f := sample()
	_, err := f.Print()
	must(t, err)
	if fmt.Sprintf("%+v", f) != fmt.Sprintf("%+v", sample()) {
		t.Errorf("%+v", f)
	}
}

// What generators of TOML write, and what people do, is read too.
func TestLayoutIsFree(t *testing.T) {
	text := `version = 1 # as of now

  [[ "grant" ]]
  "flake" = 'github:owner/repo'   # literal string
  granted = "2026-11-22T12:00:00Z"
  lock = """` + digestA + `"""
  systems = [
    "x86_64-linux", # mine
    "aarch64-linux",
  ]
  [[grant.cache]]
  keys = []
  url = "https://cache.example"
`
	for _, s := range []string{text, strings.ReplaceAll(text, "\n", "\r\n")} {
		f, err := Parse("grants.toml", []byte(s))
		if err != nil {
			t.Fatal(err)
		}
		if g, ok := f.Grant("github:owner/repo"); !ok || len(g.Systems) != 2 || g.Lock != digestA || !g.Granted.Equal(noon) || len(g.Caches) != 1 {
			t.Errorf("%+v", f)
		}
	}
}

const (
	goodGrant = `[[grant]]
flake = "github:owner/repo"
lock = "` + digestA + `"
systems = ["x86_64-linux"]
granted = 2026-11-22T12:00:00Z
`
	goodCache = `[[grant.cache]]
url = "https://cache.example"
keys = ["` + key1 + `"]
`
	goodDeny = `[[deny]]
flake = "github:owner/repo"
since = 2026-11-22T12:00:00Z
`
)

// Each text is refused at the line and column given, and nothing of it counts.
func TestWhatIsNotTheFormatIsRefusedAtItsPlace(t *testing.T) {
	v, g, c, d := "version = 1\n", goodGrant, goodCache, goodDeny
	swap := func(s, old, new string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("%q is not in %q", old, s)
		}
		return strings.Replace(s, old, new, 1)
	}
	for name, x := range map[string]struct {
		text      string
		kind      Kind
		line, col int
	}{
		"empty":                   {"", KindVersion, 1, 1},
		"only a comment":          {"# x\n", KindVersion, 1, 1},
		"another version":         {"version = 2\n", KindVersion, 1, 11},
		"a version in hex":        {"version = 0x1\n", KindVersion, 1, 11},
		"a version as text":       {"version = \"1\"\n", KindVersion, 1, 11},
		"version too late":        {g + c + v, KindVersion, 1, 3},
		"no version":              {"x = 1\n", KindVersion, 1, 1},
		"version twice":           {v + v, KindDuplicate, 2, 1},
		"a stray key":             {v + "default = true\n", KindUnknown, 2, 1},
		"a dotted key":            {v + "grant.flake = 1\n", KindUnknown, 2, 1},
		"another table":           {v + "[[allow]]\n", KindUnknown, 2, 3},
		"a plain table":           {v + "[grant]\n", KindUnknown, 2, 2},
		"a quoted dot":            {v + g + "[[\"grant.cache\"]]\n", KindUnknown, 7, 3},
		"a cache of nothing":      {v + c, KindUnknown, 2, 3},
		"a cache of a denial":     {v + d + c, KindUnknown, 5, 3},
		"unknown key in a grant":  {v + g + "scope = \"all\"\n" + c, KindUnknown, 7, 1},
		"unknown key in a cache":  {v + g + c + "priority = 1\n", KindUnknown, 10, 1},
		"unknown key in a denial": {v + d + "until = 1\n", KindUnknown, 5, 1},
		"a key twice":             {v + g + "lock = \"" + digestB + "\"\n" + c, KindDuplicate, 7, 1},
		"a flake twice":           {v + g + c + g + c, KindDuplicate, 11, 1},
		"a denial twice":          {v + d + d, KindDuplicate, 6, 1},
		"a cache twice":           {v + g + c + c, KindValue, 2, 3},
		"a key in two spellings":  {v + g + swap(c, key1, strings.TrimSuffix(key1, "=")), KindValue, 9, 9},
		"one name, two keys":      {v + g + swap(c, key1+`"`, key1+`", "`+otherK1+`"`), KindValue, 2, 3},
		"no flake":                {v + swap(g, "flake = \"github:owner/repo\"\n", "") + c, KindValue, 2, 3},
		"no lock":                 {v + swap(g, "lock = \""+digestA+"\"\n", "") + c, KindValue, 2, 3},
		"no systems":              {v + swap(g, "systems = [\"x86_64-linux\"]\n", "") + c, KindValue, 2, 3},
		"no time":                 {v + swap(g, "granted = 2026-11-22T12:00:00Z\n", "") + c, KindValue, 2, 3},
		"no cache":                {v + g, KindValue, 2, 3},
		"no cache, then another":  {v + g + d, KindValue, 2, 3},
		"a cache without url":     {v + g + "[[grant.cache]]\nkeys = []\n", KindValue, 7, 3},
		"a cache without keys":    {v + g + "[[grant.cache]]\nurl = \"https://x.example\"\n" + d, KindValue, 7, 3},
		"no since":                {v + "[[deny]]\nflake = \"path:/x\"\n", KindValue, 2, 3},
		"a short digest":          {v + swap(g, digestA, "aa") + c, KindValue, 4, 8},
		"a digest in capitals":    {v + swap(g, digestA, strings.ToUpper(digestA)) + c, KindValue, 4, 8},
		"a digest of zeros":       {v + swap(g, digestA, strings.Repeat("0", 64)) + c, KindValue, 4, 8},
		"an empty list":           {v + swap(g, `["x86_64-linux"]`, "[]") + c, KindValue, 2, 3},
		"every system":            {v + swap(g, `["x86_64-linux"]`, `["*"]`) + c, KindValue, 5, 12},
		"a system twice":          {v + swap(g, `["x86_64-linux"]`, `["a", "a"]`) + c, KindDuplicate, 5, 17},
		"one system as text":      {v + swap(g, `["x86_64-linux"]`, `"x86_64-linux"`) + c, KindValue, 5, 11},
		"a list in a list":        {v + swap(g, `["x86_64-linux"]`, `[["x86_64-linux"]]`) + c, KindValue, 5, 1},
		"a number in a list":      {v + swap(g, `["x86_64-linux"]`, `[1]`) + c, KindValue, 5, 12},
		"a table for text":        {v + swap(g, `"github:owner/repo"`, `{ a = "b" }`) + c, KindValue, 3, 9},
		"a revision":              {v + swap(g, "owner/repo", "owner/repo/0123456789abcdef0123456789abcdef01234567") + c, KindValue, 3, 9},
		"every flake":             {v + swap(g, "github:owner/repo", "*") + c, KindValue, 3, 9},
		"another zone":            {v + swap(g, "12:00:00Z", "12:00:00+01:00") + c, KindValue, 6, 11},
		"no zone":                 {v + swap(g, "12:00:00Z", "12:00:00") + c, KindValue, 6, 11},
		"a day alone":             {v + swap(g, "T12:00:00Z", "") + c, KindValue, 6, 11},
		"parts of a second":       {v + swap(g, "12:00:00Z", "12:00:00.5Z") + c, KindValue, 6, 11},
		"a blank in the time":     {v + swap(g, "22T12", "22 12") + c, KindValue, 6, 11},
		"a leap in time":          {v + swap(g, "2026-", "0001-") + c, KindValue, 6, 11},
		"no such day":             {v + swap(g, "11-22", "02-30") + c, KindValue, 6, 11},
		"expired before it began": {v + g + "expires = 2026-11-22T12:00:00Z\n" + c, KindValue, 2, 3},
		"a control character":     {v + g + "note = \"a\\u001b[2J\"\n" + c, KindValue, 7, 8},
		"a note that never ends":  {v + g + "note = \"" + strings.Repeat("x", 1025) + "\"\n" + c, KindValue, 7, 8},
		"a file that is not":      {v + g + "offer = \"flake.cache-lock\"\n" + c, KindValue, 7, 9},
		"replaced by itself":      {v + g + "replaced = [\"" + digestA + "\"]\n" + c, KindValue, 2, 3},
		"replaced twice":          {v + g + "replaced = [\"" + digestB + "\", \"" + digestB + "\"]\n" + c, KindDuplicate, 7, 81},
		"a URL with a slash":      {v + g + swap(c, ".example\"", ".example/\""), KindValue, 8, 7},
		"a URL that turns off":    {v + g + swap(c, ".example\"", ".example?trusted=1\""), KindValue, 8, 7},
		"not TOML":                {v + "[[grant\n", KindSyntax, 2, 8},
		"an open string":          {v + "[[grant]]\nflake = \"x\n", KindSyntax, 3, 0},
		"not UTF-8":               {v + "# \xff\n", KindSyntax, 2, 3},
		"a byte order mark":       {"\xef\xbb\xbf" + v, KindSyntax, 1, 1},
		"a lone carriage return":  {v + "\r" + g, KindSyntax, 2, 0},
		"a conflict":              {v + "<<<<<<< ours\n" + g + c + "=======\n>>>>>>> theirs\n", KindConflict, 2, 1},
		"the middle of one":       {v + g + c + "=======\n", KindConflict, 10, 1},
	} {
		f, err := Parse("/etc/nix-trust/grants.toml", []byte(x.text))
		var e *Error
		if !errors.As(err, &e) || f != nil {
			t.Errorf("%s: read as %+v, %v", name, f, err)
			continue
		}
		if e.Kind != x.kind || e.Pos.Line != x.line || x.col > 0 && e.Pos.Col != x.col || e.Pos.Col < 1 {
			t.Errorf("%s: %s (%s), want line %d col %d (%s)", name, e, e.Kind, x.line, x.col, x.kind)
		}
		if !strings.HasPrefix(e.Error(), "/etc/nix-trust/grants.toml:") || e.Kind == KindDuplicate && e.Other.Line == 0 && !strings.Contains(e.Text, "list") {
			t.Errorf("%s: %s", name, e)
		}
	}
	if _, err := Parse("x", []byte(v+g+c+d)); err != nil {
		t.Errorf("the text that all of these spoil is refused too: %v", err)
	}
}

func TestLimitsHold(t *testing.T) {
	var many strings.Builder
	many.WriteString("version = 1\n")
	for i := range maxEntries + 1 {
		fmt.Fprintf(&many, "[[deny]]\nflake = \"path:/%d\"\nsince = 2026-11-22T12:00:00Z\n", i)
	}
	caches := goodGrant
	for i := range maxCaches + 1 {
		caches += fmt.Sprintf("[[grant.cache]]\nurl = \"https://%d.example\"\nkeys = []\n", i)
	}
	for name, text := range map[string]string{
		"bytes":  "version = 1\n" + strings.Repeat("#\n", MaxBytes/2),
		"flakes": many.String(),
		"caches": "version = 1\n" + caches,
	} {
		var e *Error
		if _, err := Parse("x", []byte(text)); !errors.As(err, &e) || e.Kind != KindLimit {
			t.Errorf("%s: %v", name, err)
		}
	}
	g := sample().Grants[0]
	g.Replaced = nil
	f := &File{Version: Version, Grants: []Grant{g}}
	for i := range maxReplaced + 10 {
		g.Lock = fmt.Sprintf("%064x", i+1)
		f = f.WithGrant(g)
	}
	text, err := f.Print()
	must(t, err)
	if got := f.Grants[0].Replaced; len(got) != maxReplaced || got[maxReplaced-1] != fmt.Sprintf("%064x", maxReplaced+9) {
		t.Errorf("%d digests are kept, the last %s:\n%s", len(got), got[len(got)-1], text)
	}
}

func TestWhatCannotBeReadIsNotPrinted(t *testing.T) {
	for name, spoil := range map[string]func(*File){
		"no version":       func(f *File) { f.Version = 0 },
		"a later version":  func(f *File) { f.Version = 2 },
		"two grants":       func(f *File) { f.Grants[1].Flake = f.Grants[0].Flake },
		"two denials":      func(f *File) { f.Denies[1].Flake = f.Denies[0].Flake },
		"no flake":         func(f *File) { f.Grants[0].Flake = "" },
		"no lock":          func(f *File) { f.Grants[0].Lock = "" },
		"no systems":       func(f *File) { f.Grants[0].Systems = nil },
		"no caches":        func(f *File) { f.Grants[0].Caches = nil },
		"no time":          func(f *File) { f.Grants[0].Granted = time.Time{} },
		"a local time":     func(f *File) { f.Grants[0].Granted = noon.In(time.FixedZone("x", 3600)) },
		"a broken URL":     func(f *File) { f.Grants[0].Caches[0].URL = "https://x/\nversion = 1" },
		"a broken key":     func(f *File) { f.Grants[0].Caches[0].Keys[0] = "x" },
		"a newline":        func(f *File) { f.Grants[0].Note = "a\nb" },
		"a second line":    func(f *File) { f.Denies[0].Note = "\"\n[[grant]]" },
		"no UTF-8":         func(f *File) { f.Grants[0].Seen = "\xff" },
		"a denial of none": func(f *File) { f.Denies[0].Flake = "" },
	} {
		f := sample()
		spoil(f)
		if text, err := f.Print(); err == nil || text != nil {
			t.Errorf("%s: %s", name, text)
		}
	}
	if text, err := (&File{}).Print(); err == nil {
		t.Errorf("the zero file: %s", text)
	}
	if text, err := (*File)(nil).Print(); err == nil {
		t.Errorf("no file: %s", text)
	}
}

func TestChangesLeaveTheOthersAlone(t *testing.T) {
	f := sample()
	before := fmt.Sprintf("%+v", f)
	g := f.Grants[1]
	g.Lock, g.Replaced = digestA, nil
	next := f.WithGrant(g)
	if got, _ := next.Grant(g.Flake); got.Lock != digestA || len(got.Replaced) != 1 || got.Replaced[0] != digestB || len(next.Grants) != 2 {
		t.Errorf("%+v", next)
	}
	// Back to what was accepted before: it is not a digest that was replaced any more.
	g.Lock = digestB
	if got, _ := next.WithGrant(g).Grant(g.Flake); got.Lock != digestB || len(got.Replaced) != 1 || got.Replaced[0] != digestA {
		t.Errorf("%+v", got)
	}
	denied := f.WithDeny(Deny{Flake: g.Flake, Since: noon, Note: "later"})
	if _, had := denied.Grant(g.Flake); had || len(denied.Denies) != 2 || len(denied.Grants) != 1 {
		t.Errorf("%+v", denied)
	}
	if d, _ := denied.Deny(g.Flake); d.Note != "later" {
		t.Errorf("%+v", d)
	}
	if gone := f.Without(g.Flake, false); len(gone.Grants) != 1 || len(gone.Denies) != 2 {
		t.Errorf("%+v", gone)
	}
	if got := fmt.Sprintf("%+v", f); got != before {
		t.Errorf("the file itself was changed:\n%s\n%s", before, got)
	}
	if l := f.Locks(); len(l) != 2 || l[0] != digestA {
		t.Errorf("%q", l)
	}
}

func TestZeroValuesGrantNothing(t *testing.T) {
	for _, f := range []*File{nil, {}, New()} {
		for _, id := range []Identity{"", "github:owner/repo"} {
			if g, ok := f.Grant(id); ok {
				t.Errorf("%+v", g)
			}
			if d, ok := f.Deny(id); ok {
				t.Errorf("%+v", d)
			}
		}
	}
	// A grant without a flake is found by no name.
	if g, ok := (&File{Version: Version, Grants: []Grant{{}}}).Grant(""); ok {
		t.Errorf("%+v", g)
	}
}
