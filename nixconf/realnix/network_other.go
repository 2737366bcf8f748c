//go:build !linux

package realnix

import "syscall"

// leaveNetwork does nothing: the roots with a real Nix are Linux's.
func leaveNetwork(*syscall.SysProcAttr) {}
