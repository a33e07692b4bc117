package dbengine

import (
	"os/user"
	"strconv"
)

// lookUp finds an account of the host that is not root; nil if it has none.
func lookUp(name string) *User {
	account, err := user.Lookup(name)
	if err != nil {
		return nil
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil || uid == 0 {
		return nil
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return nil
	}
	return &User{Name: name, UID: uid, GID: gid}
}
