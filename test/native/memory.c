// Mapping and touching memory.
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_THREADS = 64, MAX_DUMP = 8192 };

// Where a fault that ends in a signal goes on; null outside of a guarded access. Volatile, for the handler reads it
// unseen by the compiler.
static _Thread_local sigjmp_buf *volatile guarded;

static void on_fault(int signal)
{
    if (guarded != NULL) {
        siglongjmp(*guarded, signal);
    }

    _exit(128 + signal);
}

void install_fault_handlers(void)
{
    struct sigaction action = { .sa_handler = on_fault };
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
}

struct region *selected_region(void)
{
    return target.region_count > 0 ? &target.regions[target.selected] : NULL;
}

bool parse_range(const struct command *command, int first, uint8_t **start, size_t *length)
{
    const struct region *region = selected_region();
    uint64_t offset = 0;
    if (region == NULL || (command->count > first && !parse_number(command->words[first], &offset))) {
        return false;
    }

    uint64_t wanted = region->length - offset;
    if (command->count > first + 1 && !parse_number(command->words[first + 1], &wanted)) {
        return false;
    }

    *start = region->base + offset; // not checked against the region: tests touch unmapped memory on purpose
    *length = (size_t)wanted;
    return true;
}

void command_map(const struct command *command, char *reply)
{
    uint64_t length;
    if (command->count < 3 || !parse_number(command->words[1], &length) || target.region_count == MAX_REGIONS) {
        reply_usage(reply, "map LENGTH anon|shmem|memfd|hugetlb [private|shared]");
        return;
    }

    const char *kind = command->words[2];
    const char *sharing = command->count > 3 ? command->words[3] : "";
    bool is_memfd = strcmp(kind, "memfd") == 0;
    bool is_huge = strcmp(kind, "hugetlb") == 0;
    bool shared = strcmp(kind, "shmem") == 0 || is_memfd;
    if (!shared && !is_huge && strcmp(kind, "anon") != 0) {
        reply_errno(reply, EINVAL);
        return;
    }

    if (*sharing != '\0') {
        shared = strcmp(sharing, "shared") == 0;
    }

    // Shared memory that is mapped privately needs a name for the object: a memfd.
    int memfd = -1;
    if (is_memfd || (strcmp(kind, "shmem") == 0 && !shared)) {
        memfd = memfd_create("target", MFD_CLOEXEC);
        if (memfd < 0 || ftruncate(memfd, (off_t)length) != 0) {
            reply_errno(reply, errno);
            return;
        }
    }

    // Huge pages are reserved, so that a touch cannot fail; other memory is not, so that terabytes can be mapped.
    int flags = (shared ? MAP_SHARED : MAP_PRIVATE) | (memfd < 0 ? MAP_ANONYMOUS : 0) | (is_huge ? MAP_HUGETLB : MAP_NORESERVE);
    void *base = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, memfd, 0);
    if (base == MAP_FAILED) {
        reply_errno(reply, errno);
        return;
    }

    if (!is_huge) {
        madvise(base, length, MADV_NOHUGEPAGE); // one fault, one page
    }

    target.selected = target.region_count++;
    target.regions[target.selected] = (struct region){ .base = base, .length = length, .memfd = memfd };
    reply_ok(reply, "%d %p %zu", target.selected, base, (size_t)length);
}

void command_select(const struct command *command, char *reply)
{
    uint64_t index;
    if (command->count != 2 || !parse_number(command->words[1], &index) || index >= (uint64_t)target.region_count) {
        reply_usage(reply, "select INDEX");
        return;
    }

    target.selected = (int)index;
    command_base(command, reply);
}

void command_base(const struct command *command, char *reply)
{
    (void)command;
    const struct region *region = selected_region();
    if (region == NULL) {
        reply_errno(reply, ENOENT);
        return;
    }

    reply_ok(reply, "%p %zu", (void *)region->base, region->length);
}

// Reads or writes one byte; a signal instead is its number, negated.
static int access_byte(volatile uint8_t *address, int value)
{
    sigjmp_buf here;
    int signal = sigsetjmp(here, 1);
    if (signal != 0) {
        guarded = NULL;
        return -signal;
    }

    guarded = &here;
    if (value >= 0) {
        *address = (uint8_t)value;
    } else {
        value = *address;
    }

    guarded = NULL;
    return value;
}

static const char *describe_access(int value, char text[16])
{
    if (value < 0) {
        return value == -SIGBUS ? "sigbus" : "sigsegv";
    }

    snprintf(text, 16, "%d", value);
    return text;
}

void command_touch(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    char text[16];
    if (command->count != 2 || !parse_range(command, 1, &start, &length)) {
        reply_usage(reply, "touch OFFSET");
        return;
    }

    reply_ok(reply, "%s", describe_access(access_byte(start, -1), text));
}

void command_write(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    char text[16];
    if (command->count != 3 || !parse_range(command, 1, &start, &length) || length > 255) {
        reply_usage(reply, "write OFFSET VALUE");
        return;
    }

    reply_ok(reply, "%s", describe_access(access_byte(start, (int)length), text));
}

