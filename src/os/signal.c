/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/signal.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* Lock-free atomics may be used in handlers (C17 7.14.1.1), and other threads read them. */
static atomic_int stop_signal;
static atomic_int state_requested;

static void on_stop(int number)
{
    int none = 0;
    atomic_compare_exchange_strong(&stop_signal, &none, number);
}

static void on_state(int number)
{
    (void)number;
    atomic_store(&state_requested, 1);
}

static void set_handler(int number, void (*handler)(int))
{
    /* No SA_RESTART: waits must end. File calls are repeated by os/file.c. */
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void signal_setup(void)
{
    set_handler(SIGINT, on_stop);
    set_handler(SIGTERM, on_stop);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        set_handler(SIGHUP, on_stop);
    set_handler(SIGUSR1, on_state);
    set_handler(SIGPIPE, SIG_IGN);
}

int signal_stop_pending(void)
{
    return atomic_load(&stop_signal);
}

Err *signal_check(void)
{
    const int number = signal_stop_pending();
    if (!number)
        return NULL;
    return ERR(CANCELED, "stopped by SIG%s", sigabbrev_np(number));
}

bool signal_take_state_request(void)
{
    return atomic_exchange(&state_requested, 0) != 0;
}
