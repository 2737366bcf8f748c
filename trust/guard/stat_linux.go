package guard

import "syscall"

func modifiedAt(st *syscall.Stat_t) syscall.Timespec { return st.Mtim }
func changedAt(st *syscall.Stat_t) syscall.Timespec  { return st.Ctim }
