package main

import (
	"github.com/spf13/cobra"
)

func (a *app) demoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "demo [COMMAND]",
		Short: "Show everything on a made-up host, without Nix",
		Long: `demo opens the screens on a host that exists only inside this program: a user
whose acceptance is ignored, a saved no, a skeleton key, a cache listed under
another spelling, inputs whose caches are never asked, and a flake without
trouble. Any command can follow, as in: nix-trust demo why`,
		Args: cobra.NoArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.demo = true
			return a.checkFlags(cmd)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.json || a.plain || !a.terminal {
				return a.status(cmd.Context())
			}
			return a.screens(cmd.Context(), "")
		},
	}
	c.AddCommand(a.statusCommand(), a.whyCommand(), a.explainCommand(), a.configCommand(), a.answersCommand(), a.doctorCommand(), a.lintCommand(), a.reviewCommand())
	return c
}
