package bincache

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compressions are the names of a narinfo's Compression that can be read.
var Compressions = []string{"none", "xz", "zstd", "bzip2", "gzip", "br"}

// Decompress returns what is left of r after unpacking it, for one of
// Compressions or "" (which Nix takes for bzip2). No decoder looks back
// further than limits.Window bytes; size, the expected output (0: not known),
// bounds that too where a file may ask for more memory than it can use.
// The output itself is not bounded here; see Cache.Contents.
//
// The file must be in the named format, as for Nix 2.26 and 2.34; 2.8 guesses.
// Errors of kind Misbehaved say what the file is instead when that is plain;
// Unsupported means that the format is not read by this program.
func Decompress(method string, r io.Reader, size uint64, limits Limits) (io.ReadCloser, error) {
	limits = limits.orDefault()
	raw := &rawInput{r: r}
	in := bufio.NewReaderSize(raw, 64<<10)
	if method == "" {
		method = "bzip2"
	}
	magic, _ := in.Peek(6)
	f := &formatReader{method: method, magic: bytes.Clone(magic), raw: raw}
	var out io.Reader
	var err error
	closeOut := func() {}
	switch method {
	case "none":
		return unpacked{in, func() {}}, nil
	case "xz":
		out = newXZReader(in, limits.Window, size)
	case "zstd":
		var d *zstd.Decoder
		// It decodes in the background, so that hashing goes on at the same
		// time; its checksum adds nothing to the NAR's SHA-256.
		if d, err = zstd.NewReader(in, zstd.WithDecoderMaxWindow(limits.Window), zstd.IgnoreChecksum(true)); err == nil {
			out, closeOut = d, d.Close
		}
	case "gzip":
		out, err = gzip.NewReader(in)
	case "bzip2":
		out = bzip2.NewReader(in)
	case "br":
		out = &brotliReader{in: in, r: brotli.NewReader(in)}
	default:
		return nil, failf(Unsupported, "the compression %s is not one of %v; this program cannot check such a file", quote(method), Compressions)
	}
	if err != nil {
		return nil, f.explain(err)
	}
	f.r = out
	return unpacked{f, closeOut}, nil
}

type unpacked struct {
	io.Reader
	close func()
}

func (u unpacked) Close() error {
	u.close()
	return nil
}

// A rawInput remembers how the way to the cache failed, as decoders may make
// another error of it, and may read in a goroutine of their own.
type rawInput struct {
	r   io.Reader
	err atomic.Pointer[error]
}

func (i *rawInput) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && err != io.EOF {
		i.err.Store(&err)
	}
	return n, err
}

// A formatReader makes a decoder's complaint a statement about the cache, and
// leaves errors of the connection what they are.
type formatReader struct {
	method string
	r      io.Reader
	magic  []byte
	raw    *rawInput
}

func (f *formatReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		err = f.explain(err)
	}
	return n, err
}

func (f *formatReader) explain(err error) error {
	var known *Error
	if way := f.raw.err.Load(); way != nil {
		return *way
	}
	if errors.As(err, &known) {
		return err
	}
	if is := formatOf(f.magic); is != "" && is != f.method {
		return failf(Misbehaved, "the narinfo says Compression: %s, but the file is in the format %s; the cache is misconfigured or the file was replaced", f.method, is)
	}
	return &Error{Kind: Misbehaved, Text: fmt.Sprintf("the file cannot be unpacked as %s: %v; it is damaged, cut short or was replaced", f.method, err), Err: err}
}

// formatOf tells a format by its first bytes; empty when it cannot.
func formatOf(magic []byte) string {
	for _, f := range []struct{ name, magic string }{
		{"xz", "\xfd7zXZ\x00"}, {"zstd", "\x28\xb5\x2f\xfd"}, {"gzip", "\x1f\x8b"}, {"bzip2", "BZh"},
		{"lzip", "LZIP"}, {"none (a plain NAR)", "\x0d\x00\x00\x00\x00\x00"},
	} {
		if bytes.HasPrefix(magic, []byte(f.magic)) {
			return f.name
		}
	}
	return ""
}

// A brotliReader also refuses what follows the end of the stream.
type brotliReader struct {
	in *bufio.Reader
	r  *brotli.Reader
}

func (b *brotliReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		if _, more := b.in.ReadByte(); more == nil {
			return n, errors.New("bytes follow its end")
		}
	}
	return n, err
}
