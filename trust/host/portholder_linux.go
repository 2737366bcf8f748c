package host

import (
	"bufio"
	"encoding/hex"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// PortHolder says who listens on an address, as far as the kernel tells
// everybody: "a program of the user mira". "" when nobody does.
func PortHolder(address string) string {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return ""
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		uid := listenerIn(bufio.NewScanner(f), net.ParseIP(host), port)
		f.Close()
		if uid != "" {
			if u, err := user.LookupId(uid); err == nil {
				return "a program of the user " + u.Username
			}
			return "a program of the user with the id " + uid
		}
	}
	return ""
}

// listenerIn finds the user id of who listens on a port, for this address or
// for every one. Linux: Documentation/networking/proc_net_tcp.rst.
func listenerIn(rows *bufio.Scanner, ip net.IP, port int) string {
	for rows.Scan() {
		f := strings.Fields(rows.Text())
		if len(f) < 8 || f[3] != "0A" {
			continue
		}
		at, portHex, ok := strings.Cut(f[1], ":")
		if got, err := strconv.ParseUint(portHex, 16, 16); !ok || err != nil || int(got) != port {
			continue
		}
		raw, err := hex.DecodeString(at)
		if err != nil || len(raw)%4 != 0 {
			continue
		}
		for i := 0; i < len(raw); i += 4 { // words in the machine's order
			slices.Reverse(raw[i : i+4])
		}
		if local := net.IP(raw); local.Equal(ip) || local.IsUnspecified() {
			return f[7]
		}
	}
	return ""
}
