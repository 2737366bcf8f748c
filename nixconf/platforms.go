package nixconf

import "golang.org/x/sys/cpu"

// HostPlatforms lists the x86-64 levels of this machine's processor as Nix names
// them in extra-platforms, for Environment.ExtraPlatforms. It is empty on other
// processors. The library that Nix 2.8 asks knows no fourth level.
// Nix: src/libutil/compute-levels.cc.
func HostPlatforms(v Version) []string {
	x := &cpu.X86
	levels := []bool{
		x.HasSSE2,
		x.HasSSE3 && x.HasSSSE3 && x.HasSSE41 && x.HasSSE42 && x.HasPOPCNT && x.HasCX16,
		x.HasAVX && x.HasAVX2 && x.HasBMI1 && x.HasBMI2 && x.HasFMA && x.HasOSXSAVE,
		x.HasAVX512F && x.HasAVX512BW && x.HasAVX512CD && x.HasAVX512DQ && x.HasAVX512VL && v.AtLeast(2, 16),
	}
	names := []string{"x86_64-v1-linux", "x86_64-v2-linux", "x86_64-v3-linux", "x86_64-v4-linux"}
	for i, has := range levels {
		if !has {
			return names[:i]
		}
	}
	return names
}
