package bincache

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ulikunitz/xz/lzma"
)

// An xzReader reads the container of the .xz format around LZMA2, which the
// lzma package decodes. The container is read here because a block's header
// says how much memory its decoder takes, up to 4 GiB, and every block of a
// file may say so anew. Checksums are skipped: everything that comes out is
// compared with a SHA-256. The .xz file format 1.2.1, sections 2 and 3.
type xzReader struct {
	in      *xzInput
	most    uint64 // the largest dictionary that is read
	useful  uint64 // no dictionary needs to be larger, as the contents are not
	asked   uint64 // bytes of dictionaries so far
	given   uint64 // bytes of contents so far
	check   int    // bytes of the check behind each block
	block   io.Reader
	started bool
	err     error
}

// xzInput counts what the decoder took, for the padding behind a block.
type xzInput struct {
	r *bufio.Reader
	n uint64
}

func (x *xzInput) Read(p []byte) (int, error) {
	n, err := x.r.Read(p)
	x.n += uint64(n)
	return n, err
}

func (x *xzInput) ReadByte() (byte, error) {
	b, err := x.r.ReadByte()
	if err == nil {
		x.n++
	}
	return b, err
}

// newXZReader reads a file that unpacks to size bytes (0: not known), with
// dictionaries of at most most bytes.
func newXZReader(in *bufio.Reader, most, size uint64) *xzReader {
	if size == 0 {
		size = math.MaxUint64
	}
	return &xzReader{in: &xzInput{r: in}, most: most, useful: size}
}

var (
	errXZ     = errors.New("it breaks the rules of the xz format")
	xzMagic   = [6]byte{0xfd, '7', 'z', 'X', 'Z', 0}
	xzCheckOf = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}
)

func (x *xzReader) Read(p []byte) (int, error) {
	for x.err == nil {
		if x.block == nil {
			x.err = x.next()
			continue
		}
		n, err := x.block.Read(p)
		x.given += uint64(n)
		if err == io.EOF {
			x.block = nil
			x.err = x.skip(uint64(4-x.in.n%4)%4 + uint64(x.check))
		} else {
			x.err = err
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	return 0, x.err
}

// next begins the next block; io.EOF is the end of the file.
func (x *xzReader) next() error {
	if !x.started {
		if err := x.streamHeader(false); err != nil {
			return err
		}
		x.started = true
	}
	for {
		size, err := x.in.ReadByte()
		if err != nil {
			return early(err)
		}
		if size != 0 {
			return x.blockHeader(int(size))
		}
		if err := x.index(); err != nil {
			return err
		}
		if err := x.streamHeader(true); err != nil {
			return err
		}
	}
}

// streamHeader reads the 12 bytes that begin a stream. Behind another one it
// may be preceded by zeros in fours, or be missing.
func (x *xzReader) streamHeader(another bool) error {
	var head [12]byte
	for {
		n, err := io.ReadFull(x.in, head[:4])
		if another && n == 0 && err == io.EOF {
			return io.EOF
		}
		if err != nil {
			return early(err)
		}
		if !another || binary.LittleEndian.Uint32(head[:4]) != 0 {
			break
		}
	}
	if _, err := io.ReadFull(x.in, head[4:]); err != nil {
		return early(err)
	}
	if [6]byte(head[:6]) != xzMagic || head[6] != 0 || head[7] > 15 {
		return errXZ
	}
	x.check = xzCheckOf[head[7]]
	return nil
}

// blockHeader reads the rest of a header of (size+1)*4 bytes. LZMA2 alone is
// read, as no cache uses the filters for machine code.
func (x *xzReader) blockHeader(size int) error {
	var buf [1024]byte
	head := buf[:(size+1)*4-1]
	if _, err := io.ReadFull(x.in, head); err != nil {
		return early(err)
	}
	flags := head[0]
	if flags&0x3c != 0 {
		return errXZ
	}
	if flags&0x03 != 0 {
		return failf(Unsupported, "the xz file uses a filter besides LZMA2; this program cannot check such a file")
	}
	rest := head[1 : len(head)-4]
	for bit := byte(0x40); bit != 0; bit <<= 1 {
		if flags&bit != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return errXZ
			}
			rest = rest[n:]
		}
	}
	if len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 || rest[2] > 40 {
		return errXZ
	}
	dict, err := lzma.DecodeDictCap(rest[2])
	if err != nil {
		return errXZ
	}
	need := min(uint64(dict), x.useful)
	if need > x.most {
		return fmt.Errorf("it wants %d bytes to look back, more than the %d that are allowed", dict, x.most)
	}
	// Programs that cut a file into blocks make them larger than a dictionary;
	// otherwise every 30 bytes could cost the clearing of 128 MiB.
	if x.asked += need; x.asked > x.given+2*x.most {
		return errors.New("it has too many blocks for what is in them")
	}
	x.in.n = 0
	x.block, err = lzma.Reader2Config{DictCap: int(max(need, lzma.MinDictCap))}.NewReader2(x.in)
	return err
}

// index skips the list of blocks and the footer behind it, without keeping it.
func (x *xzReader) index() error {
	x.in.n = 1 // its first byte was read
	count, err := binary.ReadUvarint(x.in)
	if err != nil {
		return early(err)
	}
	for range 2 {
		for i := uint64(0); i < count; i++ {
			if _, err := binary.ReadUvarint(x.in); err != nil {
				return early(err)
			}
		}
	}
	if err := x.skip(uint64(4-x.in.n%4)%4 + 4); err != nil {
		return err
	}
	var foot [12]byte
	if _, err := io.ReadFull(x.in, foot[:]); err != nil {
		return early(err)
	}
	if foot[10] != 'Y' || foot[11] != 'Z' {
		return errXZ
	}
	return nil
}

func (x *xzReader) skip(n uint64) error {
	_, err := io.CopyN(io.Discard, x.in, int64(n))
	return early(err)
}

// early makes the end of the input an error where more must come.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
