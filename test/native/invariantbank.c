// Accounts whose sum never changes. An account is a word: twice its balance, and in the lowest bit whether a thread has it for itself.
//
// A transfer, store by store:
//   both accounts are taken (one compare-and-swap each)          their balances are what they were
//   the journal gets the two accounts and their old balances     its phase is 0: nobody looks at it
//   phase = 1                                                    from here the two balances are the journal's, whatever the accounts say
//   the one account gets less, the other more                    not looked at
//   phase = 0                                                    from here they are the accounts': their sum is the same
//   both are given back                                          their balances stay
// While the phase is 1 the accounts are this thread's own, so no other journal names them. So the sum over all accounts, with the balances of
// every journal whose phase is 1 in place of those of its accounts, is the same at each instant.
#include "invariant.h"

#include <stdlib.h>

enum { STRIDE = 64, MAX_SLOTS = 16, INITIAL = 1000000 };

struct slot {
    uint64_t phase;
    uint64_t from;
    uint64_t to;
    uint64_t from_before;
    uint64_t to_before;
    uint64_t amount;
    uint64_t unused[2];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct slot) == 64, "the checker knows it so");

static char *accounts;
static uint64_t account_count;
static struct slot slots[MAX_SLOTS];
static uint64_t rate;

static uint64_t *account(uint64_t index)
{
    return (uint64_t *)(accounts + index * STRIDE);
}

static bool take(uint64_t index, uint64_t *balance)
{
    uint64_t word = load(account(index)) & ~1ul;
    *balance = word >> 1;
    return __atomic_compare_exchange_n(account(index), &word, word | 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void give_back(uint64_t index)
{
    store(account(index), load(account(index)) & ~1ul);
}

static void transfer(struct slot *slot, uint64_t from, uint64_t to, uint64_t wanted)
{
    uint64_t from_before, to_before;
    if (from == to || !take(from, &from_before)) {
        return;
    }

    // Not waited for: two threads that wait for each other's would do so for ever.
    if (!take(to, &to_before)) {
        give_back(from);
        return;
    }

    uint64_t amount = wanted < from_before ? wanted : from_before;
    store(&slot->from, from);
    store(&slot->to, to);
    store(&slot->from_before, from_before);
    store(&slot->to_before, to_before);
    store(&slot->amount, amount);
    store(&slot->phase, 1);
    store(account(from), (from_before - amount) << 1 | 1);
    store(account(to), (to_before + amount) << 1 | 1);
    store(&slot->phase, 0);
    give_back(from);
    give_back(to);
}

static void *run(void *argument)
{
    struct slot *slot = argument;
    uint64_t random = mix((uint64_t)(slot - slots) + 1) | 1;
    struct pacer pacer = { .rate = rate };
    while (!is_stopping()) {
        uint64_t from = next_random(&random) % account_count;
        uint64_t to = next_random(&random) % account_count;
        transfer(slot, from, to, next_random(&random) % (INITIAL / 2) + 1);
        pace(&pacer);
    }

    return NULL;
}

void start_bank(const struct settings *settings)
{
    rate = settings->rate;
    accounts = map_pages(settings->bytes);
    account_count = settings->bytes / STRIDE;
    for (uint64_t index = 0; index < account_count; index++) {
        store(account(index), (uint64_t)INITIAL << 1);
    }

    tell("bank.accounts", (uint64_t)(uintptr_t)accounts);
    tell("bank.count", account_count);
    tell("bank.stride", STRIDE);
    tell("bank.initial", INITIAL);
    tell("bank.slots", (uint64_t)(uintptr_t)slots);
    tell("bank.slotCount", settings->threads);
    for (uint64_t index = 0; index < settings->threads; index++) {
        start_thread(run, &slots[index]);
    }
}
