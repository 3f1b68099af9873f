// Preloaded into the product: counts the calls with which it changes files, in one order for all threads, and at the
// one it is told to, kills the process or lets the call fail. (strace counts each thread apart, and so misses what a
// second thread does first.)
//
// DISK_FAULT_RECORD=FILE  each counted call is a line in FILE: number, name, path
// DISK_FAULT_AT=N         the fault comes in the place of call N
// DISK_FAULT_KIND         kill; tear (half of a write is done, then kill); or an errno: EIO fails that call alone,
//                         ENOSPC that one and every later one that needs room
#define _GNU_SOURCE
#include <dlfcn.h>
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

static atomic_int calls;
static int record = -1;
static int fault_at;
static const char *kind = "";

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("DISK_FAULT_RECORD");
    if (file != NULL) {
        int opened = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        // Far from the numbers that the product is given.
        record = fcntl(opened, F_DUPFD_CLOEXEC, 900);
        close(opened);
    }
    if (getenv("DISK_FAULT_AT") != NULL) fault_at = atoi(getenv("DISK_FAULT_AT"));
    if (getenv("DISK_FAULT_KIND") != NULL) kind = getenv("DISK_FAULT_KIND");
}

static void die(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

static void note(int number, const char *name, int descriptor, const char *path) {
    char link[64], target[4096] = "", line[4300];
    if (record < 0) return;
    if (path == NULL) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        if (readlink(link, target, sizeof target - 1) < 0) snprintf(target, sizeof target, "?");
        path = target;
    }
    int length = snprintf(line, sizeof line, "%d %s %s\n", number, name, path);
    syscall(SYS_write, record, line, length);
}

// Whether the call is to fail with what errno then says. `takes_room` is whether a full disk can refuse it; `room`
// says what a torn write still writes.
static int faulty(const char *name, int descriptor, const char *path, int takes_room, int *tears) {
    int number = atomic_fetch_add(&calls, 1) + 1;
    note(number, name, descriptor, path);
    if (fault_at == 0 || number < fault_at) return 0;
    if (strcmp(kind, "ENOSPC") == 0) {
        errno = ENOSPC;
        return takes_room;
    }
    if (number != fault_at) return 0;
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