struct toucher {
    pthread_t thread;
    pthread_barrier_t *barrier;
    uint8_t *const *addresses;
    int count;
    int values[MAX_WORDS];
};

static void *touch_all(void *argument)
{
    struct toucher *toucher = argument;
    pthread_barrier_wait(toucher->barrier);
    for (int index = 0; index < toucher->count; index++) {
        toucher->values[index] = access_byte(toucher->addresses[index], -1);
    }

    return NULL;
}

void command_touchmany(const struct command *command, char *reply)
{
    uint64_t threads = 0;
    uint8_t *addresses[MAX_WORDS];
    int count = command->count - 2;
    bool valid = count > 0 && parse_number(command->words[1], &threads) && threads > 0 && threads <= MAX_THREADS;
    for (int index = 0; valid && index < count; index++) {
        uint64_t offset;
        valid = selected_region() != NULL && parse_number(command->words[index + 2], &offset);
        addresses[index] = valid ? selected_region()->base + offset : NULL;
    }

    if (!valid) {
        reply_usage(reply, "touchmany THREADS OFFSET...");
        return;
    }

    struct toucher *touchers = calloc(threads, sizeof *touchers);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    for (uint64_t index = 0; index < threads; index++) {
        touchers[index].barrier = &barrier;
        touchers[index].addresses = addresses;
        touchers[index].count = count;
        if (pthread_create(&touchers[index].thread, NULL, touch_all, &touchers[index]) != 0) {
            abort(); // those that wait at the barrier would wait for ever
        }
    }

    strcpy(reply, "ok");
    for (uint64_t index = 0; index < threads; index++) {
        pthread_join(touchers[index].thread, NULL);
        for (int value = 0; value < count; value++) {
            char text[16];
            size_t used = strlen(reply);
            snprintf(reply + used, MAX_REPLY - used, " %s", describe_access(touchers[index].values[value], text));
        }
    }

    pthread_barrier_destroy(&barrier);
    free(touchers);
}

void command_fill(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    uint64_t value;
    if (command->count != 4 || !parse_range(command, 1, &start, &length) || !parse_number(command->words[3], &value)) {
        reply_usage(reply, "fill OFFSET LENGTH VALUE");
        return;
    }

    memset(start, (int)value, length);
    reply_done(reply);
}

void command_hash(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    if (command->count != 3 || !parse_range(command, 1, &start, &length)) {
        reply_usage(reply, "hash OFFSET LENGTH");
        return;
    }

    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t index = 0; index < length; index++) {
        hash = (hash ^ start[index]) * 0x100000001b3u;
    }

    reply_ok(reply, "0x%016lx", (unsigned long)hash);
}

void command_dump(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    if (command->count != 3 || !parse_range(command, 1, &start, &length) || length > MAX_DUMP) {
        reply_usage(reply, "dump OFFSET LENGTH");
        return;
    }

    strcpy(reply, "ok ");
    format_hex(start, length, reply + strlen(reply));
}

static void advise(const struct command *command, int first, int advice, char *reply)
{
    uint8_t *start;
    size_t length;
    if (!parse_range(command, first, &start, &length)) {
        reply_usage(reply, "madvise ADVICE OFFSET LENGTH");
    } else if (madvise(start, length, advice) != 0) {
        reply_errno(reply, errno);
    } else {
        reply_done(reply);
    }
}

void command_madvise(const struct command *command, char *reply)
{
    uint64_t advice;
    if (command->count != 4 || !parse_number(command->words[1], &advice)) {
        reply_usage(reply, "madvise ADVICE OFFSET LENGTH");
        return;
    }

    advise(command, 2, (int)advice, reply);
}

void command_dontneed(const struct command *command, char *reply)
{
    advise(command, 1, MADV_DONTNEED, reply);
}

void command_remove(const struct command *command, char *reply)
{
    advise(command, 1, MADV_REMOVE, reply);
}

void command_munmap(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    if (command->count != 3 || !parse_range(command, 1, &start, &length)) {
        reply_usage(reply, "munmap OFFSET LENGTH");
    } else if (munmap(start, length) != 0) {
        reply_errno(reply, errno);
    } else {
        reply_done(reply);
    }
}

void command_mremap(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    if (command->count != 3 || !parse_range(command, 1, &start, &length)) {
        reply_usage(reply, "mremap OFFSET LENGTH");
        return;
    }

    // A place of our own choice: without it the kernel leaves a mapping of unchanged length where it is. Huge pages want it aligned.
    void *place = map_aligned(length, 0, -1);
    void *moved = place == MAP_FAILED ? MAP_FAILED : mremap(start, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    if (moved == MAP_FAILED) {
        reply_errno(reply, errno);
        return;
    }

    struct region *region = selected_region();
    if (region->base == start && region->length == length) {
        region->base = moved;
    }

    reply_ok(reply, "%p", moved);
}

void command_sysread(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    if (command->count != 3 || !parse_range(command, 1, &start, &length)) {
        reply_usage(reply, "sysread OFFSET LENGTH");
        return;
    }

    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    ssize_t got = read(zero, start, length);
    int number = errno;
    close(zero);
    if (got < 0) {
        reply_errno(reply, number);
    } else {
        reply_ok(reply, "%zd", got);
    }
}
