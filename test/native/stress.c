// What the stress program has its target do: threads that lock, count and unlock in pages which come and go meanwhile.
#include "target.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LOCKERS = 32 };

// The head of every page. Its lock is free whenever the page is copied: nobody locks in the area that is copied from.
struct page {
    _Atomic uint32_t lock;
    uint32_t reserved;
    uint64_t count;
    uint64_t number;
    uint64_t magic;
};

static const uint64_t magic = 0x75666664746f7263u;

// What the pages should hold; changed under their locks. In memory that nobody pages.
static uint64_t *expected;

struct locker {
    pthread_t thread;
    uint8_t *base;
    size_t page_size;
    uint64_t pages;
    uint64_t visits;
    uint64_t random; // 0: in order
    uint64_t first;
};

static struct page *page_at(const struct locker *locker, uint64_t number)
{
    return (struct page *)(locker->base + number * locker->page_size);
}

static void *run_locker(void *argument)
{
    struct locker *locker = argument;
    uint64_t random = locker->random;
    for (uint64_t index = 0; index < locker->visits; index++) {
        uint64_t number = (locker->first + index) % locker->pages;
        if (random != 0) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            number = random % locker->pages;
        }

        struct page *page = page_at(locker, number);
        while (atomic_exchange_explicit(&page->lock, 1, memory_order_acquire) != 0) {
            sched_yield();
        }

        page->count++;
        expected[number]++;
        atomic_store_explicit(&page->lock, 0, memory_order_release);
    }

    return NULL;
}

static bool parse_area(const struct command *command, int words, uint64_t *values, struct locker *locker)
{
    for (int index = 1; index < words; index++) {
        if (command->count != words || !parse_number(command->words[index], &values[index])) {
            return false;
        }
    }

    if (values[1] >= (uint64_t)target.region_count || values[2] == 0) {
        return false;
    }

    const struct region *region = &target.regions[values[1]];
    *locker = (struct locker){ .base = region->base, .page_size = values[2], .pages = region->length / values[2] };
    return true;
}

void command_lockinit(const struct command *command, char *reply)
{
    uint64_t values[3];
    struct locker area;
    if (!parse_area(command, 3, values, &area)) {
        reply_usage(reply, "lockinit REGION PAGESIZE");
        return;
    }

    free(expected);
    expected = calloc(area.pages, sizeof *expected);
    for (uint64_t number = 0; number < area.pages; number++) {
        struct page *page = page_at(&area, number);
        *page = (struct page){ .number = number, .magic = magic };
        memset(page + 1, (int)(number % 251), area.page_size - sizeof *page);
    }

    reply_done(reply);
}

void command_lock(const struct command *command, char *reply)
{
    uint64_t values[7];
    struct locker area;
    struct locker lockers[MAX_LOCKERS];
    if (!parse_area(command, 7, values, &area) || values[3] == 0 || values[3] > MAX_LOCKERS) {
        reply_usage(reply, "lock REGION PAGESIZE THREADS VISITS SEED APART (seed 0: in order; apart 0: all begin at the first page)");
        return;
    }

    uint64_t threads = values[3];
    for (uint64_t index = 0; index < threads; index++) {
        lockers[index] = area;
        lockers[index].visits = values[4];
        lockers[index].random = values[5] == 0 ? 0 : (values[5] + index) * 0x9e3779b97f4a7c15u | 1;
        lockers[index].first = values[6] == 0 ? 0 : index * area.pages / threads;
        if (pthread_create(&lockers[index].thread, NULL, run_locker, &lockers[index]) != 0) {
            abort();
        }
    }

    for (uint64_t index = 0; index < threads; index++) {
        pthread_join(lockers[index].thread, NULL);
    }

    reply_done(reply);
}

// How many pages are not what they should be, in their head or behind it.
void command_lockverify(const struct command *command, char *reply)
{
    uint64_t values[3];
    struct locker area;
    if (!parse_area(command, 3, values, &area)) {
        reply_usage(reply, "lockverify REGION PAGESIZE");
        return;
    }

    uint64_t wrong = 0;
    for (uint64_t number = 0; number < area.pages; number++) {
        const struct page *page = page_at(&area, number);
        bool right = page->lock == 0 && page->magic == magic && page->number == number && page->count == expected[number];
        const uint8_t *rest = (const uint8_t *)(page + 1);
        for (size_t index = 0; right && index < area.page_size - sizeof *page; index++) {
            right = rest[index] == number % 251;
        }

        wrong += !right;
    }

    reply_ok(reply, "%lu", (unsigned long)wrong);
}
