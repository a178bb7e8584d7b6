/*
 * The plainest correct fault handler: poll, read one message, UFFDIO_COPY one page. It is what the pager is measured
 * against, so it does nothing clever, and it does nothing wrong either:
 *
 *   handler [serve] --socket PATH --image FILE [--background | --no-background]
 *
 * It listens on a Unix socket and serves one client after another. A client sends its regions as Firecracker does (a
 * JSON array) with its userfaultfd, and is gone when its end of the socket closes. With --background the whole image
 * is copied in one call before the first fault is looked at, which is the plainest fill there is.
 */
#include "common.h"

#include <getopt.h>
#include <poll.h>
#include <stdbool.h>

#define MAX_REGIONS 64
#define MAX_HANDSHAKE (64 * 1024)

struct region
{
    uint64_t start, size, offset;
};

struct client
{
    int socket, uffd;
    struct region regions[MAX_REGIONS];
    size_t region_count;
    /* Faults that the kernel did not let us answer yet (EAGAIN). Nothing announces them a second time. */
    uint64_t *deferred;
    size_t deferred_count, deferred_capacity;
};

static const char *image;
static size_t image_size;

static bool field(const char *object, const char *name, uint64_t *value)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    const char *at = strstr(object, quoted);
    if (at == NULL)
        return false;
    at += strlen(quoted);
    at += strspn(at, " \t\r\n");
    if (*at++ != ':')
        return false;
    char *end;
    errno = 0;
    *value = strtoull(at, &end, 10);
    return errno == 0 && end != at;
}

/* Cuts the text into its objects and reads three numbers of each; fields that it does not know are let be. */
static bool parse_regions(struct client *client, char *text)
{
    for (char *at = strchr(text, '{'); at != NULL; at = strchr(at, '{'))
    {
        char *end = strchr(at, '}');
        if (end == NULL || client->region_count == MAX_REGIONS)
            return false;
        *end = 0;
        struct region *region = &client->regions[client->region_count++];
        uint64_t page_size = PAGE;
        field(at, "page_size", &page_size);
        if (!field(at, "base_host_virt_addr", &region->start) || !field(at, "size", &region->size) ||
            !field(at, "offset", &region->offset))
            return false;
        if (page_size != PAGE || region->start % PAGE != 0 || region->size % PAGE != 0 || region->offset % PAGE != 0 ||
            region->size > image_size || region->offset > image_size - region->size)
            return false;
        at = end + 1;
    }
    return client->region_count > 0;
}

/* Reads until the array closes. The descriptor arrives with the first bytes; more than one are closed again. */
static bool handshake(struct client *client)
{
    static char text[MAX_HANDSHAKE + 1];
    size_t length = 0;
    while (memchr(text, ']', length) == NULL)
    {
        union
        {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(8 * sizeof(int))];
        } control;
        struct iovec part = {.iov_base = text + length, .iov_len = MAX_HANDSHAKE - length};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        ssize_t got = recvmsg(client->socket, &message, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        length += (size_t)got;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
        {
            if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                continue;
            size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < count; i++)
            {
                int fd;
                memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
                if (client->uffd < 0)
                    client->uffd = fd;
                else
                    close(fd);
            }
        }
    }
    text[length] = 0;
    return client->uffd >= 0 && parse_regions(client, text);
}

static void wake(struct client *client, uint64_t page)
{
    struct uffdio_range range = {.start = page, .len = PAGE};
    if (ioctl(client->uffd, UFFDIO_WAKE, &range) != 0)
        fail("UFFDIO_WAKE");
}

/* Answers one fault. False: not now, an event has to be read first. */
static bool resolve(struct client *client, uint64_t address)
{
    uint64_t page = address & ~(PAGE - 1);
    const struct region *region = client->regions;
    const struct region *end = client->regions + client->region_count;
    while (region < end && page - region->start >= region->size)
        region++;
    if (region == end)
        refuse("a fault outside of the regions");

    struct uffdio_copy copy = {
        .dst = page,
        .src = (uint64_t)(uintptr_t)(image + region->offset + (page - region->start)),
        .len = PAGE,
        .mode = 0,
        .copy = 0,
    };
    if (ioctl(client->uffd, UFFDIO_COPY, &copy) == 0)
        return true;
    switch (errno)
    {
    case EAGAIN: /* the mapping is changing: its event waits to be read */
        return false;
    case EEXIST: /* answered before: a second thread's message for the same page, or a repeated one */
    case ENOENT: /* unmapped or removed meanwhile: let the thread look for itself */
        wake(client, page);
        return true;
    case ESRCH: /* the client has died; its socket will say so */
        return true;
    default:
        fail("UFFDIO_COPY");
    }
}

