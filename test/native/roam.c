// Wandering over memory, and moving it about: what a pager must follow.
#include "target.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_ROAMERS = 64 };

struct roamer {
    pthread_t thread;
    const uint8_t *start;
    size_t length;
    uint64_t count;
    uint64_t random;
    uint64_t salt; // 0: the content is not compared
    uint64_t wrong;
};

// The word of the tests' pattern at an offset of the image.
static uint64_t pattern(uint64_t offset, uint64_t salt)
{
    uint64_t word = (offset + salt) * 0x9e3779b97f4a7c15u;
    return word ^ (word >> 29);
}

static void *roam(void *argument)
{
    struct roamer *roamer = argument;
    uint64_t random = roamer->random;
    for (uint64_t index = 0; index < roamer->count; index++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t offset = random % (roamer->length / 8) * 8;
        uint64_t word = *(volatile const uint64_t *)(roamer->start + offset);
        roamer->wrong += roamer->salt != 0 && word != pattern(offset, roamer->salt);
    }

    return NULL;
}

void command_roam(const struct command *command, char *reply)
{
    uint64_t threads, count, seed, salt;
    struct region *region = selected_region();
    if (command->count != 5 || region == NULL || !parse_number(command->words[1], &threads) || threads == 0 || threads > MAX_ROAMERS
        || !parse_number(command->words[2], &count) || !parse_number(command->words[3], &seed) || !parse_number(command->words[4], &salt)) {
        reply_usage(reply, "roam THREADS COUNT SEED SALT");
        return;
    }

    struct roamer *roamers = calloc(threads, sizeof *roamers);
    for (uint64_t index = 0; index < threads; index++) {
        roamers[index] = (struct roamer){ .start = region->base, .length = region->length, .count = count, .salt = salt };
        roamers[index].random = (seed + index + 1) * 0x9e3779b97f4a7c15u | 1;
        if (pthread_create(&roamers[index].thread, NULL, roam, &roamers[index]) != 0) {
            abort();
        }
    }

    uint64_t wrong = 0;
    for (uint64_t index = 0; index < threads; index++) {
        pthread_join(roamers[index].thread, NULL);
        wrong += roamers[index].wrong;
    }

    free(roamers);
    reply_ok(reply, "%lu", (unsigned long)wrong);
}

void command_place(const struct command *command, char *reply)
{
    uint64_t length;
    if (command->count != 2 || !parse_number(command->words[1], &length)) {
        reply_usage(reply, "place LENGTH");
        return;
    }

    void *place = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) {
        reply_errno(reply, errno);
        return;
    }

    reply_ok(reply, "%p", place);
}

void command_remap(const struct command *command, char *reply)
{
    uint64_t from, old_length, new_length, to = 0;
    bool fixed = command->count == 5;
    if (command->count < 4 || command->count > 5 || !parse_number(command->words[1], &from) || !parse_number(command->words[2], &old_length)
        || !parse_number(command->words[3], &new_length) || (fixed && !parse_number(command->words[4], &to))) {
        reply_usage(reply, "remap FROM OLDLENGTH NEWLENGTH [TO]");
        return;
    }

    int flags = MREMAP_MAYMOVE | (fixed ? MREMAP_FIXED : 0);
    void *moved = mremap((void *)(uintptr_t)from, old_length, new_length, flags, (void *)(uintptr_t)to);
    if (moved == MAP_FAILED) {
        reply_errno(reply, errno);
        return;
    }

    reply_ok(reply, "%p", moved);
}

// The same program anew: it obeys on, with nothing of its memory left.
void command_reexec(const struct command *command, char *reply)
{
    (void)command;
    dprintf(STDOUT_FILENO, "ok\n");
    execl("/proc/self/exe", "target", (char *)NULL);
    reply_errno(reply, errno);
}
