package flake

import "github.com/nix-trust/nix-trust/nixconf"

// ReadConfig reads a flake.nix.
func ReadConfig(name string, src []byte, v nixconf.Version) ([]Setting, *Rejection) {
	return nil, &Rejection{Pos: nixconf.Pos{File: name}, Message: "not read yet"}
}
