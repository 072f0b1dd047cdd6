/* SPDX-License-Identifier: PostgreSQL
 * Copyright (c) 2026, the pgstrata authors */
#include "unit.h"

#include "os/port.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* A listening socket on one address, at a port that the system chooses. */
static int listener_open(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void test_port_is_free__not_while_somebody_listens_on_one_address(void **state)
{
    (void)state;
    uint16_t port;
    const int fd = listener_open(&port);
    assert_false(port_is_free(port));
    assert_int_equal(close(fd), 0);
    assert_true(port_is_free(port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_port_is_free__not_while_somebody_listens_on_one_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
