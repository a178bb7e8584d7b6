// A Unix socket, and descriptors over it.
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MAX_BYTES = MAX_REPLY / 4 };

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }

    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        int number = errno;
        close(descriptor);
        errno = number;
        return -1;
    }

    if (target.socket >= 0) {
        close(target.socket);
    }

    target.socket = descriptor;
    return 0;
}

// Sends in one message. -1 and errno, or the number of bytes.
static ssize_t send_message(const void *bytes, size_t length, const int *descriptors, size_t count)
{
    union {
        char bytes[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec vector = { .iov_base = (void *)bytes, .iov_len = length };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    }

    return sendmsg(target.socket, &message, MSG_NOSIGNAL);
}

// The descriptors that the words from `first` on name. The count, or -1 for a name that is unknown.
static int named_descriptors(const struct command *command, int first, int *descriptors)
{
    static int null_device = -1;
    if (null_device < 0) {
        null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
    }

    int count = 0;
    for (int index = first; index < command->count && count < MAX_DESCRIPTORS; index++) {
        const char *name = command->words[index];
        const struct region *region = selected_region();
        int descriptor = strcmp(name, "uffd") == 0 ? target.uffd
            : strcmp(name, "null") == 0            ? null_device
            : strcmp(name, "memfd") == 0 && region ? region->memfd
                                                   : -1;
        if (descriptor < 0) {
            return -1;
        }

        descriptors[count++] = descriptor;
    }

    return count;
}

static void answer_sent(ssize_t sent, char *reply)
{
    if (sent < 0) {
        reply_errno(reply, errno);
    } else {
        reply_ok(reply, "%zd", sent);
    }
}

void command_connect(const struct command *command, char *reply)
{
    if (command->count != 2) {
        reply_usage(reply, "connect PATH");
    } else if (connect_to(command->words[1]) != 0) {
        reply_errno(reply, errno);
    } else {
        reply_done(reply);
    }
}

void command_send(const struct command *command, char *reply)
{
    if (command->count < 3) {
        reply_usage(reply, "send PATH TEXT");
    } else if (connect_to(command->words[1]) != 0) {
        reply_errno(reply, errno);
    } else {
        const char *text = text_after(command->line, 2);
        answer_sent(send_message(text, strlen(text), &target.uffd, 1), reply);
    }
}

void command_sendtext(const struct command *command, char *reply)
{
    uint8_t bytes[MAX_BYTES];
    size_t length;
    if (command->count != 2 || !parse_hex(command->words[1], bytes, sizeof bytes, &length)) {
        reply_usage(reply, "sendtext HEX");
        return;
    }

    answer_sent(send_message(bytes, length, NULL, 0), reply);
}

void command_sendfd(const struct command *command, char *reply)
{
    int descriptors[MAX_DESCRIPTORS];
    int count = named_descriptors(command, 1, descriptors);
    if (count <= 0) {
        reply_usage(reply, "sendfd uffd|null|memfd...");
        return;
    }

    // A stream carries descriptors beside at least one byte; a space means nothing in JSON.
    answer_sent(send_message(" ", 1, descriptors, (size_t)count), reply);
}

void command_sendboth(const struct command *command, char *reply)
{
    uint8_t bytes[MAX_BYTES];
    size_t length;
    int descriptors[MAX_DESCRIPTORS];
    int count = named_descriptors(command, 2, descriptors);
    if (count <= 0 || !parse_hex(command->words[1], bytes, sizeof bytes, &length)) {
        reply_usage(reply, "sendboth HEX uffd|null|memfd...");
        return;
    }

    answer_sent(send_message(bytes, length, descriptors, (size_t)count), reply);
}

void command_recv(const struct command *command, char *reply)
{
    uint8_t bytes[MAX_BYTES];
    uint64_t length;
    if (command->count != 2 || !parse_number(command->words[1], &length) || length > sizeof bytes) {
        reply_usage(reply, "recv LENGTH");
        return;
    }

    ssize_t got = recv(target.socket, bytes, length, 0);
    if (got < 0) {
        reply_errno(reply, errno);
    } else if (got == 0) {
        reply_ok(reply, "eof");
    } else {
        char text[2 * MAX_BYTES + 1];
        format_hex(bytes, (size_t)got, text);
        reply_ok(reply, "%s", text);
    }
}

void command_shutdown(const struct command *command, char *reply)
{
    (void)command;
    if (shutdown(target.socket, SHUT_WR) != 0) {
        reply_errno(reply, errno);
    } else {
        reply_done(reply);
    }
}

void command_closesock(const struct command *command, char *reply)
{
    (void)command;
    if (close(target.socket) != 0) {
        reply_errno(reply, errno);
        return;
    }

    target.socket = -1;
    reply_done(reply);
}
