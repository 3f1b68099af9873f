// What Swift can't reach on Linux: variadic prctl, struct ucred, flock, statfs, and what stands between fork and execve.
#define _GNU_SOURCE
#include "CLinux.h"

#include <stdlib.h>
#include <stdio.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

void jobsworth_keep_few_arenas(void) { mallopt(M_ARENA_MAX, 2); }

void jobsworth_return_free_memory(void) { malloc_trim(0); }

int jobsworth_allowed_processors(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
}

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

struct spawn_failure {
    int error;
    int step;
};

// From here to execve the child has one thread and another's locks: system calls only.

static int take_user(const struct jobsworth_command *command) {
    // The bare calls: glibc's would look for the other threads of the parent.
    if (syscall(SYS_setgroups, command->group_count, command->groups) != 0) return errno;
    if (syscall(SYS_setresgid, command->gid, command->gid, command->gid) != 0) return errno;
    if (syscall(SYS_setresuid, command->uid, command->uid, command->uid) != 0) return errno;
    if (command->uid != 0 && syscall(SYS_setresuid, 0, 0, 0) == 0) return EPERM;
    return 0;
}

static void reset_signals(void) {
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
}

static void keep_standard_descriptors(void) {
    if (syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0) return;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1048576) limit.rlim_cur = 1048576;
    for (int descriptor = 3; descriptor < (int)limit.rlim_cur; descriptor++) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

static int execute(const struct jobsworth_command *command) {
    int found = ENOENT;
    for (const char *const *candidate = command->candidates; *candidate != NULL; candidate++) {
        execve(*candidate, command->arguments, command->environment);
        if (errno == EACCES) found = EACCES;
        else if (errno != ENOENT && errno != ENOTDIR) return errno;
    }
    return found;
}

static void become(const struct jobsworth_command *command, pid_t parent, int report) {
    struct spawn_failure failure = {0, JOBSWORTH_SPAWN_USER};
    if (command->changes_user) setsid();
    else if (command->leads_group) setpgid(0, 0);
    if (command->changes_user) failure.error = take_user(command);
    if (failure.error == 0) {
        // After the change of user, which clears it.
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        if (getppid() != parent) _exit(1);
        reset_signals();
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        keep_standard_descriptors();
        failure.step = JOBSWORTH_SPAWN_EXECUTE;
        failure.error = execute(command);
    }
    (void)!write(report, &failure, sizeof failure);
    _exit(127);
}

int jobsworth_spawn(const struct jobsworth_command *command, pid_t *pid, int *step) {
    int report[2];
    *step = JOBSWORTH_SPAWN_FORK;
    if (pipe2(report, O_CLOEXEC) != 0) return errno;
    sigset_t all, before;
    sigfillset(&all);
    // No handler of ours may run in the child.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t child = fork();
    int error = errno;
    if (child == 0) become(command, parent, report[1]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (child < 0) {
        close(report[0]);
        return error;
    }
    struct spawn_failure failure;
    ssize_t count;
    do count = read(report[0], &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count != (ssize_t)sizeof failure) {
        *pid = child;
        return 0;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    *step = failure.step;
    return failure.error;
}

int jobsworth_await(pid_t pid) {
    siginfo_t information;
    while (waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT) != 0)
        if (errno != EINTR) return errno;
    return 0;
}

char **jobsworth_environment(void) {
    return environ;
}

int jobsworth_adopt_orphans(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

// The parent of a process; 0 where it is gone.
static pid_t parent_of(const char *pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0) return 0;
    text[count] = '\0';
    // The name before it may hold anything.
    const char *end = strrchr(text, ')');
    int parent = 0;
    if (end == NULL || sscanf(end + 1, " %*c %d", &parent) != 1) return 0;
    return parent;
}

static void kill_children(void) {
    DIR *processes = opendir("/proc");
    if (processes == NULL) return;
    const pid_t own = getpid();
    struct dirent *entry;
    while ((entry = readdir(processes)) != NULL) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        if (parent_of(entry->d_name) == own) kill((pid_t)atoi(entry->d_name), SIGKILL);
    }
    closedir(processes);
}

int jobsworth_end_children(int grace, int milliseconds) {
    // Those of a child that dies become ours: round by round until there are none.
    for (int waited = 0; waited <= grace + milliseconds; waited += 2) {
        pid_t ended;
        while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) {}
        if (ended < 0 && errno == ECHILD) return 0;
        if (waited >= grace) kill_children();
        usleep(2000);
    }
    return -1;
}
