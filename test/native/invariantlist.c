// A ring of nodes that are replaced one after the other, each by a new one elsewhere. At each instant whoever goes round from the head
// meets every id once, in order (beginning anywhere), and each node he meets is whole.
//
// A step, store by store:
//   the list's version goes up                          it announces the newest node's version, or that of the one that comes next
//   the new node is written                             nobody points to it
//   the node before points to it, in place of the old   a single store: before it the old one is met, behind it the new one
//   the old node is spoiled                             nobody points to it
// And now and then the head goes one node on: the ring is the same.
#include "invariant.h"

#include <stdlib.h>

enum { MAX_LISTS = 16, LIVE = 0x4c495645, DEAD = 0x44454144 };

struct node {
    uint64_t state;
    uint64_t next;
    uint64_t id;
    uint64_t version;
    uint64_t check;
    uint64_t unused[3];
};

_Static_assert(sizeof(struct node) == 64, "the checker knows it so");

struct list {
    uint64_t head;
    uint64_t version;
    uint64_t arena;
    uint64_t places;
    uint64_t nodes;
    uint64_t unused[3];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct list) == 64, "the checker knows it so");

static struct list lists[MAX_LISTS];
static uint64_t rate;

static struct node *node_at(uint64_t address)
{
    return (struct node *)(uintptr_t)address;
}

static void write_node(uint64_t where, uint64_t next, uint64_t id, uint64_t version)
{
    struct node *node = node_at(where);
    store(&node->next, next);
    store(&node->id, id);
    store(&node->version, version);
    store(&node->check, mix(where ^ mix(id ^ mix(version))));
    store(&node->state, LIVE);
}

static void spoil(uint64_t where)
{
    struct node *node = node_at(where);
    store(&node->state, DEAD);
    store(&node->next, DEAD);
    store(&node->id, ~0ul);
    store(&node->check, 0);
}

// Places that are free, the one that was longest so first: a place that were used again at once would hide what happens.
struct queue {
    uint64_t *places;
    uint64_t count;
    uint64_t first;
};

static uint64_t exchange_place(struct queue *queue, uint64_t freed)
{
    uint64_t place = queue->places[queue->first];
    queue->places[queue->first] = freed;
    queue->first = (queue->first + 1) % queue->count;
    return place;
}

static struct queue build(struct list *list, uint64_t *random)
{
    uint64_t *places = malloc(list->places * sizeof *places);
    if (places == NULL) {
        fail("malloc");
    }

    for (uint64_t index = 0; index < list->places; index++) {
        places[index] = list->arena + index * sizeof(struct node);
    }

    for (uint64_t index = list->places - 1; index > 0; index--) {
        uint64_t other = next_random(random) % (index + 1), place = places[index];
        places[index] = places[other];
        places[other] = place;
    }

    for (uint64_t index = 0; index < list->nodes; index++) {
        write_node(places[index], places[(index + 1) % list->nodes], index, index + 1);
    }

    for (uint64_t index = list->nodes; index < list->places; index++) {
        spoil(places[index]);
    }

    list->head = places[0];
    list->version = list->nodes;
    return (struct queue){ .places = places + list->nodes, .count = list->places - list->nodes };
}

struct work {
    struct list *list;
    struct queue queue;
    uint64_t random;
};

static void *run(void *argument)
{
    struct work *work = argument;
    struct list *list = work->list;
    struct pacer pacer = { .rate = rate };
    uint64_t before = list->head;
    while (!is_stopping()) {
        uint64_t old = node_at(before)->next;
        if (next_random(&work->random) % 8 == 0) {
            store(&list->head, node_at(list->head)->next);
        }

        // The head points to it too: that would take two stores.
        if (old != list->head) {
            uint64_t version = list->version + 1;
            uint64_t place = exchange_place(&work->queue, old);
            store(&list->version, version);
            write_node(place, node_at(old)->next, node_at(old)->id, version);
            store(&node_at(before)->next, place);
            spoil(old);
            old = place;
        }

        before = old;
        pace(&pacer);
    }

    return NULL;
}

void start_list(const struct settings *settings)
{
    static struct work works[MAX_LISTS];
    rate = settings->rate;
    tell("list.lists", (uint64_t)(uintptr_t)lists);
    tell("list.count", settings->threads);
    for (uint64_t index = 0; index < settings->threads; index++) {
        struct list *list = &lists[index];
        uint64_t bytes = settings->bytes / settings->threads & ~(uint64_t)(PAGE - 1);
        list->arena = (uint64_t)(uintptr_t)map_pages(bytes);
        list->places = bytes / sizeof(struct node);
        list->nodes = list->places / 2;
        works[index] = (struct work){ .list = list, .random = mix(index + 1) | 1 };
        works[index].queue = build(list, &works[index].random);
        start_thread(run, &works[index]);
    }
}
