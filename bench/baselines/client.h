/* What the programs that fault share: the order of touches, the check of what was read, and Firecracker's handshake. */
#ifndef UFFD_BASELINES_CLIENT_H
#define UFFD_BASELINES_CLIENT_H

#include "common.h"

#include <stdbool.h>
#include <sys/resource.h>

struct content
{
    uint64_t seed;
    bool check;
};

static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

/*
 * All pages in random order: what is touched never repeats, and read-ahead finds no pattern. Order 0 is the pages' own: from
 * the first to the last.
 */
static inline uint32_t *shuffled(size_t pages, uint64_t order)
{
    uint32_t *list = malloc(pages * sizeof *list);
    if (list == NULL)
        fail("malloc");
    for (size_t i = 0; i < pages; i++)
        list[i] = (uint32_t)i;
    uint64_t state = order;
    for (size_t i = pages - 1; order != 0 && i > 0; i--)
    {
        size_t j = (size_t)(next_random(&state) % (i + 1));
        uint32_t swap = list[i];
        list[i] = list[j];
        list[j] = swap;
    }
    return list;
}

static inline uint64_t touch(const char *area, uint32_t page)
{
    return *(const volatile uint64_t *)(area + page * PAGE);
}

static inline uint64_t is_wrong(const struct content *content, uint32_t page, uint64_t value)
{
    return content->check && value != (page ^ content->seed);
}

/*
 * Faults so far that had to wait. In memory that is registered and read there are no others: a page that came before its touch is
 * mapped, and raises none. Whether the kernel calls one that was tried again major depends on which lock it held.
 */
static inline uint64_t waited_faults(int who)
{
    struct rusage usage;
    if (getrusage(who, &usage) != 0)
        fail("getrusage");
    return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

static inline int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static inline uint64_t percentile(const uint64_t *sorted, size_t count, unsigned percent)
{
    size_t rank = (count * percent + 99) / 100;
    return sorted[rank == 0 ? 0 : rank - 1];
}

static inline int connect_to(const char *path)
{
    struct sockaddr_un address;
    socket_address(&address, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail(path);
    return fd;
}

/* Hands over one region, a private mapping of the pager's memfd if it is shared. */
static inline void hand_over_region(int socket, int uffd, const char *area, size_t size, bool shared)
{
    char text[256];
    int length = snprintf(text, sizeof text,
                          "[{\"base_host_virt_addr\":%lu,\"size\":%zu,\"offset\":0,"
                          "\"page_size\":%lu,\"page_size_kib\":%lu%s}]",
                          (uint64_t)(uintptr_t)area, size, PAGE, PAGE, shared ? ",\"shared\":true" : "");
    union
    {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = text, .iov_len = (size_t)length};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &uffd, sizeof uffd);
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0)
        fail("sendmsg");
    if (sent != length)
        refuse("the handshake was sent in part only");
}

static inline void hand_over(int socket, int uffd, const char *area, size_t size)
{
    hand_over_region(socket, uffd, area, size, false);
}

#endif
