// Preloaded into the product: sees the calls with which it changes files, in one order for all threads, and at the one
// it is told to, kills the process or lets the call fail. (strace counts each thread apart, and so misses what a second
// thread does first.)
//
// DISK_FAULT_RECORD=FILE          each such call is a line in FILE: its name and the file's, digits as one #
// DISK_FAULT_AT="CALL NAME NTH"   the fault comes in the place of the nth such call on such a file
// DISK_FAULT_KIND                 kill; tear (half of a write is done, then kill); or an errno: EIO fails that call
//                                 alone, ENOSPC that one and every later one that needs room
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAXIMUM_FILES = 1024, MAXIMUM_NAME = 256 };

static char names[MAXIMUM_FILES][MAXIMUM_NAME];
static atomic_int matches;
static atomic_int is_full;
static int record = -1;
static char fault_call[MAXIMUM_NAME], fault_name[MAXIMUM_NAME];
static int fault_at;
static const char *kind = "";

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("DISK_FAULT_RECORD");
    if (file != NULL) {
        int opened = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        // Far from the numbers that the product is given.
        record = fcntl(opened, F_DUPFD_CLOEXEC, 900);
        syscall(SYS_close, opened);
    }
    const char *at = getenv("DISK_FAULT_AT");
    if (at != NULL && sscanf(at, "%255s %255s %d", fault_call, fault_name, &fault_at) != 3) abort();
    if (getenv("DISK_FAULT_KIND") != NULL) kind = getenv("DISK_FAULT_KIND");
}

static void die(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

// The last part of a path, with each run of digits as one #: a file named after a process is the same in every run.
static void shorten(const char *path, char *name) {
    const char *last = strrchr(path, '/');
    int length = 0;
    for (const char *byte = last == NULL ? path : last + 1; *byte != 0 && length < MAXIMUM_NAME - 1; byte++) {
        int is_digit = *byte >= '0' && *byte <= '9';
        if (!is_digit) name[length++] = *byte;
        else if (length == 0 || name[length - 1] != '#') name[length++] = '#';
    }
    name[length] = 0;
}

// The process may not read its own /proc/self/fd, so names are kept from when files were opened.
static int opened(int descriptor, const char *path) {
    if (descriptor >= 0 && descriptor < MAXIMUM_FILES) shorten(path, names[descriptor]);
    return descriptor;
}

// Whether the call is to fail with what errno then says. `takes_room` is whether a full disk can refuse it; `tears` is
// set where half of a write is to be done before the end.
static int faulty(const char *call, int descriptor, const char *path, int takes_room, int *tears) {
    char name[MAXIMUM_NAME], line[2 * MAXIMUM_NAME];
    if (path != NULL) shorten(path, name);
    else snprintf(name, sizeof name, "%s", descriptor < MAXIMUM_FILES ? names[descriptor] : "?");
    if (record >= 0) syscall(SYS_write, record, line, snprintf(line, sizeof line, "%s %s\n", call, name));
    if (atomic_load(&is_full) && takes_room) {
        errno = ENOSPC;
        return 1;
    }
    if (fault_at == 0 || strcmp(call, fault_call) != 0 || strcmp(name, fault_name) != 0) return 0;
    if (atomic_fetch_add(&matches, 1) + 1 != fault_at) return 0;
    if (strcmp(kind, "ENOSPC") == 0) {
        atomic_store(&is_full, 1);
        errno = ENOSPC;
        return takes_room;
    }
    if (strcmp(kind, "EIO") == 0) {
        errno = EIO;
        return 1;
    }
    if (strcmp(kind, "tear") == 0 && tears != NULL) {
        *tears = 1;
        return 0;
    }
    die();
    return 1;
}

#define OPEN(NAME)                                                                        \
    int NAME(const char *path, int flags, ...) {                                          \
        va_list rest;                                                                     \
        va_start(rest, flags);                                                            \
        int mode = flags & O_CREAT ? va_arg(rest, int) : 0;                               \
        va_end(rest);                                                                     \
        return opened(syscall(SYS_openat, AT_FDCWD, path, flags, mode), path);            \
    }

OPEN(open)
OPEN(open64)

// Pipes, sockets and the standard streams are nobody's disk.
static int is_file(int descriptor) {
    struct stat status;
    return descriptor > 2 && fstat(descriptor, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    int tears = 0;
    if (is_file(descriptor)) {
        if (faulty("write", descriptor, NULL, 1, &tears)) return -1;
        if (tears) {
            syscall(SYS_write, descriptor, bytes, count / 2);
            die();
        }
    }
    return syscall(SYS_write, descriptor, bytes, count);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (is_file(descriptor) && faulty("writev", descriptor, NULL, 1, NULL)) return -1;
    return syscall(SYS_writev, descriptor, parts, count);
}

static ssize_t write_at(int descriptor, const void *bytes, size_t count, off64_t offset) {
    int tears = 0;
    if (is_file(descriptor)) {
        if (faulty("pwrite64", descriptor, NULL, 1, &tears)) return -1;
        if (tears) {
            syscall(SYS_pwrite64, descriptor, bytes, count / 2, offset);
            die();
        }
    }
    return syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return write_at(descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
    return write_at(descriptor, bytes, count, offset);
}

int fsync(int descriptor) {
    if (is_file(descriptor) && faulty("fsync", descriptor, NULL, 0, NULL)) return -1;
    return syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    if (is_file(descriptor) && faulty("fdatasync", descriptor, NULL, 0, NULL)) return -1;
    return syscall(SYS_fdatasync, descriptor);
}

static int truncate_to(int descriptor, off64_t length) {
    struct stat status;
    int grows = fstat(descriptor, &status) == 0 && status.st_size < length;
    if (is_file(descriptor) && faulty("ftruncate", descriptor, NULL, grows, NULL)) return -1;
    return syscall(SYS_ftruncate, descriptor, length);
}

int ftruncate(int descriptor, off_t length) { return truncate_to(descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return truncate_to(descriptor, length); }

int rename(const char *from, const char *to) {
    if (faulty("rename", -1, to, 1, NULL)) return -1;
    return syscall(SYS_rename, from, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    if (faulty("rename", -1, to, 1, NULL)) return -1;
    return syscall(SYS_renameat, from_folder, from, to_folder, to);
}

int unlink(const char *path) {
    if (faulty("unlink", -1, path, 0, NULL)) return -1;
    return syscall(SYS_unlink, path);
}

int unlinkat(int folder, const char *path, int flags) {
    if (faulty("unlink", -1, path, 0, NULL)) return -1;
    return syscall(SYS_unlinkat, folder, path, flags);
}
