package main

import (
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func (a *app) demoCommand() *cobra.Command {
	var tour bool
	c := &cobra.Command{
		Use:   "demo [COMMAND]",
		Short: "Show everything on a made-up host, without Nix",
		Long: `demo opens the screens on a host that exists only inside this program: a user
whose acceptance is ignored, a saved no, a skeleton key, a cache listed under
another spelling, inputs whose caches are never asked, and a flake without
trouble. Any command can follow, as in: nix-trust demo why

Its caches and its gate are real servers that listen on this machine alone. Grant
a flake (t), press 6 and fetch it (f): what its lock pins goes through the gate
into a scratch folder, which is named and removed at the end unless --keep is
given. One flake's caches turn hostile after its lock was granted. Its store (press
8) is made up, and has one of everything, forged signatures among it. No Nix on
this machine is touched, and nothing else is written.

--tour does all that without a person: it grants, fetches, verifies, meets the
hostile cache, revokes and fetches nothing, and says what came of each step. Exit
code: 0 when every step did what it has to do, else 1.`,
		Args: cobra.NoArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.demo = true
			return a.checkFlags(cmd)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			// However it ends, as with a terminal that is closed, the
			// scratch folder goes.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGTERM)
			defer stop()
			switch {
			case tour:
				return a.tour(ctx)
			case a.json || a.plain || !a.terminal:
				return a.status(ctx)
			}
			return a.screens(ctx, "")
		},
	}
	c.Flags().BoolVar(&tour, "tour", false, "walk through it without a person, and check every step")
	c.Flags().BoolVar(&a.demoRun.keep, "keep", false, "leave what was fetched in the scratch folder")
	c.AddCommand(a.statusCommand(), a.whyCommand(), a.explainCommand(), a.configCommand(), a.answersCommand(), a.doctorCommand(), a.probeCommand(), a.lintCommand(), a.reviewCommand(), a.reportCommand(), a.auditCommand())
	return c
}
