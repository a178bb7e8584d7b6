/*
 * The best that a slow source allows: so many threads, each of which sleeps as long as the source takes to answer, and then
 * copies one page of its own share, from a mapping and in its own memory.
 *
 *   parallel --image FILE --size BYTES --threads N --delay-us N [--order N] [--warm BYTES]
 *
 * What makes this the best possible with the same parallelism: with N threads that fault, and each waits for its page, no more
 * than N reads are ever wanted at once, and a page cannot come before its read was answered. So N pages in each delay is the
 * ceiling of any pager that reads what is touched and nothing else. Here nothing stands between two delays but the copy: no
 * fault is taken, nobody is woken, no message goes from one process to another. Only reading pages before they are touched,
 * or several with one read, could be faster; the pager it is compared with is told to do neither in the background, and the
 * random order keeps it from guessing.
 *
 * The sleep ends when the time is up and the thread runs again: the timer's slack is set to its least, but waking up is part
 * of it, as it is of waiting for a read. It prints one JSON object with the seconds that it took.
 */
#include "client.h"

#include <getopt.h>
#include <pthread.h>
#include <sys/prctl.h>

struct worker
{
    pthread_t thread;
    const uint32_t *pages;
    size_t count;
};

static const char *image;
static char *area;
static int uffd;
static uint64_t delay_us;

static void *work(void *argument)
{
    struct worker *worker = argument;
    if (prctl(PR_SET_TIMERSLACK, 1ul) != 0) /* of this thread; 50 us otherwise */
        fail("prctl");
    struct timespec delay = {.tv_sec = (time_t)(delay_us / 1000000), .tv_nsec = (long)(delay_us % 1000000) * 1000};
    for (size_t i = 0; i < worker->count; i++)
    {
        size_t at = worker->pages[i] * PAGE;
        if ((errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL)) != 0)
            fail("clock_nanosleep");
        if (copy_all(uffd, (uint64_t)(uintptr_t)(area + at), image + at, PAGE) != 0)
            fail("UFFDIO_COPY");
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"image", required_argument, NULL, 'i'},    {"size", required_argument, NULL, 'z'},
        {"threads", required_argument, NULL, 't'},  {"delay-us", required_argument, NULL, 'd'},
        {"order", required_argument, NULL, 'o'},    {"warm", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    const char *image_path = NULL;
    uint64_t size = 0, threads = 1, order = 1, warm = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 'i': image_path = optarg; break;
        case 'z': size = number(optarg); break;
        case 't': threads = number(optarg); break;
        case 'd': delay_us = number(optarg); break;
        case 'o': order = number(optarg); break;
        case 'w': warm = number(optarg); break;
        default: return 2;
        }
    }
    size_t image_size;
    if (image_path == NULL || optind != argc || threads == 0 || threads > 1024)
        refuse("usage: parallel --image FILE --size BYTES --threads N --delay-us N [--order N] [--warm BYTES]");
    image = map_image(image_path, &image_size);
    if (size == 0 || size % PAGE != 0 || size > image_size || size / PAGE > UINT32_MAX)
        refuse("--size is not a whole number of pages of the image");

    warm_memory(warm);
    size_t pages = size / PAGE;
    uint32_t *list = shuffled(pages, order);
    area = map_memory(size);
    uffd = open_userfaultfd(0);
    register_missing(uffd, area, size);
    struct worker *workers = calloc(threads, sizeof *workers);
    if (workers == NULL)
        fail("calloc");

    uint64_t started = now_ns();
    for (size_t t = 0; t < threads; t++)
    {
        size_t from = pages * t / threads, to = pages * (t + 1) / threads;
        workers[t] = (struct worker){.pages = list + from, .count = to - from};
        if ((errno = pthread_create(&workers[t].thread, NULL, work, &workers[t])) != 0)
            fail("pthread_create");
    }
    for (size_t t = 0; t < threads; t++)
    {
        if ((errno = pthread_join(workers[t].thread, NULL)) != 0)
            fail("pthread_join");
    }
    double seconds = (double)(now_ns() - started) / 1e9;

    if (memcmp(area, image, size) != 0)
        refuse("the copy differs from the image");
    printf("{\"pages\":%zu,\"threads\":%lu,\"seconds\":%.6f}\n", pages, threads, seconds);
    return 0;
}
