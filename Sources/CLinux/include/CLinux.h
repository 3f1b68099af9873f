#ifndef CLINUX_H
#define CLINUX_H

#include <sys/types.h>

/// Makes the process non-dumpable (prctl PR_SET_DUMPABLE 0) and sets RLIMIT_CORE to 0.
/// Returns 0, or errno.
int jobsworth_forbid_core_dumps(void);

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

#endif
