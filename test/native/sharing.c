// Memory that is a mapping of a file that others have too, such as a memfd that came over a socket.
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int map_file(const char *path, size_t length, off_t offset, int flags)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) {
        return -1;
    }

    void *base = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, descriptor, offset);
    if (base == MAP_FAILED) {
        int number = errno;
        close(descriptor);
        errno = number;
        return -1;
    }

    madvise(base, length, MADV_NOHUGEPAGE); // one fault, one page
    target.selected = target.region_count++;
    target.regions[target.selected] = (struct region){ .base = base, .length = length, .memfd = descriptor };
    return 0;
}

void command_mapfile(const struct command *command, char *reply)
{
    uint64_t length, offset = 0;
    if (command->count < 4 || !parse_number(command->words[2], &length) || target.region_count == MAX_REGIONS
        || (command->count > 4 && !parse_number(command->words[4], &offset))) {
        reply_usage(reply, "mapfile PATH LENGTH private|shared [OFFSET]");
        return;
    }

    bool private = strcmp(command->words[3], "private") == 0;
    if (map_file(command->words[1], (size_t)length, (off_t)offset, private ? MAP_PRIVATE | MAP_NORESERVE : MAP_SHARED) != 0) {
        reply_errno(reply, errno);
        return;
    }

    const struct region *region = selected_region();
    reply_ok(reply, "%d %p %zu", target.selected, (void *)region->base, region->length);
}

// Receives text and at most one descriptor that comes with it.
void command_recvfd(const struct command *command, char *reply)
{
    uint8_t bytes[4096];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec vector = { .iov_base = bytes, .iov_len = sizeof bytes };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
    (void)command;
    ssize_t got = recvmsg(target.socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) {
        reply_errno(reply, errno);
        return;
    }

    int descriptor = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
        memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    }

    char text[2 * sizeof bytes + 1];
    format_hex(bytes, (size_t)got, text);
    reply_ok(reply, "%d %s", descriptor, text);
}

// Tries to change a file that others have.
void command_tamper(const struct command *command, char *reply)
{
    if (command->count != 3) {
        reply_usage(reply, "tamper PATH write|shrink|grow|punch|map|seal");
        return;
    }

    const char *how = command->words[2];
    int descriptor = open(command->words[1], O_RDWR | O_CLOEXEC);
    if (descriptor < 0) {
        reply_errno(reply, errno);
        return;
    }

    off_t end = lseek(descriptor, 0, SEEK_END);
    long answer = EINVAL;
    errno = 0;
    if (strcmp(how, "write") == 0) {
        answer = pwrite(descriptor, "x", 1, 0) == 1 ? 0 : -1;
    } else if (strcmp(how, "shrink") == 0) {
        answer = ftruncate(descriptor, end / 2);
    } else if (strcmp(how, "grow") == 0) {
        answer = ftruncate(descriptor, end * 2);
    } else if (strcmp(how, "punch") == 0) {
        answer = fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, end);
    } else if (strcmp(how, "map") == 0) {
        answer = mmap(NULL, (size_t)end, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) == MAP_FAILED ? -1 : 0;
    } else if (strcmp(how, "seal") == 0) {
        answer = fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE);
    }

    int number = errno;
    close(descriptor);
    if (answer != 0) {
        reply_errno(reply, number);
    } else {
        reply_done(reply);
    }
}
