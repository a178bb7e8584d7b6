/*
 * What it costs to take pages out of registered memory and to bring them in, by each way that the kernel has, in nanoseconds a page:
 * in batches of neighbours, alone and beside a thread of the same process that runs on another CPU (every change to a page that is
 * mapped must then be made known there).
 *
 *   moves [--pages N] [--passes N]
 *
 * It prints one JSON object: {"rows":[{"work":...,"batch":...,"beside":...,"ns":...},...]}, each the median of the passes.
 */
#include "common.h"

#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/uio.h>

#define MAX_BATCH 256
#define MAX_PASSES 101

#ifndef UFFDIO_MOVE
struct uffdio_move
{
    uint64_t dst, src, len, mode;
    int64_t move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)
#endif

static int uffd, self;
static size_t pages;
static char *area, *aside, *content, *buffer;
static volatile bool stop;

static void protect(char *at, size_t length, uint64_t mode)
{
    struct uffdio_writeprotect argument = {.range = {.start = (uint64_t)(uintptr_t)at, .len = length}, .mode = mode};
    if (ioctl(uffd, UFFDIO_WRITEPROTECT, &argument) != 0)
        fail("UFFDIO_WRITEPROTECT");
}

static void move(char *to, char *from, size_t length)
{
    struct uffdio_move argument = {.dst = (uint64_t)(uintptr_t)to, .src = (uint64_t)(uintptr_t)from, .len = length};
    if (ioctl(uffd, UFFDIO_MOVE, &argument) != 0)
        fail("UFFDIO_MOVE");
}

static void discard(char *at, size_t length)
{
    if (madvise(at, length, MADV_DONTNEED) != 0)
        fail("madvise");
}

static void copy_in(size_t at, size_t length)
{
    struct uffdio_copy argument = {
        .dst = (uint64_t)(uintptr_t)area + at, .src = (uint64_t)(uintptr_t)content + at, .len = length, .mode = UFFDIO_COPY_MODE_WP};
    if (ioctl(uffd, UFFDIO_COPY, &argument) != 0)
        fail("UFFDIO_COPY");
}

static void move_in(size_t at, size_t length)
{
    move(area + at, aside + at, length);
}

static void move_out(size_t at, size_t length)
{
    move(aside + at, area + at, length);
}

static void copy_out(size_t at, size_t length)
{
    protect(area + at, length, UFFDIO_WRITEPROTECT_MODE_WP);
    memcpy(buffer, area + at, length);
    discard(area + at, length);
}

/* The index-th of the pages of a batch, taken as if they were no neighbours: every second of them, then the others. */
static char *scattered(size_t at, size_t length, size_t index)
{
    size_t count = length / PAGE, page = 2 * index < count ? 2 * index : 2 * index - count + 1;
    return area + at + (count == 1 ? 0 : page) * PAGE;
}

/* Clean pages that are no neighbours, discarded in one call. */
static void discard_scattered(size_t at, size_t length)
{
    struct iovec parts[MAX_BATCH];
    size_t count = length / PAGE;
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct iovec){.iov_base = scattered(at, length, i), .iov_len = PAGE};
    if (count == 1)
        discard(area + at, length);
    else if (syscall(SYS_process_madvise, self, parts, count, MADV_DONTNEED, 0) != (ssize_t)length)
        fail("process_madvise");
}

/* Written pages that are no neighbours: each is protected by itself. */
static void copy_out_scattered(size_t at, size_t length)
{
    for (size_t i = 0; i < length / PAGE; i++)
    {
        char *page = scattered(at, length, i);
        protect(page, PAGE, UFFDIO_WRITEPROTECT_MODE_WP);
        memcpy(buffer + i * PAGE, page, PAGE);
    }
    discard_scattered(at, length);
}

/* Batches in an order that is no neighbourhood either. Their number is a power of two, so that none is left out. */
static double pass(void (*step)(size_t at, size_t length), size_t batch)
{
    size_t batches = pages / batch;
    uint64_t start = now_ns();
    for (size_t i = 0; i < batches; i++)
        step(i * 2654435761u % batches * batch * PAGE, batch * PAGE);
    return (double)(now_ns() - start) / (double)pages;
}

