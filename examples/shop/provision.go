package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) provisionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "provision",
		Short: "Make the DynamoDB tables of a store",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := provisionStores(cmd.Context(), a.store); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.stdout(), "the tables of %s are ready\n", a.store)
			return err
		},
	}
}
