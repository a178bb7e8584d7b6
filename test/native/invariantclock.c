// One clock that is written to pages of every kind of memory, in a fixed order in which the kinds alternate. At each instant the pages up to some
// place have the clock's value and those behind it the value before: a kind that is copied at another instant than the rest stands out.
#define _GNU_SOURCE
#include "invariant.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20, EACH = 48, MAX_KINDS = 16, MAX_PAGES = HUGE_PAGE / PAGE + MAX_KINDS * EACH };

struct entry {
    uint64_t address;
    uint64_t kind;
};

static struct entry entries[MAX_PAGES];
static uint64_t entry_count;

static char *starts[MAX_KINDS];
static uint64_t lengths[MAX_KINDS]; // in pages
static uint64_t kind_count;
static uint64_t rate;

static char zeroed[EACH * PAGE] __attribute__((aligned(PAGE)));
static char initialised[EACH * PAGE] __attribute__((aligned(PAGE))) = { 1 };
static pthread_barrier_t stacks_are_there;

static void add_kind(const char *name, void *start, uint64_t count)
{
    char line[64];
    snprintf(line, sizeof line, "clock.kind.%s", name);
    tell(line, kind_count);
    starts[kind_count] = start;
    lengths[kind_count] = count;
    kind_count++;
}

static void *map_descriptor(int descriptor, int flags)
{
    void *pages = mmap(NULL, EACH * PAGE, PROT_READ | PROT_WRITE, flags, descriptor, 0);
    if (pages == MAP_FAILED) {
        fail("mmap of a descriptor");
    }

    return pages;
}

static int open_memory(void)
{
    int descriptor = memfd_create("invariant", MFD_CLOEXEC);
    if (descriptor < 0 || ftruncate(descriptor, EACH * PAGE) != 0) {
        fail("memfd_create");
    }

    return descriptor;
}

// A file of a disk, with content, mapped privately: each page is the file's until it is written.
static void *map_file(void)
{
    static char content[EACH * PAGE];
    memset(content, 0x5a, sizeof content);
    FILE *file = tmpfile();
    if (file == NULL || write(fileno(file), content, sizeof content) != (ssize_t)sizeof content) {
        fail("tmpfile");
    }

    return map_descriptor(fileno(file), MAP_PRIVATE);
}

static void *map_huge(void)
{
    char *area = map_pages(2 * HUGE_PAGE);
    area = (char *)(((uintptr_t)area + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    madvise(area, HUGE_PAGE, MADV_HUGEPAGE); // a kernel without them has small ones: the promise is the same
    memset(area, 1, HUGE_PAGE);
    return area;
}

// Lends pages of its stack, and sleeps.
static void *lend_stack(void *argument)
{
    char area[(EACH + 1) * PAGE];
    *(char **)argument = (char *)(((uintptr_t)area + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    pthread_barrier_wait(&stacks_are_there);
    while (!is_stopping()) {
        usleep(20000);
    }

    return NULL;
}

static void *run(void *argument)
{
    (void)argument;
    struct pacer pacer = { .rate = rate };
    for (uint64_t clock = 2;; clock++) {
        for (uint64_t index = 0; index < entry_count; index++) {
            if (is_stopping()) {
                return NULL;
            }

            store((uint64_t *)(uintptr_t)entries[index].address, clock);
            pace(&pacer);
        }
    }
}

void start_clock(const struct settings *settings)
{
    static char *stacks[2];
    rate = settings->rate * 4; // a step is a single store here
    pthread_barrier_init(&stacks_are_there, NULL, 3);
    start_thread(lend_stack, &stacks[0]);
    start_thread(lend_stack, &stacks[1]);
    pthread_barrier_wait(&stacks_are_there);

    void *heap;
    if (posix_memalign(&heap, PAGE, EACH * PAGE) != 0) {
        fail("posix_memalign");
    }

    add_kind("heap", heap, EACH);
    add_kind("anonymous", map_pages(EACH * PAGE), EACH);
    add_kind("sharedAnonymous", map_descriptor(-1, MAP_SHARED | MAP_ANONYMOUS), EACH);
    add_kind("memfd", map_descriptor(open_memory(), MAP_SHARED), EACH);
    add_kind("memfdPrivate", map_descriptor(open_memory(), MAP_PRIVATE), EACH);
    add_kind("filePrivate", map_file(), EACH);
    add_kind("huge", map_huge(), HUGE_PAGE / PAGE);
    add_kind("zeroed", zeroed, EACH);
    add_kind("initialised", initialised, EACH);
    add_kind("stack", stacks[0], EACH);
    add_kind("otherStack", stacks[1], EACH);

    for (uint64_t page = 0; page < HUGE_PAGE / PAGE; page++) {
        for (uint64_t kind = 0; kind < kind_count; kind++) {
            if (page < lengths[kind]) {
                entries[entry_count++] = (struct entry){ .address = (uint64_t)(uintptr_t)starts[kind] + page * PAGE, .kind = kind };
            }
        }
    }

    for (uint64_t index = 0; index < entry_count; index++) {
        store((uint64_t *)(uintptr_t)entries[index].address, 1);
    }

    tell("clock.entries", (uint64_t)(uintptr_t)entries);
    tell("clock.count", entry_count);
    start_thread(run, NULL);
}
