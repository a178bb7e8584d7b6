// Pages that are stamped one after the other with a generation, in an order that is not that of their addresses: who copies them by address
// does not run along with the writer. At each instant there is one place in the order: the pages before it have the generation, those behind it the
// one before, and the page at it may be half written, which its sequence word says (an odd one, as a seqlock's).
//
// A step, store by store: the sequence becomes odd, the words follow from the first to the last, the sequence becomes even.
#include "invariant.h"

enum { MULTIPLIER = 0x9e3779b1 };

struct page {
    uint64_t sequence; // 2 g - 1 while generation g is written, 2 g when it is
    uint64_t words[WORDS - 1];
};

_Static_assert(sizeof(struct page) == PAGE, "a page");

static struct page *pages;
static uint64_t page_count; // a power of two
static uint64_t rate;

static void stamp(uint64_t index, uint64_t generation)
{
    struct page *page = &pages[index];
    store(&page->sequence, 2 * generation - 1);
    for (uint64_t word = 0; word < WORDS - 1; word++) {
        store(&page->words[word], mix(generation) + (index << 32) + word);
    }

    store(&page->sequence, 2 * generation);
}

static void *run(void *argument)
{
    (void)argument;
    struct pacer pacer = { .rate = rate };
    for (uint64_t generation = 2;; generation++) {
        for (uint64_t step = 0; step < page_count; step++) {
            if (is_stopping()) {
                return NULL;
            }

            stamp(step * MULTIPLIER & (page_count - 1), generation);
            pace(&pacer);
        }
    }
}

void start_pages(const struct settings *settings)
{
    rate = settings->rate;
    for (page_count = 1; page_count * 2 * PAGE <= settings->bytes;) {
        page_count *= 2;
    }

    pages = map_pages(page_count * PAGE);
    for (uint64_t index = 0; index < page_count; index++) {
        stamp(index, 1);
    }

    tell("pages.base", (uint64_t)(uintptr_t)pages);
    tell("pages.count", page_count);
    tell("pages.multiplier", MULTIPLIER);
    start_thread(run, NULL);
}