static void defer(struct client *client, uint64_t address)
{
    if (client->deferred_count == client->deferred_capacity)
    {
        client->deferred_capacity = client->deferred_capacity == 0 ? 64 : 2 * client->deferred_capacity;
        client->deferred = realloc(client->deferred, client->deferred_capacity * sizeof *client->deferred);
        if (client->deferred == NULL)
            fail("realloc");
    }
    client->deferred[client->deferred_count++] = address;
}

static void resolve_deferred(struct client *client)
{
    size_t left = 0;
    for (size_t i = 0; i < client->deferred_count; i++)
    {
        if (!resolve(client, client->deferred[i]))
            client->deferred[left++] = client->deferred[i];
    }
    client->deferred_count = left;
}

/* Memory that was discarded reads as zeros from now on, which is what the kernel does when nobody is registered. */
static void forget(struct client *client, uint64_t start, uint64_t end)
{
    struct uffdio_range range = {.start = start, .len = end - start};
    if (ioctl(client->uffd, UFFDIO_UNREGISTER, &range) != 0 && errno != ENOMEM && errno != ESRCH)
        fail("UFFDIO_UNREGISTER");
}

static void read_message(struct client *client)
{
    struct uffd_msg message;
    ssize_t got = read(client->uffd, &message, sizeof message);
    if (got < 0)
    {
        if (errno != EAGAIN && errno != EINTR)
            fail("read of the userfaultfd");
        return;
    }
    if (got != sizeof message)
        refuse("a short read of the userfaultfd");
    if (message.event == UFFD_EVENT_PAGEFAULT)
    {
        if (!resolve(client, message.arg.pagefault.address))
            defer(client, message.arg.pagefault.address);
    }
    else if (message.event == UFFD_EVENT_REMOVE)
    {
        forget(client, message.arg.remove.start, message.arg.remove.end);
    }
    else
    {
        refuse("an event that nobody asked for");
    }
}

static void serve(struct client *client)
{
    for (;;)
    {
        struct pollfd fds[2] = {
            {.fd = client->uffd, .events = POLLIN, .revents = 0},
            {.fd = client->socket, .events = POLLIN, .revents = 0},
        };
        int ready = poll(fds, 2, client->deferred_count > 0 ? 1 : -1);
        if (ready < 0 && errno != EINTR)
            fail("poll");
        if (ready > 0 && fds[0].revents & (POLLERR | POLLNVAL))
            refuse("the client's userfaultfd cannot be polled: it is not O_NONBLOCK, or was not set up");
        if (ready > 0 && fds[0].revents & POLLIN)
        {
            read_message(client);
        }
        else if (ready > 0 && fds[1].revents != 0)
        {
            char rest[256];
            ssize_t got = recv(client->socket, rest, sizeof rest, MSG_DONTWAIT);
            if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
                return;
        }
        if (client->deferred_count > 0)
            resolve_deferred(client);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"image", required_argument, NULL, 'i'},
        {"background", no_argument, NULL, 'b'},
        {"no-background", no_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    const char *socket_path = NULL, *image_path = NULL;
    bool background = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 's': socket_path = optarg; break;
        case 'i': image_path = optarg; break;
        case 'b': background = true; break;
        case 'n': background = false; break;
        default: return 2;
        }
    }
    if (optind < argc && strcmp(argv[optind], "serve") == 0)
        optind++;
    if (socket_path == NULL || image_path == NULL || optind != argc)
        refuse("usage: handler [serve] --socket PATH --image FILE [--background | --no-background]");

    image = map_image(image_path, &image_size);
    struct sockaddr_un address;
    socket_address(&address, socket_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        fail("socket");
    if (unlink(socket_path) != 0 && errno != ENOENT)
        fail(socket_path);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0)
        fail(socket_path);
    printf("ready %s\n", socket_path);
    fflush(stdout);

    for (;;)
    {
        struct client client = {.uffd = -1};
        client.socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client.socket < 0)
        {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            fail("accept");
        }
        if (handshake(&client))
        {
            for (size_t i = 0; background && i < client.region_count; i++)
            {
                const struct region *region = &client.regions[i];
                if (copy_all(client.uffd, region->start, image + region->offset, region->size) != 0 && errno != ESRCH)
                    fail("UFFDIO_COPY of a region");
            }
            serve(&client);
        }
        else
        {
            fprintf(stderr, "a client that sent no descriptor, or regions that do not fit the image, was let go\n");
        }
        free(client.deferred);
        if (client.uffd >= 0)
            close(client.uffd);
        close(client.socket);
    }
}
