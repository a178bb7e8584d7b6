// A process whose threads keep promises about its memory at every instant, without a lock that could be seen from outside: what
// judges whether a copy of it is of one instant. Each promise is a part (bank, list, pages, clock, churn); a process has some of them.
//
// Why a promise holds at an instant at which all threads stand: a thread that stands has all its stores up to some instruction done, and none
// behind it. So it is enough that each store by itself leads from one state that keeps the promise to another, whatever
// the other threads are at. The compiler must not reorder them, and does not: they are atomic. The parts' files say why each store does.
#ifndef UFFD_INVARIANT_H
#define UFFD_INVARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGE = 4096, WORDS = PAGE / 8 };

struct settings {
    uint64_t bytes;   // of each part's memory
    uint64_t rate;    // steps a second of each thread; 0: as many as it can
    uint64_t threads; // of the parts that have several
};

void start_bank(const struct settings *settings);
void start_list(const struct settings *settings);
void start_pages(const struct settings *settings);
void start_clock(const struct settings *settings);
void start_churn(const struct settings *settings);

// Tells who reads this process from outside where something is, or what it is: a line "name value".
void tell(const char *name, uint64_t value);

// Starts a thread that runs until the end.
void start_thread(void *(*run)(void *), void *argument);

// Whether the process is to end.
bool is_stopping(void);

_Noreturn void fail(const char *what);

void *map_pages(uint64_t bytes);

struct pacer {
    uint64_t rate;
    uint64_t started;
    uint64_t steps;
};

// Holds a thread to its rate. Where it was held up it does not catch up.
void pace(struct pacer *pacer);

static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// A word that says what it belongs to.
static inline uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static inline void store(uint64_t *where, uint64_t value)
{
    __atomic_store_n(where, value, __ATOMIC_RELEASE);
}

static inline uint64_t load(const uint64_t *where)
{
    return __atomic_load_n(where, __ATOMIC_ACQUIRE);
}

#endif
