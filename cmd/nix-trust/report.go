package main

import "github.com/spf13/cobra"

// reportFlags are the flags of report.
type reportFlags struct {
	bundle string // the archive to write
	bundleFlags
}

func (a *app) reportCommand() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:   "report",
		Short: "Write down what was looked at, to attach to a ticket",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.bundle == "" {
				return usage("what to write was not said", "give --bundle FILE")
			}
			return a.writeBundle(cmd.Context(), f.bundle, f.bundleFlags)
		},
	}
	c.Flags().StringVar(&f.bundle, "bundle", "", "write what was looked at to the archive `FILE`, for --root to look at elsewhere")
	c.Flags().BoolVar(&f.force, "force", false, "write over a file that is there")
	f.bundleFlags.add(c)
	return c
}
