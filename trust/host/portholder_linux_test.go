package host

import (
	"bufio"
	"net"
	"strings"
	"testing"
)

func TestWhoListensIsReadFromTheKernelsTable(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1FC0 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0
   1: 0100007F:1FC1 0100007F:A000 01 00000000:00000000 00:00000000 00000000  1001        0 1 1 0 100 0 0 10 0
   2: 00000000:1FC2 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1002        0 1 1 0 100 0 0 10 0
   3: 0200007F:1FC3 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1003        0 1 1 0 100 0 0 10 0
   4: zz
   5: 00000000000000000000000001000000:1FC4 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1004 0 1`
	for port, want := range map[int]string{8128: "1000", 8129: "", 8130: "1002", 8131: "", 8132: ""} {
		if got := listenerIn(bufio.NewScanner(strings.NewReader(table)), net.ParseIP("127.0.0.1"), port); got != want {
			t.Errorf("port %d: %q, want %q", port, got, want)
		}
	}
	if got := listenerIn(bufio.NewScanner(strings.NewReader(table)), net.ParseIP("::1"), 8132); got != "1004" {
		t.Errorf("over IPv6: %q", got)
	}
}
