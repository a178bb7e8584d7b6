// Regions that come and go. A table says of each region what is true of it; each store leaves a table that tells the truth.
//
// A region's state and generation are one word, so they change in one store. The other members change only in states that do not look at
// them. The content of each word of a region follows from its generation, its place in the table, and its place in the region.
#define _GNU_SOURCE
#include "invariant.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_CHURNERS = 16, EACH = 12, MOST_PAGES = 48 };

enum state {
    UNCLAIMED,  // nothing is said
    READY,      // [address, pages) is content of the generation
    REWRITING,  // so, or of the next generation: whole pages of the next one, at most one mixed page, whole pages of this one
    DISCARDING, // content, but in [first, last) each page is content or zeros
    DISCARDED,  // content, but [first, last) is zeros
    FREEING,    // as DISCARDING; the kernel may make them zeros at any time
    REFILLING,  // content outside of [first, last)
    MOVING,     // each page is content at address or at other
    MOVED,      // content at other
    HIDDEN,     // as READY, but the mapping may be PROT_NONE
};

struct region {
    uint64_t word; // generation << 8 | state
    uint64_t address;
    uint64_t pages;
    uint64_t first;
    uint64_t last;
    uint64_t other;
    uint64_t unused[2];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct region) == 64, "the checker knows it so");

static struct region table[MAX_CHURNERS * EACH];
static uint64_t refusals; // how often mremap(2) refused, which it has no reason to as long as nobody else is at work
static uint64_t rate;

static void say(struct region *region, uint64_t generation, enum state state)
{
    store(&region->word, generation << 8 | state);
}

static uint64_t generation_of(const struct region *region)
{
    return region->word >> 8;
}

static void *at_page(uint64_t address, uint64_t page)
{
    return (void *)(uintptr_t)(address + page * PAGE);
}

static void fill(const struct region *region, uint64_t first, uint64_t last, uint64_t generation)
{
    uint64_t seed = mix(generation << 16 | (uint64_t)(region - table));
    for (uint64_t page = first; page < last; page++) {
        uint64_t *words = at_page(region->address, page);
        for (uint64_t word = 0; word < WORDS; word++) {
            store(&words[word], seed + page * WORDS + word);
        }
    }
}

static void *map_region(uint64_t pages, int protection)
{
    void *area = mmap(NULL, pages * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) {
        fail("mmap");
    }

    return area;
}

static void *fill_all(void *argument)
{
    struct region *region = argument;
    fill(region, 0, region->pages, generation_of(region));
    return NULL;
}

static void create(struct region *region, uint64_t *random)
{
    uint64_t pages = next_random(random) % MOST_PAGES + 2;
    store(&region->address, (uint64_t)(uintptr_t)map_region(pages, PROT_READ | PROT_WRITE));
    store(&region->pages, pages);
    say(region, generation_of(region) + 1, UNCLAIMED);
    pthread_t filler;
    if (next_random(random) % 4 == 0 && pthread_create(&filler, NULL, fill_all, region) == 0) {
        pthread_join(filler, NULL);
    } else {
        fill_all(region);
    }

    say(region, generation_of(region), READY);
}

static void rewrite(struct region *region)
{
    uint64_t generation = generation_of(region);
    say(region, generation, REWRITING);
    fill(region, 0, region->pages, generation + 1);
    say(region, generation + 1, READY);
}

static void choose_pages(struct region *region, uint64_t *random)
{
    uint64_t first = next_random(random) % region->pages;
    store(&region->first, first);
    store(&region->last, first + next_random(random) % (region->pages - first) + 1);
}

static void discard(struct region *region, uint64_t *random, int advice)
{
    uint64_t generation = generation_of(region);
    choose_pages(region, random);
    say(region, generation, advice == MADV_FREE ? FREEING : DISCARDING);
    if (madvise(at_page(region->address, region->first), (region->last - region->first) * PAGE, advice) != 0) {
        fail("madvise");
    }

    if (advice == MADV_DONTNEED) {
        say(region, generation, DISCARDED);
    }
}

