// Package sandbox starts programs that are not trusted, or that must not be who the server is, inside bubblewrap.
//
// What runs in a sandbox has a file system of its own, made of the host's programs and libraries (read-only), of a few files of
// /etc that name no secret, and of what the [Spec] binds; an own /tmp of limited size; no processes but its own in /proc; no
// network, unless the Spec gives it the host's; none of the server's environment, privileges and open files. It has no more
// privileges than an ordinary user, cannot gain any, and dies with the process that started it, however that dies and whatever
// it does: its first process is the kernel's handle on all its others.
//
// A process that is root keeps no user namespace between: bubblewrap makes the view as root, so that directories below parents
// that only root may enter can be bound, and becomes the Spec's user before the program begins. Any other process uses a user
// namespace, in which the program stays the same ordinary user.
//
// The program's environment reaches the program alone. What makes the sandbox is root outside or privileged inside, and the dynamic
// linker obeys variables; so this program goes in with them, as a file in memory, and becomes the program when all privileges are
// gone. Its file must be one that everyone may execute.
//
// It knows processes and files, and nothing of AWS.
package sandbox
