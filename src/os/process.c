/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/process.h"

#include "base/arena.h"
#include "base/text.h"
#include "os/clock.h"
#include "os/errno.h"
#include "os/signal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Bounds how late we see a timeout, a stop signal, or, without pidfd, the end of the program. */
enum { POLL_SLICE_MS = 20, KILL_AFTER_MS = 2000, READ_STEP = 16 * 1024, OUTPUT_BYTES_MAX = 1024 * 1024 };

/* One of the program's outputs on its way to a Buf. Descriptors are -1 when not open. */
typedef struct Stream {
    int fd;       /* our end */
    int child_fd; /* the program's end */
    Buf *to;
    size_t left;
} Stream;

typedef struct Child {
    const char *name;
    pid_t pid; /* 0: not running */
    int pid_fd;
    int input_fd;
    Stream out, messages;
} Child;

static void fd_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Asks the program to end, then makes it. */
static void child_end(Child *child)
{
    const int64_t begin_us = clock_monotonic_us();
    kill(child->pid, SIGTERM);
    while (waitpid(child->pid, NULL, WNOHANG) == 0) {
        if (clock_monotonic_us() - begin_us > KILL_AFTER_MS * 1000) {
            kill(child->pid, SIGKILL);
            (void)TEMP_FAILURE_RETRY(waitpid(child->pid, NULL, 0));
            break;
        }
        poll(NULL, 0, 5);
    }
    child->pid = 0;
}

static void child_done(Child *child)
{
    if (child->pid)
        child_end(child);
    fd_end(&child->pid_fd);
    fd_end(&child->input_fd);
    fd_end(&child->out.fd);
    fd_end(&child->out.child_fd);
    fd_end(&child->messages.fd);
    fd_end(&child->messages.child_fd);
}

static Err *stream_open(Stream *stream, Buf *to, size_t max)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return ERR_OS("making a pipe");
    *stream = (Stream){ends[0], ends[1], to, max};
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        return ERR_OS("setting up a pipe");
    return NULL;
}

/* The input lies in memory as a file, so that feeding it can never wait for the program. */
static Err *input_open(Child *child, Span input)
{
    child->input_fd = memfd_create("input", MFD_CLOEXEC);
    if (child->input_fd < 0)
        return ERR_OS("making a memory file");
    while (input.len) {
        const ssize_t put = TEMP_FAILURE_RETRY(write(child->input_fd, input.ptr, input.len));
        if (put < 0)
            return ERR_OS("writing a memory file");
        input = span_cut(input, (size_t)put, input.len);
    }
    lseek(child->input_fd, 0, SEEK_SET);
    return NULL;
}

static bool is_set_in(const char *const *settings, const char *setting)
{
    const size_t name_len = strcspn(setting, "=");
    for (; settings && *settings; settings++)
        if (strncmp(*settings, setting, name_len + 1) == 0)
            return true;
    return false;
}

/* Ours, with LC_ALL=C so that messages can be understood, and with what the caller sets. */
static char **environment(const char *const *extra, Arena *arena)
{
    static const char *const ours[] = {"LC_ALL=C", NULL};
    size_t count = 2;
    for (char **at = environ; *at; at++)
        count++;
    for (const char *const *at = extra; at && *at; at++)
        count++;
    char **const all = arena_alloc(arena, count * sizeof *all);
    size_t to = 0;
    for (char **at = environ; *at; at++)
        if (!is_set_in(ours, *at) && !is_set_in(extra, *at))
            all[to++] = *at;
    if (!is_set_in(extra, ours[0]))
        all[to++] = arena_text(arena, ours[0]);
    for (const char *const *at = extra; at && *at; at++)
        all[to++] = arena_text(arena, *at);
    return all;
}

static int spawn(Child *child, const char *const *argv, const ProcessOptions *options, char **env)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    if (child->input_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, child->input_fd, 0);
    else
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (child->out.child_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, child->out.child_fd, 1);
    else
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, child->messages.child_fd >= 0 ? child->messages.child_fd : 1,
                                     2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (options->folder)
        posix_spawn_file_actions_addchdir_np(&actions, options->folder);
    const int errnum =
        posix_spawnp(&child->pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return errnum;
}

static Err *child_begin(Child *child, const char *const *argv, const ProcessOptions *options)
{
    const size_t max = options->output_bytes_max ? options->output_bytes_max : OUTPUT_BYTES_MAX;
    if (options->input.len)
        TRY(input_open(child, options->input));
    if (options->output)
        TRY(stream_open(&child->out, options->output, max));
    if (options->messages)
        TRY(stream_open(&child->messages, options->messages, max));

    AUTO(arena_free) Arena *arena = arena_new();
    const int errnum = spawn(child, argv, options, environment(options->env, arena));
    if (errnum != 0) {
        child->pid = 0;
        return err_os(errnum, __FILE__, __LINE__, "running %s", child->name);
    }
    fd_end(&child->out.child_fd);
    fd_end(&child->messages.child_fd);
    child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0); /* -1 before Linux 5.3: then we poll */
    return NULL;
}

/* Takes what is there now. */
static Err *stream_take(Stream *stream, const char *name)
{
    while (stream->fd >= 0) {
        uint8_t *const at = buf_reserve(stream->to, READ_STEP);
        const ssize_t got = TEMP_FAILURE_RETRY(read(stream->fd, at, READ_STEP));
        if (got < 0 && errno == EAGAIN)
            return NULL;
        if (got < 0)
            return ERR_OS("reading the output of %s", name);
        if (got == 0)
            fd_end(&stream->fd);
        if ((size_t)got > stream->left)
            return ERR(LIMIT, "the output of %s is larger than expected", name);
        stream->left -= (size_t)got;
        buf_grown(stream->to, (size_t)got);
    }
    return NULL;
}

static Err *child_wait(ProcessEnd *out, Child *child, int64_t timeout_ms)
{
    const int64_t begin_us = clock_monotonic_us();
    for (;;) {
        struct pollfd fds[] = {
            {child->pid_fd, POLLIN, 0}, {child->out.fd, POLLIN, 0}, {child->messages.fd, POLLIN, 0}};
        poll(fds, COUNT_OF(fds), POLL_SLICE_MS);
        int status = 0;
        const bool has_ended = waitpid(child->pid, &status, WNOHANG) == child->pid;
        if (has_ended)
            child->pid = 0;
        TRY(stream_take(&child->out, child->name));
        TRY(stream_take(&child->messages, child->name));
        if (has_ended) {
            *out = (ProcessEnd){.status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                                .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};
            return NULL;
        }
        TRY(signal_check());
        if (timeout_ms && clock_monotonic_us() - begin_us > timeout_ms * 1000)
            return ERR(IO, "%s did not end within %s", child->name, duration_text(timeout_ms * 1000).text);
    }
}

Err *process_run(ProcessEnd *out, const char *const *argv, const ProcessOptions *options)
{
    AUTO(child_done)
    Child child = {.name = argv[0],
                   .pid_fd = -1,
                   .input_fd = -1,
                   .out = {.fd = -1, .child_fd = -1},
                   .messages = {.fd = -1, .child_fd = -1}};
    TRY(child_begin(&child, argv, options));
    return child_wait(out, &child, options->timeout_ms);
}
