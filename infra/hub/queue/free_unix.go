//go:build !windows

package queue

import "golang.org/x/sys/unix"

// free returns the free space of a directory's disk in bytes.
func free(dir string) (uint64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	return uint64(disk.Bavail) * uint64(disk.Bsize), nil
}
