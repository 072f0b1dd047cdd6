/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "os/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* As a server binds, with SO_REUSEADDR: connections that are only dying away take no port. */
static bool is_taken(int family, const struct sockaddr *address, socklen_t size)
{
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false; /* no such family here: nobody listens in it */
    const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    const bool is_bound = bind(fd, address, size) == 0;
    const bool is_taken = !is_bound && (errno == EADDRINUSE || errno == EACCES);
    (void)close(fd);
    return is_taken;
}

bool port_is_free(uint16_t port)
{
    const struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    return !is_taken(AF_INET, (const struct sockaddr *)&four, sizeof four) &&
           !is_taken(AF_INET6, (const struct sockaddr *)&six, sizeof six);
}
