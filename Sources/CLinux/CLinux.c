// What Swift can't reach on Linux: variadic prctl, struct ucred, flock, statfs.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/vfs.h>

int jobsworth_forbid_crash_reports(void) {
    static const int crashes[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGBUS, SIGSEGV};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) signal(crashes[i], SIG_DFL);
    struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) == 0 ? 0 : errno;
}

int jobsworth_forbid_inspection(void) {
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
    return 0;
}

_Static_assert(sizeof(struct jobsworth_peer_credentials) == sizeof(struct ucred), "layout of struct ucred");

int jobsworth_lock_exclusively(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

int jobsworth_file_system_type(const char *path, long *type) {
    struct statfs answer;
    if (statfs(path, &answer) != 0) return errno;
    *type = (long)answer.f_type;
    return 0;
}
