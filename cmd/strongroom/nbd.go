package main

import (
	"github.com/spf13/cobra"
)

func nbdCommand() *cobra.Command {
	var (
		o      adminOptions
		socket string
	)
	c := &cobra.Command{
		Use:   "nbd VOLUME-ID",
		Short: "Serve an EBS volume as a disk on this machine",
		Long: `Serves a volume by the NBD protocol on a Unix socket until the command is stopped, so that
the kernel's nbd-client, qemu or libnbd can use it as a disk. Only the socket's owner can
use it, and only while the server runs on the data directory. While a client is connected
the volume is in use and cannot be deleted; backups of it can be made.

Example:
  strongroom nbd vol-0123456789abcdef0 --data ./data --socket ./disk.sock
  qemu-img convert -n -O raw image.raw "nbd+unix:///?socket=./disk.sock"
  nbd-client -unix ./disk.sock /dev/nbd0 && mkfs.ext4 /dev/nbd0

Exit codes: 0 stopped, 1 failed, 2 wrong usage.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			admin, err := o.admin()
			if err != nil {
				return err
			}
			if socket == "" {
				socket = args[0] + ".sock"
			}
			return admin.Attach(c.Context(), args[0], socket)
		},
	}
	o.where(c.Flags().StringVar)
	c.Flags().StringVar(&socket, "socket", "", "where to make the socket (default VOLUME-ID.sock in this directory)")
	return c
}