static void refill(struct region *region)
{
    uint64_t generation = generation_of(region);
    say(region, generation, REFILLING);
    fill(region, region->first, region->last, generation);
    say(region, generation, READY);
}

static void move(struct region *region, uint64_t more)
{
    // The place is taken beforehand, so that no other thread's mapping comes to lie there.
    uint64_t generation = generation_of(region), pages = region->pages + more;
    void *target = map_region(pages, PROT_NONE);
    store(&region->other, (uint64_t)(uintptr_t)target);
    say(region, generation, MOVING);
    void *moved = mremap(at_page(region->address, 0), region->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    if (moved == MAP_FAILED) {
        // EFAULT: the region is several mappings to the kernel, because someone else cut it. Some of them may have been moved by then.
        say(region, generation, UNCLAIMED);
        munmap(at_page(region->address, 0), region->pages * PAGE);
        munmap(target, pages * PAGE);
        store(&region->pages, 0);
        __atomic_add_fetch(&refusals, 1, __ATOMIC_RELAXED);
        return;
    }

    say(region, generation, MOVED);
    store(&region->address, (uint64_t)(uintptr_t)moved);
    say(region, generation, READY);
    if (more != 0) {
        // What is behind the region's end is said nothing of until its length says so.
        fill(region, region->pages, pages, generation);
        store(&region->pages, pages);
    }
}

static void protect(struct region *region, int protection)
{
    uint64_t generation = generation_of(region);
    if (protection == PROT_NONE) {
        say(region, generation, HIDDEN);
    }

    if (mprotect(at_page(region->address, 0), region->pages * PAGE, protection) != 0) {
        fail("mprotect");
    }

    usleep(200);
    if (mprotect(at_page(region->address, 0), region->pages * PAGE, PROT_READ | PROT_WRITE) != 0) {
        fail("mprotect back");
    }

    say(region, generation, READY);
}

// A child that writes over all of it, in its own copy, and the parent that writes at the same time: neither sees the other's.
static void fork_child(struct region *region)
{
    pid_t child = fork();
    if (child < 0) {
        fail("fork");
    }

    if (child == 0) {
        fill(region, 0, region->pages, ~0ul);
        _exit(0);
    }

    rewrite(region);
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
}

static void remove_region(struct region *region)
{
    say(region, generation_of(region), UNCLAIMED);
    munmap(at_page(region->address, 0), region->pages * PAGE);
    store(&region->pages, 0);
}

static void step(struct region *region, uint64_t *random)
{
    enum state state = region->word & 0xff;
    if (state == UNCLAIMED) {
        create(region, random);
        return;
    }

    if (state != READY) {
        refill(region);
        return;
    }

    switch (next_random(random) % 16) {
    case 0: case 1: case 2: rewrite(region); break;
    case 3: case 4: case 5: discard(region, random, MADV_DONTNEED); break;
    case 6: discard(region, random, MADV_FREE); break;
    case 7: case 8: move(region, 0); break;
    case 9: case 10: move(region, region->pages < 2 * MOST_PAGES ? 1 + next_random(random) % 8 : 0); break;
    case 11: protect(region, PROT_READ); break;
    case 12: protect(region, PROT_NONE); break;
    case 13: fork_child(region); break;
    default: remove_region(region); break;
    }
}

static void *run(void *argument)
{
    struct region *regions = argument;
    uint64_t random = mix((uint64_t)(regions - table) + 1) | 1;
    struct pacer pacer = { .rate = rate };
    while (!is_stopping()) {
        step(&regions[next_random(&random) % EACH], &random);
        pace(&pacer);
    }

    return NULL;
}

void start_churn(const struct settings *settings)
{
    rate = settings->rate / 10 + 1; // a step is many writes here
    tell("churn.table", (uint64_t)(uintptr_t)table);
    tell("churn.count", settings->threads * EACH);
    tell("churn.refusals", (uint64_t)(uintptr_t)&refusals);
    for (uint64_t index = 0; index < settings->threads; index++) {
        start_thread(run, &table[index * EACH]);
    }
}
