package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust/host"
)

// entryOf is one path of an archive that somebody made by hand.
type entryOf struct {
	tar.Header
	data string
}

func dirs(names ...string) (out []entryOf) {
	for _, n := range names {
		out = append(out, entryOf{tar.Header{Typeflag: tar.TypeDir, Name: n, Mode: 0o755}, ""})
	}
	return out
}

func regular(name, data string) entryOf {
	return entryOf{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, data}
}

const plainManifest = `{"version":1,"made":"2026-01-01T00:00:00Z","by":"x","user":"u","look":{"daemon":{"state":"not-asked","trust":"unknown"},"system":{"os":"linux","arch":"amd64","cpus":1}}}`

// archive packs entries after a manifest.
func archive(t testing.TB, manifest string, entries ...entryOf) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, e := range append([]entryOf{regular(manifestName, manifest)}, entries...) {
		if e.Typeflag == tar.TypeReg {
			e.Size = int64(len(e.data))
		}
		e.Format = tar.FormatPAX
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// with is the plain manifest with more in it.
func with(more string) string { return strings.TrimSuffix(plainManifest, "}") + "," + more + "}" }

func TestReadTakesAPlainBundle(t *testing.T) {
	entries := append(dirs("root/", "root/etc/"), regular("root/etc/x", "text"))
	b, err := Read(bytes.NewReader(archive(t, with(`"absent":["/etc/y"],"unseen":[{"path":"/root","error":"permission denied"}]`), entries...)))
	if err != nil {
		t.Fatal(err)
	}
	files := b.Files()
	if data, err := files.ReadFile("/etc/x"); string(data) != "text" || err != nil {
		t.Error(string(data), err)
	}
	if there, err := files.Exists("/etc/y"); there || err != nil {
		t.Error(there, err)
	}
	if _, err := files.ReadFile("/root/x"); !isPermission(err) {
		t.Error(err)
	}
}

func isPermission(err error) bool { return err != nil && strings.Contains(err.Error(), "permission") }

func TestReadRefusesHostileArchives(t *testing.T) {
	base := dirs("root/", "root/etc/")
	put := func(e ...entryOf) []entryOf { return append(base[:2:2], e...) }
	special := func(kind byte) entryOf {
		return entryOf{tar.Header{Typeflag: kind, Name: "root/etc/x", Linkname: "root/etc/y", Mode: 0o644}, ""}
	}
	deep := strings.Repeat("d/", 3000)
	for name, c := range map[string]struct {
		manifest string
		entries  []entryOf
		want     string
	}{
		"parent folder":      {plainManifest, put(regular("root/etc/../../x", "")), "is not one that a bundle has"},
		"outside":            {plainManifest, put(regular("etc/passwd", "")), "is not in the folder root"},
		"absolute":           {plainManifest, put(regular("/root/etc/passwd", "")), "is not in the folder root"},
		"twice":              {plainManifest, put(regular("root/etc/x", "1"), regular("root/etc/x", "2")), "twice"},
		"folder twice":       {plainManifest, put(dirs("root/etc/")...), "twice"},
		"double slash":       {plainManifest, put(regular("root//etc/x", "")), "is not one"},
		"dot":                {plainManifest, put(regular("root/./etc/x", "")), "is not one"},
		"hard link":          {plainManifest, put(special(tar.TypeLink)), "no file, folder or symbolic link"},
		"device":             {plainManifest, put(special(tar.TypeChar)), "no file, folder or symbolic link"},
		"block device":       {plainManifest, put(special(tar.TypeBlock)), "no file, folder or symbolic link"},
		"pipe":               {plainManifest, put(special(tar.TypeFifo)), "no file, folder or symbolic link"},
		"no folder":          {plainManifest, put(regular("root/usr/x", "")), "in no folder of it"},
		"below a file":       {plainManifest, put(regular("root/etc/x", ""), regular("root/etc/x/y", "")), "in no folder of it"},
		"deep":               {plainManifest, put(regular("root/"+deep+"x", "")), "is not one"},
		"set-user-id":        {plainManifest, put(entryOf{tar.Header{Typeflag: tar.TypeReg, Name: "root/etc/x", Mode: 0o4755}, ""}), "a mode or an owner"},
		"another version":    {strings.Replace(plainManifest, `"version":1`, `"version":2`, 1), base, "version 2"},
		"unknown key":        {with(`"more":1`), base, "unknown field"},
		"no manifest":        {"", base, "does not read"},
		"two manifests":      {plainManifest + plainManifest, base, "does not read"},
		"absent and there":   {with(`"absent":["/etc"]`), base, "twice"},
		"absent twice":       {with(`"absent":["/x","/x"]`), base, "twice"},
		"absent elsewhere":   {with(`"absent":["/../x"]`), base, "is not one"},
		"relative":           {with(`"absent":["x"]`), base, "is not one"},
		"absent below":       {with(`"absent":["/x","/x/y"]`), base, "in no folder of it"},
		"special folder":     {with(`"special":[{"path":"/x","kind":"folder"}]`), base, "unknown"},
		"unread, negative":   {with(`"unread":[{"path":"/x","size":-1}]`), base, "less than no bytes"},
		"lists a file":       {with(`"listings":[{"path":"/etc/x"}]`), put(regular("root/etc/x", "")), "no folder"},
		"lists twice":        {with(`"listings":[{"path":"/etc"},{"path":"/etc"}]`), base, "twice"},
		"lists a path":       {with(`"listings":[{"path":"/etc","entries":[{"name":"../x","kind":"file"}]}]`), base, "nothing can be called"},
		"unseen without why": {with(`"unseen":[{"path":"/x"}]`), base, "does not say why"},
		"trusting stranger":  {strings.Replace(plainManifest, `"trust":"unknown"`, `"trust":"trusted"`, 1), base, "did not answer"},
		"daemon's state":     {strings.Replace(plainManifest, "not-asked", "great", 1), base, `"great"`},
		"no state":           {strings.Replace(plainManifest, `"state":"not-asked",`, "", 1), base, "state is"},
		"unknown file state": {with(`"beside":{"files":[{"State":"fine"}]}`), base, "no state of a file"},
		"link to nothing":    {plainManifest, put(entryOf{tar.Header{Typeflag: tar.TypeSymlink, Name: "root/etc/x", Linkname: strings.Repeat("x", 5000)}, ""}), "is a link"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Read(bytes.NewReader(archive(t, c.manifest, c.entries...)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q; %v", err, c.want, b)
			}
		})
	}
}

func TestReadRefusesWhatIsNoArchive(t *testing.T) {
	whole := archive(t, plainManifest, append(dirs("root/", "root/etc/"), regular("root/etc/x", strings.Repeat("text", 1000)))...)
	for n := range len(whole) {
		if _, err := Read(bytes.NewReader(whole[:n])); err == nil {
			t.Fatalf("%d of its %d bytes are taken for all of it", n, len(whole))
		}
	}
	for _, at := range []int{len(whole) - 8, len(whole) - 1, len(whole) / 2} {
		bad := bytes.Clone(whole)
		bad[at] ^= 1
		if _, err := Read(bytes.NewReader(bad)); err == nil {
			t.Errorf("with byte %d changed it reads", at)
		}
	}
	for _, text := range []string{"", "x", "PK\x03\x04", "\x1f\x8b"} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "gzip") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReadIsNotFilledUp(t *testing.T) {
	big := strings.Repeat("\x00", host.MaxFile)
	entries := dirs("root/")
	for i := range maxContents/host.MaxFile + 1 {
		entries = append(entries, regular(fmt.Sprintf("root/%d", i), big))
	}
	if _, err := Read(bytes.NewReader(archive(t, plainManifest, entries...))); err == nil || !strings.Contains(err.Error(), "64 MiB") {
		t.Error(err)
	}
	if _, err := Read(bytes.NewReader(archive(t, plainManifest, append(dirs("root/"), regular("root/x", big+"x"))...))); err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Error(err)
	}
	var many strings.Builder
	for i := range maxEntries + 2 {
		fmt.Fprintf(&many, `,"/%d"`, i)
	}
	if _, err := Read(bytes.NewReader(archive(t, with(`"absent":[`+many.String()[1:]+`]`), dirs("root/")...))); err == nil || !strings.Contains(err.Error(), "100000 paths") {
		t.Error(err)
	}
	// What follows the archive is read to its end, but not for ever.
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	whole, _ := gzip.NewReader(bytes.NewReader(archive(t, plainManifest, dirs("root/")...)))
	if _, err := io.Copy(z, whole); err != nil {
		t.Fatal(err)
	}
	for range (maxStream >> 20) + 1 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	if _, err := Read(&bomb); err == nil || !strings.Contains(err.Error(), "256 MiB") {
		t.Error(err)
	}
}

