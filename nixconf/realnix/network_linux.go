package realnix

import "syscall"

// leaveNetwork starts a process in a network of its own.
func leaveNetwork(attr *syscall.SysProcAttr) { attr.Cloneflags |= syscall.CLONE_NEWNET }
