/*
 * What the migration's benchmark does to memory that is moved, as a library that the benchmark loads: a thread that the runtime knows touches
 * memory from here only, and the one that writes is none of the runtime's, so that no collection stops it.
 *
 * Built with: gcc -shared -fPIC
 */
#include "common.h"

#include <pthread.h>
#include <sys/resource.h>

#define SLICE_NS 1000000ul /* the writer's */

static struct
{
    pthread_t thread;
    pthread_mutex_t mutex;
    char *area;
    uint64_t pages, rate, written;
    int end;
} writer = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static inline uint64_t mix(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static void fill_page(uint64_t *page, uint64_t *state)
{
    for (size_t i = 0; i < PAGE / sizeof *page; i++)
        page[i] = mix(state);
}

uint64_t migration_now(void)
{
    return now_ns();
}

/* Fills memory with what no compressor makes smaller. */
void migration_fill(char *area, uint64_t pages, uint64_t seed)
{
    uint64_t state = seed * 2654435761u + 1;
    for (uint64_t page = 0; page < pages; page++)
        fill_page((uint64_t *)(area + page * PAGE), &state);
}

/* A sum that is another where a word is another, or stands elsewhere. */
uint64_t migration_sum(const char *area, uint64_t pages)
{
    const uint64_t *words = (const uint64_t *)area;
    uint64_t sum[4] = {1, 2, 3, 4};
    for (uint64_t i = 0; i < pages * (PAGE / 8); i += 4)
        for (int lane = 0; lane < 4; lane++)
            sum[lane] = ((sum[lane] << 7) | (sum[lane] >> 57)) + words[i + (uint64_t)lane] * 0x9e3779b97f4a7c15ull;
    return sum[0] ^ (sum[1] * 3) ^ (sum[2] * 5) ^ (sum[3] * 7);
}

static void *write_on(void *unused)
{
    (void)unused;
    uint64_t state = 88172645463325252ull, started = now_ns(), done = 0;
    for (;;)
    {
        pthread_mutex_lock(&writer.mutex);
        if (writer.end)
        {
            pthread_mutex_unlock(&writer.mutex);
            return NULL;
        }
        uint64_t now = now_ns(), due = (uint64_t)((double)(now - started) * 1e-9 * (double)writer.rate);
        if (due > done + writer.rate / 100) /* it was held up: what it missed in more than 10 ms is not made up for */
            done = due - writer.rate / 100;
        for (; done < due; done++, writer.written++)
            fill_page((uint64_t *)(writer.area + mix(&state) % writer.pages * PAGE), &state);
        pthread_mutex_unlock(&writer.mutex);
        struct timespec slice = {.tv_sec = 0, .tv_nsec = SLICE_NS};
        nanosleep(&slice, NULL);
    }
}

/* Writes whole pages, drawn at random, so many a second. */
int migration_writer_start(char *area, uint64_t pages, uint64_t pages_per_second)
{
    writer.area = area;
    writer.pages = pages;
    writer.rate = pages_per_second;
    writer.written = 0;
    writer.end = 0;
    return pthread_create(&writer.thread, NULL, write_on, NULL);
}

/* When this has returned it does not write until migration_writer_resume. */
void migration_writer_pause(void)
{
    pthread_mutex_lock(&writer.mutex);
}

void migration_writer_resume(void)
{
    pthread_mutex_unlock(&writer.mutex);
}

/* Ends it, while it is paused. Returns how many pages it wrote. */
uint64_t migration_writer_end(void)
{
    writer.end = 1;
    pthread_mutex_unlock(&writer.mutex);
    pthread_join(writer.thread, NULL);
    return writer.written;
}

static uint64_t faults_so_far(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) != 0)
        fail("getrusage");
    return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

/*
 * Touches pages in random order, each once, and returns how many touches had to wait; their times, in nanoseconds, are put into samples, which has room for
 * as many as are touched. 0 pages to touch: all of them.
 */
uint64_t migration_touch(const char *area, uint64_t pages, uint64_t count, uint64_t seed, uint64_t *samples)
{
    uint32_t *order = malloc(pages * sizeof *order);
    if (order == NULL)
        return 0;
    for (uint64_t i = 0; i < pages; i++)
        order[i] = (uint32_t)i;
    uint64_t state = seed * 2654435761u + 1, waited = 0, faults = faults_so_far();
    for (uint64_t i = pages - 1; i > 0; i--)
    {
        uint64_t other = mix(&state) % (i + 1);
        uint32_t page = order[i];
        order[i] = order[other];
        order[other] = page;
    }
    volatile uint64_t seen = 0;
    for (uint64_t i = 0; i < (count == 0 ? pages : count); i++)
    {
        uint64_t started = now_ns();
        seen += *(const volatile uint64_t *)(area + (uint64_t)order[i] * PAGE);
        uint64_t took = now_ns() - started, now = faults_so_far();
        if (now != faults)
            samples[waited++] = took;
        faults = now;
    }
    free(order);
    return waited;
}
