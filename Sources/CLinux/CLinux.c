// What Swift can't reach on Linux: variadic prctl, struct ucred, flock, statfs.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

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

static ssize_t peek_pipe(int fd, void *buffer, size_t size) {
    int copy[2];
    if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) != 0) return 0;
    ssize_t count = tee(fd, copy[1], size, SPLICE_F_NONBLOCK);
    if (count > 0) count = read(copy[0], buffer, size);
    close(copy[0]);
    close(copy[1]);
    return count > 0 ? count : 0;
}

ssize_t jobsworth_peek(int fd, void *buffer, size_t size) {
    struct stat status;
    if (fstat(fd, &status) != 0) return 0;
    if (S_ISFIFO(status.st_mode)) return peek_pipe(fd, buffer, size);
    if (!S_ISSOCK(status.st_mode)) return 0;
    ssize_t count = recv(fd, buffer, size, MSG_PEEK | MSG_DONTWAIT);
    return count > 0 ? count : 0;
}

ssize_t jobsworth_find(const void *bytes, size_t count, const void *needle, size_t needle_count) {
    const char *found = memmem(bytes, count, needle, needle_count);
    return found == NULL ? -1 : found - (const char *)bytes;
}

void jobsworth_peer_path(int fd, char *path, size_t size) {
    struct sockaddr_un peer = {0};
    socklen_t length = sizeof peer;
    path[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0 || peer.sun_family != AF_UNIX) return;
    size_t count = strnlen(peer.sun_path, sizeof peer.sun_path);
    if (count >= size) return;
    memcpy(path, peer.sun_path, count);
    path[count] = '\0';
}
