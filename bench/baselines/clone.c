/*
 * One of several processes with the same image: touches every page of it in random order, writes some, says so, and stays until its
 * input ends, so that what all of them use together can be measured. Its memory is either a private mapping of the pager's own memfd
 * (--share) or memory of its own that the pager copies into.
 */
#include "client.h"

#include <getopt.h>

/* Asks for the image: one line of JSON, and the memfd beside it. */
static int ask_for_image(int socket, size_t size)
{
    static const char request[] = "{\"request\":\"image\"}";
    if (send(socket, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1)
        fail("send");
    char answer[4096];
    union
    {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = answer, .iov_len = sizeof answer - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0)
        fail("recvmsg");
    answer[got] = 0;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    char *field = strstr(answer, "\"size\":");
    if (rights == NULL || rights->cmsg_type != SCM_RIGHTS || field == NULL || strtoull(field + 7, NULL, 10) != size)
        refuse(answer);
    int memfd;
    memcpy(&memfd, CMSG_DATA(rights), sizeof memfd);
    return memfd;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'}, {"size", required_argument, NULL, 'z'},
        {"order", required_argument, NULL, 'o'},  {"seed", required_argument, NULL, 'e'},
        {"write", required_argument, NULL, 'w'},  {"share", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *socket_path = NULL;
    uint64_t size = 0, order = 1, seed = 0, written = 0;
    bool share = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 's': socket_path = optarg; break;
        case 'z': size = number(optarg); break;
        case 'o': order = number(optarg); break;
        case 'e': seed = number(optarg); break;
        case 'w': written = number(optarg); break;
        case 'h': share = true; break;
        default: return 2;
        }
    }
    size_t pages = size / PAGE;
    if (socket_path == NULL || optind != argc || size == 0 || size % PAGE != 0 || written > pages)
        refuse("usage: clone --socket PATH --size BYTES [--share] [--order N] [--seed N] [--write PAGES]");

    int connection = connect_to(socket_path);

    char *area;
    if (share)
    {
        int memfd = ask_for_image(connection, size);
        area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, memfd, 0);
        if (area == MAP_FAILED)
            fail("mmap of the memfd");
        close(memfd);
    }
    else
        area = map_memory(size);

    int uffd = open_userfaultfd(0);
    struct uffdio_register reg = {
        .range = {.start = (uint64_t)(uintptr_t)area, .len = size},
        .mode = UFFDIO_REGISTER_MODE_MISSING | (share ? 1ull << 2 /* MINOR */ : 0),
    };
    if (ioctl(uffd, UFFDIO_REGISTER, &reg) != 0)
        fail("UFFDIO_REGISTER");
    hand_over_region(connection, uffd, area, size, share);

    /* The pages that are written are a different choice in each clone, and for half of them the write is the first touch. */
    uint32_t *list = shuffled(pages, order);
    uint64_t started = now_ns(), wrong = 0;
    for (size_t i = 0; i < written / 2; i++)
        *(volatile uint64_t *)(area + (size_t)list[i] * PAGE + 64) = order;
    for (size_t i = 0; i < pages; i++)
        wrong += *(volatile uint64_t *)(area + (size_t)list[i] * PAGE) != (list[i] ^ seed);
    for (size_t i = written / 2; i < written; i++)
        *(volatile uint64_t *)(area + (size_t)list[i] * PAGE + 64) = order;
    for (size_t i = 0; i < written; i++)
        wrong += *(volatile uint64_t *)(area + (size_t)list[i] * PAGE + 64) != order;
    printf("{\"seconds\":%.6f,\"wrong\":%lu}\n", (double)(now_ns() - started) / 1e9, wrong);
    fflush(stdout);
    free(list);
    while (getchar() != EOF)
        ;
    return wrong == 0 ? 0 : 3;
}