static void *run_beside(void *unused)
{
    (void)unused;
    while (!stop)
        ;
    return NULL;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static bool is_first = true;

static void report(const char *work, size_t batch, bool beside, double *times, size_t count)
{
    qsort(times, count, sizeof *times, compare);
    printf("%s{\"work\":\"%s\",\"batch\":%zu,\"beside\":%s,\"ns\":%.1f}", is_first ? "" : ",", work, batch, beside ? "true" : "false", times[count / 2]);
    is_first = false;
}

static void fill(size_t batch)
{
    pass(copy_in, batch);
    protect(area, pages * PAGE, 0);
}

static void measure(size_t batch, bool beside, bool together, size_t passes)
{
    double in[MAX_PASSES], out[MAX_PASSES], back[MAX_PASSES], copied[MAX_PASSES], clean[MAX_PASSES], scattered[MAX_PASSES];
    for (size_t i = 0; i < passes; i++)
    {
        in[i] = pass(copy_in, batch);
        protect(area, pages * PAGE, 0);
        out[i] = pass(move_out, batch);
        back[i] = pass(move_in, batch);
        copied[i] = pass(copy_out, batch);
        if (together)
        {
            fill(batch);
            clean[i] = pass(discard_scattered, batch);
            fill(batch);
            scattered[i] = pass(copy_out_scattered, batch);
        }
    }
    report("copy in, protected", batch, beside, in, passes);
    report("move in", batch, beside, back, passes);
    report("move out", batch, beside, out, passes);
    report("protect, copy out, discard", batch, beside, copied, passes);
    if (together)
    {
        report("discard scattered", batch, beside, clean, passes);
        report("protect, copy out, discard scattered", batch, beside, scattered, passes);
    }
}

static void register_area(char *start, uint64_t modes)
{
    struct uffdio_register argument = {.range = {.start = (uint64_t)(uintptr_t)start, .len = pages * PAGE}, .mode = modes};
    if (ioctl(uffd, UFFDIO_REGISTER, &argument) != 0)
        fail("UFFDIO_REGISTER");
}

/* Since Linux 6.13 or so a process may discard its own pages this way; before that it is EINVAL. */
static bool can_discard_together(void)
{
    self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    struct iovec one = {.iov_base = content, .iov_len = PAGE};
    char first = *content;
    bool can = self >= 0 && syscall(SYS_process_madvise, self, &one, 1, MADV_DONTNEED, 0) == (ssize_t)PAGE;
    *content = first;
    return can;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"pages", required_argument, NULL, 'p'},
        {"passes", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    uint64_t passes = 9;
    pages = 4096;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 'p': pages = number(optarg); break;
        case 'n': passes = number(optarg); break;
        default: return 2;
        }
    }
    if (optind != argc || pages < MAX_BATCH || (pages & (pages - 1)) != 0 || passes == 0 || passes > MAX_PASSES)
        refuse("usage: moves [--pages N, a power of two from 256] [--passes N, up to 101]");

    uffd = open_userfaultfd(UFFD_FEATURE_PAGEFAULT_FLAG_WP | 1ull << 16 /* MOVE */);
    area = map_memory(pages * PAGE);
    aside = map_memory(pages * PAGE);
    content = map_memory(pages * PAGE);
    buffer = map_memory(MAX_BATCH * PAGE);
    memset(content, 7, pages * PAGE);
    memset(buffer, 7, MAX_BATCH * PAGE);
    register_area(area, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP);
    register_area(aside, UFFDIO_REGISTER_MODE_MISSING);
    bool together = can_discard_together();

    printf("{\"rows\":[");
    for (int beside = 0; beside < 2; beside++)
    {
        pthread_t thread;
        if (beside && pthread_create(&thread, NULL, run_beside, NULL) != 0)
            refuse("pthread_create");
        static const size_t batches[] = {1, 16, MAX_BATCH};
        for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
            measure(batches[i], beside != 0, together || batches[i] == 1, passes);
        stop = true;
        if (beside)
            pthread_join(thread, NULL);
        stop = false;
    }
    printf("]}\n");
    return 0;
}
