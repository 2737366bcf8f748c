package bincache

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

func unpack(method string, data []byte, size uint64, l Limits) ([]byte, error) {
	r, err := Decompress(method, bytes.NewReader(data), size, l)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func xzFile(t testing.TB, config xz.WriterConfig, data []byte) []byte {
	t.Helper()
	if config.DictCap == 0 {
		config.DictCap = 1 << 16
	}
	var b bytes.Buffer
	w, err := config.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestXZReadsEveryShapeOfAnHonestFile(t *testing.T) {
	data := narPattern(60_000)
	one := xzFile(t, xz.WriterConfig{}, data)
	for name, file := range map[string][]byte{
		"one block":                  one,
		"several blocks":             xzFile(t, xz.WriterConfig{BlockSize: 20_000}, data),
		"no check":                   xzFile(t, xz.WriterConfig{NoCheckSum: true}, data),
		"crc32":                      xzFile(t, xz.WriterConfig{CheckSum: xz.CRC32}, data),
		"sha256":                     xzFile(t, xz.WriterConfig{CheckSum: xz.SHA256}, data),
		"two streams":                append(xzFile(t, xz.WriterConfig{}, data[:1000]), xzFile(t, xz.WriterConfig{}, data[1000:])...),
		"two streams and padding":    append(append(xzFile(t, xz.WriterConfig{}, data[:1000]), make([]byte, 8)...), xzFile(t, xz.WriterConfig{}, data[1000:])...),
		"padding at the end":         append(bytes.Clone(one), make([]byte, 4)...),
		"an empty stream in front":   append(xzFile(t, xz.WriterConfig{}, nil), one...),
		"a dictionary that is large": xzFile(t, xz.WriterConfig{DictCap: 16 << 20}, data),
	} {
		got, err := unpack("xz", file, uint64(len(data)), Limits{})
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// The byte of a file's first block that says how large its dictionary is: the
// stream's header has 12 bytes, the block's header begins with size, flags,
// the filter's id and the length of its properties.
const dictByte = 12 + 4

func TestXZCannotAskForMoreMemoryThanItsContentsNeed(t *testing.T) {
	data := narPattern(1000)
	file := xzFile(t, xz.WriterConfig{}, data)
	file[dictByte] = 40 // 4 GiB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := unpack("xz", file, uint64(len(data)), Limits{})
	runtime.ReadMemStats(&after)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("it took %d bytes to unpack %d", used, len(data))
	}
	if _, err := unpack("xz", file, 1<<40, Limits{}); !errors.Is(err, Misbehaved) || !strings.Contains(err.Error(), "look back") {
		t.Errorf("with contents of any size: %v", err)
	}
}

func TestXZRefusesBlocksThatCostMoreThanTheyHold(t *testing.T) {
	file := xzFile(t, xz.WriterConfig{BlockSize: 1, DictCap: 1 << 20}, make([]byte, 1000))
	if _, err := unpack("xz", file, 1<<40, Limits{Window: 2 << 20}); !errors.Is(err, Misbehaved) || !strings.Contains(err.Error(), "too many blocks") {
		t.Errorf("got %v", err)
	}
}

func TestZstdRefusesAWindowThatIsTooLarge(t *testing.T) {
	// A frame's header: magic, no content size, a window of 2^31 bytes.
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00}
	if _, err := unpack("zstd", frame, 0, Limits{}); !errors.Is(err, Misbehaved) {
		t.Errorf("got %v", err)
	}
}

// A packed file that is damaged anywhere gives an error or the same contents
// (what differs is found by the NAR's hash), and never hangs or panics.
func TestDamagedFilesEndInAnError(t *testing.T) {
	data := narPattern(2000)
	for _, method := range []string{"xz", "zstd", "gzip", "br"} {
		whole := packWith(t, method, data)
		for cut := range len(whole) {
			if got, err := unpack(method, whole[:cut], uint64(len(data)), Limits{}); err == nil && bytes.Equal(got, data) && method != "xz" {
				t.Errorf("%s cut to %d of %d bytes goes unnoticed", method, cut, len(whole))
			} else if err != nil && !errors.Is(err, Misbehaved) {
				t.Errorf("%s cut to %d: %v of kind %v", method, cut, err, KindOf(err))
			}
		}
	}
}
