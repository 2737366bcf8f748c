package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/nix-trust/nix-trust/trust/gateplace"
)

// gateFlags are the flags of gate.
type gateFlags struct {
	listen    string
	system    bool
	ephemeral bool
	metrics   string
	priority  int
	log       string
	verbose   bool
	idle      time.Duration
	netrc     string
}

func (a *app) gateCommand() *cobra.Command {
	var f gateFlags
	c := &cobra.Command{
		Use:   "gate",
		Short: "Serve what is granted, to Nix on this machine",
		Long: `gate is a binary cache on the loopback interface that serves what active grants
pin and nothing else, signed with the gate's own key. It runs until it is told
to stop. ` + "`nix-trust setup`" + ` makes the key and shows what the administrator does once.

There are two. Yours serves your grants and the machine's. The machine's, which
root installs, serves what root has granted alone: everybody's daemon believes
its key. Grants that change count at once; so does their end.

A service manager may hand over the sockets, and is told when it is ready.
SIGHUP has the grants read again, SIGTERM and Ctrl-C end it. The log is on
stderr; which paths were asked for and are not pinned is in it with --verbose
alone.

Exit code: 0 when it was told to stop; 2 a wrong use; 3 it cannot serve: there is
no key, the address is taken, or another gate of yours is running; 130 Ctrl-C.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runGate(cmd.Context(), f) },
	}
	c.Flags().StringVar(&f.listen, "listen", "", "serve on `ADDR` of the loopback interface (default "+gateplace.Address+", or gate in config.toml)")
	c.Flags().BoolVar(&f.system, "system", false, "be the machine's gate, for what root has granted")
	c.Flags().BoolVar(&f.ephemeral, "ephemeral", false, "serve on a free port and print the URL, beside a gate that runs")
	c.Flags().StringVar(&f.metrics, "metrics", "", "serve metrics for Prometheus on `ADDR` of the loopback interface")
	c.Flags().IntVar(&f.priority, "priority", 30, "say `N` in nix-cache-info: caches with lower numbers are asked first")
	c.Flags().StringVar(&f.log, "log", "text", "write the log as `FORMAT`, text or json")
	c.Flags().BoolVar(&f.verbose, "verbose", false, "log what is asked for and not pinned, too")
	c.Flags().StringVar(&f.netrc, "netrc", "", "read the caches' credentials from `FILE` (default: netrc beside the system's nix.conf, if readable)")
	c.Flags().DurationVar(&f.idle, "idle", 0, "end after `DURATION` without a client, for a service that is started when one comes")
	c.AddCommand(a.gateStatusCommand(), a.gateInstallCommand(), a.gateUninstallCommand())
	return c
}

// check refuses what makes no sense before anything is opened.
func (f gateFlags) check(a *app) error {
	switch {
	case a.demo:
		return usage("the demo has a gate of its own", "run the command without demo")
	case a.root != "":
		return usage("a gate serves the running system alone, not one under --root", "run it there")
	case a.user != "":
		return usage("a gate is run as the user whose grants it serves", "leave out --user, and run it as that user")
	case f.log != "text" && f.log != "json":
		return usage("--log is text or json")
	case f.priority < 1 || f.priority > 10000:
		return usage("--priority is a number from 1 to 10000", "cache.nixos.org has 40, and lower ones are asked first")
	case f.idle < 0 || f.idle > 0 && f.idle < time.Second:
		return usage("--idle is a second or more, such as 10m")
	case f.ephemeral && f.listen != "":
		return usage("--ephemeral serves on a free port, and --listen on a certain one", "leave out one of them")
	case f.ephemeral && f.system:
		return usage("the machine's gate serves at an address that everybody knows", "leave out --ephemeral")
	}
	return nil
}

// place is where the gate has its things.
func (f gateFlags) place(a *app) (gateplace.Place, error) {
	if f.system {
		p := gateplace.OfMachine(f.listen)
		if err := gateplace.CheckAddress(p.Address); err != nil {
			return p, usage(err.Error())
		}
		return p, nil
	}
	p, err := a.gatePlace(f.listen)
	if err == nil && f.ephemeral {
		p.Address = "127.0.0.1:0"
	}
	return p, err
}
