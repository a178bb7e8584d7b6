// Creating and registering a userfaultfd, by the bare system calls: nothing here is shared with what is tested.
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

void command_uffd(const struct command *command, char *reply)
{
    uint64_t features = 0;
    bool handshake = command->count > 1 && strcmp(command->words[1], "none") != 0;
    bool user_only = command->count > 2 && strcmp(command->words[2], "useronly") == 0;
    if (command->count < 2 || (handshake && !parse_number(command->words[1], &features))) {
        reply_usage(reply, "uffd FEATURES|none [useronly]");
        return;
    }

    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | (user_only ? UFFD_USER_MODE_ONLY : 0));
    if (uffd < 0) {
        reply_errno(reply, errno);
        return;
    }

    struct uffdio_api api = { .api = UFFD_API, .features = features };
    if (handshake && ioctl(uffd, UFFDIO_API, &api) != 0) {
        reply_errno(reply, errno);
        close(uffd);
        return;
    }

    if (target.uffd >= 0) {
        close(target.uffd);
    }

    target.uffd = uffd;
    reply_ok(reply, "0x%llx 0x%llx", (unsigned long long)api.features, (unsigned long long)api.ioctls);
}

void command_register(const struct command *command, char *reply)
{
    uint64_t mode;
    uint8_t *start;
    size_t length;
    if (command->count < 2 || !parse_number(command->words[1], &mode) || !parse_range(command, 2, &start, &length)) {
        reply_usage(reply, "register MODE [OFFSET LENGTH]");
        return;
    }

    struct uffdio_register argument = { .range = { .start = (uintptr_t)start, .len = length }, .mode = mode };
    if (ioctl(target.uffd, UFFDIO_REGISTER, &argument) != 0) {
        reply_errno(reply, errno);
    } else {
        reply_ok(reply, "0x%llx", (unsigned long long)argument.ioctls);
    }
}

void command_unregister(const struct command *command, char *reply)
{
    uint8_t *start;
    size_t length;
    if (!parse_range(command, 1, &start, &length)) {
        reply_usage(reply, "unregister [OFFSET LENGTH]");
        return;
    }

    struct uffdio_range argument = { .start = (uintptr_t)start, .len = length };
    if (ioctl(target.uffd, UFFDIO_UNREGISTER, &argument) != 0) {
        reply_errno(reply, errno);
    } else {
        reply_done(reply);
    }
}

void command_closeuffd(const struct command *command, char *reply)
{
    (void)command;
    if (close(target.uffd) != 0) {
        reply_errno(reply, errno);
        return;
    }

    target.uffd = -1;
    reply_done(reply);
}
