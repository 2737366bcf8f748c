package host

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nix-trust/nix-trust/trust"
)

// hostile is a daemon made up for one test, behind a real socket.
func hostile(t *testing.T, serve func(c net.Conn)) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); serve(c) }()
		}
	}()
	return socket
}

// words are 64-bit numbers on the wire.
func words(n ...uint64) []byte {
	var b []byte
	for _, v := range n {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// str is a string on the wire.
func str(s string) []byte {
	b := append(words(uint64(len(s))), s...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// talk has the conversation with a made-up daemon, and fails the test if it
// takes much longer than it may.
func talk(t *testing.T, limit time.Duration, serve func(c net.Conn)) trust.Daemon {
	t.Helper()
	socket := hostile(t, serve)
	start := time.Now()
	again := func(ctx context.Context) *conversation { return greet(ctx, dialUnix, socket, limit) }
	c := again(context.Background())
	c.ask(context.Background(), []string{"https://a.example", "https://b.example"}, again)
	if took := time.Since(start); took > limit+2*time.Second {
		t.Errorf("it took %v, and the limit is %v", took, limit)
	}
	if c.conn != nil {
		t.Error("the connection is still open")
	}
	return c.daemon
}

func discard(c net.Conn) { go io.Copy(io.Discard, c) }

// honest answers the handshake as a 2.26 daemon does.
func honest(level uint64) []byte {
	return join(words(magicDaemon, 0x126), str("2.26.3"), words(level, tagLast))
}

func TestHostileDaemonsTeachNothingAndHoldNothingUp(t *testing.T) {
	const limit = 300 * time.Millisecond
	endless := func(c net.Conn, chunk []byte) {
		for {
			if _, err := c.Write(chunk); err != nil {
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		serve func(c net.Conn)
		want  trust.DaemonState
	}{
		"accepts and never answers": {func(c net.Conn) { io.Copy(io.Discard, c) }, trust.DaemonSilent},
		"closes at once":            {func(c net.Conn) {}, trust.DaemonRefused},
		"answers garbage":           {func(c net.Conn) { discard(c); endless(c, []byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, trust.DaemonGarbled},
		"wrong magic":               {func(c net.Conn) { discard(c); c.Write(words(magicClient, 0x126)); time.Sleep(limit) }, trust.DaemonGarbled},
		"protocol of another major": {func(c net.Conn) { discard(c); c.Write(words(magicDaemon, 0x226)); time.Sleep(limit) }, trust.DaemonGarbled},
		"protocol out of range":     {func(c net.Conn) { discard(c); c.Write(words(magicDaemon, 1<<63|0x126)); time.Sleep(limit) }, trust.DaemonGarbled},
		"protocol too old":          {func(c net.Conn) { discard(c); c.Write(words(magicDaemon, 0x10a)); time.Sleep(limit) }, trust.DaemonGarbled},
		"giant version string":      {func(c net.Conn) { discard(c); c.Write(words(magicDaemon, 0x126, 1<<62)); time.Sleep(limit) }, trust.DaemonGarbled},
		"negative string length":    {func(c net.Conn) { discard(c); c.Write(words(magicDaemon, 0x126, 1<<64-1)); time.Sleep(limit) }, trust.DaemonGarbled},
		"padding that is not zero": {func(c net.Conn) {
			discard(c)
			c.Write(join(words(magicDaemon, 0x126, 1), []byte("2xxxxxxx")))
			time.Sleep(limit)
		}, trust.DaemonGarbled},
		"a trust level nobody knows": {func(c net.Conn) {
			discard(c)
			c.Write(join(words(magicDaemon, 0x126), str("2.26.3"), words(7, tagLast)))
			time.Sleep(limit)
		}, trust.DaemonGarbled},
		"trusted, then nothing": {func(c net.Conn) {
			discard(c)
			c.Write(join(words(magicDaemon, 0x126), str("2.26.3"), words(1)))
			time.Sleep(2 * limit)
		}, trust.DaemonSilent},
		"trusted, then the end": {func(c net.Conn) {
			c.Write(join(words(magicDaemon, 0x126), str("2.26.3"), words(1)))
			c.(*net.UnixConn).CloseWrite()
			io.Copy(io.Discard, c)
		}, trust.DaemonSilent},
		"half a word, then the end": {func(c net.Conn) {
			c.Write(words(magicDaemon)[:4])
			c.(*net.UnixConn).CloseWrite()
			io.Copy(io.Discard, c)
		}, trust.DaemonSilent}, // a daemon that died says nothing about the user
		"trusted, then an unknown tag": {func(c net.Conn) {
			discard(c)
			c.Write(join(words(magicDaemon, 0x126), str("2.26.3"), words(1, 42)))
			time.Sleep(limit)
		}, trust.DaemonGarbled},
		"trusted, then an error": {func(c net.Conn) {
			discard(c)
			c.Write(join(words(magicDaemon, 0x126), str("2.26.3"), words(1, tagError), str("Error"), words(0), str("Error"), str("no store"), words(0, 0)))
			time.Sleep(limit)
		}, trust.DaemonRefused},
		"trusted, then endless messages": {func(c net.Conn) {
			discard(c)
			c.Write(join(words(magicDaemon, 0x126), str("2.26.3"), words(1)))
			endless(c, bytes.Repeat(join(words(tagNext), str("warning: x")), 2000))
		}, trust.DaemonGarbled},
		"trusted, then endless activity": {func(c net.Conn) {
			discard(c)
			c.Write(join(words(magicDaemon, 0x126), str("2.26.3"), words(1)))
			endless(c, bytes.Repeat(words(tagStopActivity, 1), 4000))
		}, trust.DaemonGarbled},
		"trusted, then a giant field list": {func(c net.Conn) {
			discard(c)
			c.Write(join(words(magicDaemon, 0x126), str("2.26.3"), words(1, tagResult, 1, 1, 1<<40)))
			time.Sleep(limit)
		}, trust.DaemonGarbled},
		"one byte at a time": {func(c net.Conn) {
			discard(c)
			for _, b := range honest(1) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, trust.DaemonSilent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := talk(t, limit, tc.serve)
			// On a slow machine what never ends meets the deadline before the limit.
			slow := got.State == trust.DaemonSilent && strings.Contains(name, "endless")
			if got.State != tc.want && !slow {
				t.Errorf("state %v (%s), want %v", got.State, got.Err, tc.want)
			}
			if got.Trust != trust.TrustUnknown || got.Admits != nil || got.Probed {
				t.Errorf("it taught trust %v, probed %v, %v", got.Trust, got.Probed, got.Admits)
			}
			if got.Err == "" || strings.Contains(got.Err, "%!") {
				t.Errorf("its failure is explained by %q", got.Err)
			}
		})
	}
}

// After the handshake trust is known. What is asked then must stay unknown when
// the daemon does not answer it as a daemon does.
func TestAfterTheHandshakeOnlyTheQuestionIsLost(t *testing.T) {
	const limit = 300 * time.Millisecond
	for name, answer := range map[string]func(c net.Conn){
		"never answers":        func(c net.Conn) { time.Sleep(2 * limit) },
		"closes":               func(c net.Conn) {},
		"garbage":              func(c net.Conn) { c.Write([]byte("garbage garbage garbage")); time.Sleep(limit) },
		"says nothing of them": func(c net.Conn) { c.Write(words(tagLast)); time.Sleep(limit) },
		"rejects only what it was asked": func(c net.Conn) {
			c.Write(join(words(tagNext), str("warning: ignoring untrusted substituter 'https://a.example', you are not a trusted user."), words(tagLast)))
			time.Sleep(limit)
		},
		"always an error": func(c net.Conn) {
			c.Write(join(words(tagError), str("Error"), words(0), str("Error"), str("no"), words(0, 0)))
			time.Sleep(limit)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := talk(t, limit, func(c net.Conn) {
				c.Write(honest(2))
				buf := make([]byte, 4096)
				for read := 0; read < 300; { // the greeting is 32 bytes, the offer more
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					read += n
				}
				answer(c)
			})
			if got.State != trust.DaemonAnswered || got.Trust != trust.Untrusted {
				t.Errorf("state %v, trust %v, want answered and untrusted", got.State, got.Trust)
			}
			if len(got.Admits) != 0 {
				t.Errorf("admits %v", got.Admits)
			}
		})
	}
}

// A daemon too old to say whether it trusts the user must show it. One that only
// leaves out the warnings shows nothing.
func TestOldDaemonsThatSayNothingAreNotTrusting(t *testing.T) {
	for name, tc := range map[string]struct {
		says []string
		want trust.Trust
	}{
		"silence":                {nil, trust.TrustUnknown},
		"unrelated":              {[]string{"warning: unknown setting 'x'"}, trust.TrustUnknown},
		"restricted":             {[]string{"ignoring the client-specified setting 'require-sigs', because it is a restricted setting and you are not a trusted user"}, trust.Untrusted},
		"complains of the value": {[]string{"\x1b[35;1mwarning:\x1b[0m Boolean setting '\x1b[33;1mrequire-sigs\x1b[0m' has invalid value '\x1b[33;1mnix-trust-asks\x1b[0m'"}, trust.Trusted},
		"a URL that reads like it": {[]string{
			"warning: ignoring untrusted substituter 'https://require-sigs.has-invalid-value.nix-trust-asks'",
			"ignoring the client-specified setting 'require-sigs', because it is a restricted setting and you are not a trusted user",
		}, trust.Untrusted},
		"both": {[]string{
			"Boolean setting 'require-sigs' has invalid value 'nix-trust-asks'",
			"ignoring the client-specified setting 'require-sigs', because it is a restricted setting and you are not a trusted user",
		}, trust.TrustUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			got := talk(t, time.Second, func(c net.Conn) {
				c.Write(join(words(magicDaemon, 0x122), str("2.8.0"), words(tagLast)))
				buf := make([]byte, 4096)
				for read := 0; read < 300; {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					read += n
				}
				for _, s := range tc.says {
					c.Write(join(words(tagNext), str(s)))
				}
				c.Write(words(tagLast))
			})
			if got.Trust != tc.want || got.Probed != (tc.want != trust.TrustUnknown) {
				t.Errorf("trust %v, probed %v (%s), want %v", got.Trust, got.Probed, got.Err, tc.want)
			}
		})
	}
}

func TestAbsentAndForbiddenSocketsAreToldApart(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	l, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	long := filepath.Join(dir, strings.Repeat("long/", 30), "socket")
	for socket, want := range map[string]trust.DaemonState{
		filepath.Join(dir, "none"): trust.DaemonAbsent,
		dead:                       trust.DaemonAbsent,
		dir:                        trust.DaemonAbsent,
		long:                       trust.DaemonAbsent,
	} {
		c := greet(context.Background(), dialUnix, socket, time.Second)
		if c.daemon.State != want && !(runtime.GOOS != "linux" && socket == long) {
			t.Errorf("%s: state %v (%s), want %v", socket, c.daemon.State, c.daemon.Err, want)
		}
	}
	c := greet(context.Background(), func(context.Context, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: fs.ErrPermission}
	}, "/s", time.Second)
	if c.daemon.State != trust.DaemonRefused {
		t.Errorf("a forbidden socket: state %v", c.daemon.State)
	}
}

// A socket of another root is reached inside it, through any link and at any
// length of path.
func TestSocketsOfAnotherRootAreReachedInsideIt(t *testing.T) {
	root := t.TempDir()
	deep := strings.Repeat("/a-folder-with-a-long-name", 8)
	if err := os.MkdirAll(root+deep, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := hostile(t, func(c net.Conn) { discard(c); c.Write(honest(2)); time.Sleep(time.Second) })
	if err := os.Rename(socket, root+deep+"/socket"); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"/link": deep + "/socket", "/folder": deep} {
		if err := os.Symlink(target, root+link); err != nil {
			t.Fatal(err)
		}
	}
	m := Real(root)
	for _, at := range []string{deep + "/socket", "/link", "/folder/socket", "/../.." + deep + "/socket"} {
		c := greet(context.Background(), m.dial, at, 5*time.Second)
		c.close()
		if c.daemon.State != trust.DaemonAnswered && runtime.GOOS == "linux" {
			t.Errorf("%s: state %v (%s)", at, c.daemon.State, c.daemon.Err)
		}
	}
	if c := greet(context.Background(), m.dial, root+deep+"/socket", 5*time.Second); c.daemon.State != trust.DaemonAbsent {
		t.Errorf("a path outside the root: state %v", c.daemon.State)
	}
}

func TestCancelledLooksDoNotWait(t *testing.T) {
	socket := hostile(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	c := greet(ctx, dialUnix, socket, time.Minute)
	if took := time.Since(start); took > 5*time.Second || c.daemon.State != trust.DaemonSilent {
		t.Errorf("after %v the state is %v", took, c.daemon.State)
	}
}

func FuzzMessagesEndAndStayInLimits(f *testing.F) {
	f.Add(honest(1))
	f.Add(join(words(tagNext), str("warning: x"), words(tagStartActivity, 1, 2, 3), str("s"), words(2, 0, 5, 1), str("f"), words(0, tagLast)))
	f.Add(join(words(tagError), str("Error"), words(0), str("Error"), str("no"), words(0, 1, 0), str("trace")))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, protocol := range []int{0x122, 0x115, 0x126} {
			w := newWire(struct {
				io.Reader
				io.Writer
			}{strings.NewReader(string(data)), io.Discard})
			lines, err := w.messages(protocol)
			total := 0
			for _, l := range lines {
				total += len(l)
			}
			if total > len(data) {
				t.Errorf("%d bytes of messages from %d bytes", total, len(data))
			}
			var said *daemonError
			if err != nil && !errors.Is(err, errGarbled) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &said) {
				t.Errorf("an error of no known kind: %v", err)
			}
			o := readOffer(lines, nil)
			if o.rejected[""] {
				t.Error("an empty URL is rejected")
			}
		}
	})
}