// Links of a bundle lead about in the bundle, wherever they point.
func TestLinksOfABundleStayInIt(t *testing.T) {
	entries := dirs("root/", "root/etc/")
	for name, to := range map[string]string{"up": "../../../../../../etc/hostname", "abs": "/etc/hostname", "loop": "loop", "proc": "/proc/self/root/etc/hostname"} {
		entries = append(entries, entryOf{tar.Header{Typeflag: tar.TypeSymlink, Name: "root/etc/" + name, Linkname: to, Mode: 0o777}, ""})
	}
	b, err := Read(bytes.NewReader(archive(t, plainManifest, entries...)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"up", "abs", "loop", "proc"} {
		if data, err := b.Files().ReadFile("/etc/" + name); err == nil {
			t.Errorf("%s leads out: %q", name, data)
		}
	}
}

func FuzzRead(f *testing.F) {
	b, _ := lookAt(f, secretive(), Options{})
	f.Add([]byte(unpacked(f, written(f, b))))
	f.Add([]byte(unpacked(f, archive(f, with(`"absent":["/x"]`), append(dirs("root/", "root/etc/"), regular("root/etc/x", "y"))...))))
	f.Fuzz(func(t *testing.T, tarred []byte) {
		var packed bytes.Buffer
		z, _ := gzip.NewWriterLevel(&packed, gzip.NoCompression)
		z.Write(tarred)
		z.Close()
		b, err := Read(&packed)
		if err != nil {
			return
		}
		m, o, err := b.Machine()
		if err != nil {
			t.Fatal("it was read and has no machine", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if facts := host.Look(ctx, m, o); facts == nil || ctx.Err() != nil {
			t.Error("the look does not end")
		}
		b.Items()
		if _, err := fs.Stat(&b.tree, "."); err != nil && b.tree.nodes["/"] != nil && b.tree.nodes["/"].there() {
			t.Error(err)
		}
	})
}
