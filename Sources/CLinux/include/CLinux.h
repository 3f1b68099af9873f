#ifndef CLINUX_H
#define CLINUX_H

#include <sys/types.h>

/// A crash leaves no core (RLIMIT_CORE 0) and no report: Swift's own handlers print registers and the memory that they
/// point at, which may be a key. Returns 0, or errno.
int jobsworth_forbid_crash_reports(void);

/// Other processes of the same user can't read this one's memory (prctl PR_SET_DUMPABLE 0); it can then not open its
/// own /proc/self/fd either. Returns 0, or errno.
int jobsworth_forbid_inspection(void);

/// What SO_PEERCRED answers: `struct ucred`, which Swift does not see.
struct jobsworth_peer_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/// Takes an exclusive advisory lock on an open file without waiting. Returns 0, or errno.
int jobsworth_lock_exclusively(int fd);

/// The file system's magic number (statfs). Returns 0, or errno.
int jobsworth_file_system_type(const char *path, long *type);

/// Reads what waits in a pipe or a socket and leaves it there. Returns the number of bytes; 0 where there is nothing, or
/// no way to look.
ssize_t jobsworth_peek(int fd, void *buffer, size_t size);

/// The place of the first `needle` in `bytes` (memmem); -1 where there is none.
ssize_t jobsworth_find(const void *bytes, size_t count, const void *needle, size_t needle_count);

/// The path of the Unix socket that this one is connected to, ended by a zero; empty where there is none. `size` is that
/// of `path`.
void jobsworth_peer_path(int fd, char *path, size_t size);

#endif
