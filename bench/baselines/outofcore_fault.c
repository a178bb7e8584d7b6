/*
 * What one missing page costs when userfaultfd brings it, with nothing around it: one thread touches pages in random order, another
 * of the same process polls, reads one message and copies one page from memory that is present.
 *
 *   outofcore_fault --pages N [--cpu N]
 *
 * --cpu holds both threads to one CPU. It prints one JSON object with the median and the mean of a touch, in nanoseconds.
 */
#include "common.h"

#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#define WARM 2000

struct handler
{
    int uffd;
    char *area, *image;
    size_t size;
};

static void *handle(void *argument)
{
    struct handler *handler = argument;
    for (;;)
    {
        struct pollfd ready = {.fd = handler->uffd, .events = POLLIN, .revents = 0};
        if (poll(&ready, 1, -1) < 0 && errno != EINTR)
            fail("poll");
        struct uffd_msg message;
        ssize_t got = read(handler->uffd, &message, sizeof message);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got != sizeof message || message.event != UFFD_EVENT_PAGEFAULT)
            fail("read of the userfaultfd");
        uint64_t page = message.arg.pagefault.address & ~(PAGE - 1);
        if (copy_all(handler->uffd, page, handler->image + (page - (uint64_t)(uintptr_t)handler->area), PAGE) != 0)
            fail("UFFDIO_COPY");
    }
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"pages", required_argument, NULL, 'p'},
        {"cpu", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    uint64_t pages = 0, cpu = UINT64_MAX;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 'p': pages = number(optarg); break;
        case 'c': cpu = number(optarg); break;
        default: return 2;
        }
    }
    if (optind != argc || pages <= WARM || pages > 1u << 22)
        refuse("usage: outofcore_fault --pages N [--cpu N], more than 2000 of them");
    if (cpu < CPU_SETSIZE)
    {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0)
            fail("sched_setaffinity");
    }

    /* Not on this function's stack: the other thread has it until the process ends. */
    static struct handler handler;
    handler.size = pages * PAGE;
    handler.image = map_memory(handler.size);
    uint32_t *order = malloc(pages * sizeof *order), *times = malloc(pages * sizeof *times);
    if (order == NULL || times == NULL)
        fail("malloc");
    uint64_t state = 0x5EED;
    for (uint32_t i = 0; i < pages; i++)
    {
        *(uint64_t *)(handler.image + i * PAGE) = i + 1;
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        uint32_t other = (uint32_t)((state >> 33) % (i + 1));
        order[i] = order[other];
        order[other] = i;
    }
    warm_memory(handler.size);
    handler.area = map_memory(handler.size);
    handler.uffd = open_userfaultfd(0);
    register_missing(handler.uffd, handler.area, handler.size);
    pthread_t thread;
    if (pthread_create(&thread, NULL, handle, &handler) != 0)
        refuse("pthread_create");

    uint64_t wrong = 0, started = 0;
    for (size_t i = 0; i < pages; i++)
    {
        uint64_t before = now_ns();
        started = i == WARM ? before : started;
        wrong += *(volatile uint64_t *)(handler.area + (size_t)order[i] * PAGE) != order[i] + 1ull;
        uint64_t took = now_ns() - before;
        times[i] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    }
    double mean = (double)(now_ns() - started) / (double)(pages - WARM);
    qsort(times + WARM, pages - WARM, sizeof *times, compare);
    printf("{\"faults\":%lu,\"p50\":%u,\"mean\":%.1f,\"wrong\":%lu}\n", pages - WARM, times[WARM + (pages - WARM) / 2], mean, wrong);
    return wrong == 0 ? 0 : 3;
}
