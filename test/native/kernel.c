// What the tests of the kernel interface need beside the rest: areas of every kind of memory, pins, and writers.
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_WRITERS = 16, HUGE = 2 << 20, MAX_PEEK = 64 << 10 };

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif

// Maps at a multiple of 2 MiB; what is left over around it stays reserved.
void *map_aligned(size_t length, int flags, int memfd)
{
    uint8_t *place = mmap(NULL, length + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) {
        return MAP_FAILED;
    }

    void *aligned = (void *)(((uintptr_t)place + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
    return flags == 0 ? aligned : mmap(aligned, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED, memfd, 0);
}

void command_area(const struct command *command, char *reply)
{
    uint64_t length;
    if (command->count != 3 || !parse_number(command->words[1], &length) || target.region_count == MAX_REGIONS) {
        reply_usage(reply, "area LENGTH [thp-]anon|[thp-]shmem|shmem-private|hugetlb|hugetlb-private");
        return;
    }

    const char *kind = command->words[2];
    bool transparent = strncmp(kind, "thp-", 4) == 0;
    kind += transparent ? 4 : 0;
    bool huge = strncmp(kind, "hugetlb", 7) == 0;
    bool anonymous = strcmp(kind, "anon") == 0;
    bool private = anonymous || strstr(kind, "-private") != NULL;
    int memfd = -1;
    if (!anonymous) {
        memfd = memfd_create("area", MFD_CLOEXEC | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
        if (memfd < 0 || ftruncate(memfd, (off_t)length) != 0) {
            reply_errno(reply, errno);
            return;
        }
    }

    void *base = map_aligned(length, (private ? MAP_PRIVATE : MAP_SHARED) | (anonymous ? MAP_ANONYMOUS : 0), memfd);
    if (base == MAP_FAILED) {
        reply_errno(reply, errno);
        return;
    }

    if (!huge) {
        madvise(base, length, transparent ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); // one fault, one page, unless asked otherwise
    }

    target.selected = target.region_count++;
    target.regions[target.selected] = (struct region){ .base = base, .length = length, .memfd = memfd };
    reply_ok(reply, "%d %p %zu", target.selected, base, (size_t)length);
}

static int ring = -1;

// Pins for as long as the ring lives, or until unpin: a registered buffer is pinned for writing (FOLL_PIN, FOLL_LONGTERM,
// FOLL_WRITE), so a page that is write-protected must be pinned before it is protected.
void command_pin(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    if (command->count != 3 || !parse_range(command, 1, &start, &length)) {
        reply_usage(reply, "pin OFFSET LENGTH");
        return;
    }

    struct io_uring_params parameters = { 0 };
    struct iovec buffer = { .iov_base = start, .iov_len = length };
    int created = (int)syscall(SYS_io_uring_setup, 1, &parameters);
    if (created < 0 || syscall(SYS_io_uring_register, created, IORING_REGISTER_BUFFERS, &buffer, 1) != 0) {
        reply_errno(reply, errno);
        if (created >= 0) {
            close(created);
        }

        return;
    }

    ring = created;
    reply_done(reply);
}

void command_unpin(const struct command *command, char *reply)
{
    (void)command;
    // Unregistering waits for the unpin; a mere close would leave it to a worker.
    if (syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0) != 0) {
        reply_errno(reply, errno);
        return;
    }

    close(ring);
    ring = -1;
    reply_done(reply);
}

// Reads through a pin (process_vm_readv of itself): FOLL_PIN without FOLL_WRITE, which makes the kernel break the sharing of
// a page with another process although nobody writes.
void command_pinread(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    if (command->count != 3 || !parse_range(command, 1, &start, &length) || length > MAX_PEEK) {
        reply_usage(reply, "pinread OFFSET LENGTH");
        return;
    }

    uint8_t *bytes = malloc(length);
    struct iovec local = { .iov_base = bytes, .iov_len = length };
    struct iovec remote = { .iov_base = start, .iov_len = length };
    ssize_t got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (got < 0) {
        reply_errno(reply, errno);
    } else {
        reply_ok(reply, "%zd %d", got, bytes[0]);
    }

    free(bytes);
}

// Takes pages out of the object that the selected region maps: also those below a private mapping, which madvise cannot reach.
void command_punch(const struct command *command, char *reply)
{
    uint64_t offset, length;
    const struct region *region = selected_region();
    if (command->count != 3 || region == NULL || !parse_number(command->words[1], &offset) || !parse_number(command->words[2], &length)) {
        reply_usage(reply, "punch OFFSET LENGTH");
    } else if (fallocate(region->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length) != 0) {
        reply_errno(reply, errno);
    } else {
        reply_done(reply);
    }
}

// Swaps out. Pages that were just made wait in a list of the CPU that made them, where the call finds them on that CPU only.
void command_pageout(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    cpu_set_t before, one;
    if (command->count != 3 || !parse_range(command, 1, &start, &length)) {
        reply_usage(reply, "pageout OFFSET LENGTH");
        return;
    }

    int failed = sched_getaffinity(0, sizeof before, &before) != 0 ? errno : 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && failed == 0; cpu++) {
        if (CPU_ISSET(cpu, &before)) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one); // where this is not allowed, the next call may help as well
            failed = madvise(start, length, MADV_PAGEOUT) != 0 ? errno : 0;
        }
    }

    sched_setaffinity(0, sizeof before, &before);
    if (failed != 0) {
        reply_errno(reply, failed);
    } else {
        reply_done(reply);
    }
}

struct writer {
    pthread_t thread;
    uint8_t *start;
    size_t pages;
    size_t page_size;
    uint64_t count;
    uint64_t random;
    int slot;
};

static void *write_about(void *argument)
{
    struct writer *writer = argument;
    uint64_t random = writer->random;
    for (uint64_t index = 1; index <= writer->count; index++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        volatile uint64_t *slot = (volatile uint64_t *)(writer->start + random % writer->pages * writer->page_size) + writer->slot;
        *slot = *slot + index;
    }

    return NULL;
}

// Each thread has a word of its own in every page, so that the last of its writes is never hidden by another's.
void command_churn(const struct command *command, char *reply)
{
    uint64_t threads, count, seed, page_size;
    struct region *region = selected_region();
    if (command->count != 5 || region == NULL || !parse_number(command->words[1], &threads) || threads == 0 || threads > MAX_WRITERS
        || !parse_number(command->words[2], &count) || !parse_number(command->words[3], &seed) || !parse_number(command->words[4], &page_size)) {
        reply_usage(reply, "churn THREADS COUNT SEED PAGESIZE");
        return;
    }

    struct writer *writers = calloc(threads, sizeof *writers);
    for (uint64_t index = 0; index < threads; index++) {
        writers[index] = (struct writer){ .start = region->base, .pages = region->length / page_size, .page_size = page_size, .count = count };
        writers[index].slot = (int)index;
        writers[index].random = (seed + index + 1) * 0x9e3779b97f4a7c15u | 1;
        if (pthread_create(&writers[index].thread, NULL, write_about, &writers[index]) != 0) {
            abort();
        }
    }

    for (uint64_t index = 0; index < threads; index++) {
        pthread_join(writers[index].thread, NULL);
    }

    free(writers);
    reply_done(reply);
}
