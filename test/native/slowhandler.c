// A library for tests that need a fault of this very process to be served late, and by a thread that no collection stops.
#include <errno.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct handler {
    int uffd;
    uint64_t page_size;
    long delay_ms;
};

static void *serve(void *argument)
{
    struct handler *handler = argument;
    while (1) {
        struct pollfd ready = { .fd = handler->uffd, .events = POLLIN };
        struct uffd_msg message;
        if (poll(&ready, 1, -1) < 0 || read(handler->uffd, &message, sizeof message) != sizeof message) {
            continue; // a signal, or somebody else took it
        }

        if (message.event != UFFD_EVENT_PAGEFAULT) {
            continue;
        }

        struct timespec delay = { .tv_sec = handler->delay_ms / 1000, .tv_nsec = handler->delay_ms % 1000 * 1000000 };
        while (nanosleep(&delay, &delay) < 0 && errno == EINTR) {
        }

        struct uffdio_zeropage page = { .range = { .start = message.arg.pagefault.address & ~(handler->page_size - 1), .len = handler->page_size } };
        if (ioctl(handler->uffd, UFFDIO_ZEROPAGE, &page) < 0 && errno == EEXIST) {
            ioctl(handler->uffd, UFFDIO_WAKE, &page.range);
        }
    }

    return NULL;
}

// Serves the faults of a userfaultfd, each after a time, until the process ends. Returns an errno.
int slow_handler_start(int uffd, uint64_t page_size, long delay_ms)
{
    struct handler *handler = malloc(sizeof *handler);
    if (handler == NULL) {
        return ENOMEM;
    }

    *handler = (struct handler){ .uffd = uffd, .page_size = page_size, .delay_ms = delay_ms };
    pthread_t thread;
    return pthread_create(&thread, NULL, serve, handler);
}
