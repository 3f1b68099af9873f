#ifndef CLINUX_H
#define CLINUX_H

#include <sys/types.h>

/// A crash leaves no core (RLIMIT_CORE 0) and no report: Swift's own handlers print registers and the memory that they
/// point at, which may be a key. Returns 0, or errno.
int jobsworth_forbid_crash_reports(void);

/// Other processes of the same user can't read this one's memory (prctl PR_SET_DUMPABLE 0); it can then not open its
/// own /proc/self/fd either. Returns 0, or errno.
int jobsworth_forbid_inspection(void);

/// Memory that is free is kept in two places and not in eight for each processor (mallopt M_ARENA_MAX); before the first
/// thread.
void jobsworth_keep_few_arenas(void);

/// Gives memory that is free back to the system (malloc_trim).
void jobsworth_return_free_memory(void);

/// How many processors this process may run on, by its affinity (sched_getaffinity); 0 where the kernel does not say.
int jobsworth_allowed_processors(void);

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

/// The environment of this process: environ, which Swift takes for a variable that anybody may change.
char **jobsworth_environment(void);

/// What a new process is to be.
struct jobsworth_command {
    /// The paths to try in order, as execvp does along PATH; ended by NULL.
    const char *const *candidates;
    char *const *arguments;
    char *const *environment;
    /// Not 0: the process gets these ids and groups for good before it runs anything.
    int changes_user;
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
    /// Not 0: the process leads a group of its own. One with another user leads a session instead: in ours it could type
    /// into our terminal (TIOCSTI).
    int leads_group;
};

/// How far a new process came that could not be.
enum jobsworth_spawn_step {
    JOBSWORTH_SPAWN_FORK = 1,
    JOBSWORTH_SPAWN_USER = 2,
    JOBSWORTH_SPAWN_EXECUTE = 3,
};

/// Starts a process with descriptors 0, 1 and 2 of ours and no other, with every signal at its default, which gets
/// SIGTERM when the calling thread ends: call it from a thread that waits for it. Returns 0, or errno and the step.
int jobsworth_spawn(const struct jobsworth_command *command, pid_t *pid, int *step);

/// Waits until a child has ended, and leaves it to be reaped, so that its id stays its own. Returns 0, or errno.
int jobsworth_await(pid_t pid);

/// From now on, what a dying child leaves behind becomes a child of this process.
int jobsworth_adopt_orphans(void);

/// Waits for every child of this process and for what they leave behind, and after `grace` milliseconds kills them; -1
/// where some live on after so many milliseconds more.
int jobsworth_end_children(int grace, int milliseconds);

#endif
