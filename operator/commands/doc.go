// Package commands are the commands with which a service is operated, for the program of any
// service to mount: they know its event types, its states and its projections.
//
//	root := &cobra.Command{Use: "shop", Short: "A shop"}
//	commands.Mount(root, commands.Options{Terminal: out, Open: openService})
//	commands.Prepare(root, out)
//
// Commands that look change nothing, and work on a store that can not be written. Each
// command is marked with its [Impact].
package commands
