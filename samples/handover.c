/*
 * A program whose memory is paged by `uffd serve`. It maps memory as large as an image, registers it with userfaultfd,
 * hands the descriptor to the pager's socket, and then simply reads: each page arrives when it is touched first.
 *
 *   gcc -O2 -Wall -Wextra -Werror -o handover samples/handover.c
 *   uffd serve --socket /tmp/pager.sock --image memory.img
 *   ./handover /tmp/pager.sock $(stat -c %s memory.img)
 *   cksum memory.img                                        # prints the same checksum
 *
 * What it sends is what Firecracker sends when it restores a snapshot: a JSON array with one object for each region,
 * and the userfaultfd as SCM_RIGHTS of the same message. Nothing comes back: the pager is ready when it has read it,
 * and a page that is touched before that waits for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "handover: %s: %s\n", what, strerror(errno));
    exit(1);
}

/*
 * Creates the descriptor and agrees on its features. O_NONBLOCK is needed: the pager polls. Without the right to watch
 * the kernel's own accesses (CAP_SYS_PTRACE) it still works for those of the program; then a system call that is given
 * memory which has not arrived yet answers EFAULT in place of waiting, so touch it before you write(2) it.
 */
static int open_userfaultfd(void)
{
    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (uffd < 0 && errno == EPERM)
        uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (uffd < 0)
        fail("userfaultfd");

    /* EVENT_REMOVE: the pager learns when this program discards memory, and does not bring the old content back. */
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_EVENT_REMOVE, .ioctls = 0};
    if (ioctl(uffd, UFFDIO_API, &api) != 0)
        fail("UFFDIO_API");
    return uffd;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
    {
        errno = ENAMETOOLONG;
        fail(path);
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail(path);
    return fd;
}

/* One message: the regions as text, the descriptor beside it. `offset` is where the region begins in the image. */
static void hand_over(int socket, int uffd, const void *memory, size_t size, long page_size)
{
    char text[256];
    int length = snprintf(text, sizeof text,
                          "[{\"base_host_virt_addr\":%ju,\"size\":%zu,\"offset\":0,"
                          "\"page_size\":%ld,\"page_size_kib\":%ld}]", /* page_size_kib: bytes too, despite its name */
                          (uintmax_t)(uintptr_t)memory, size, page_size, page_size);
    union
    {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = text, .iov_len = (size_t)length};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &uffd, sizeof uffd);
    if (sendmsg(socket, &message, MSG_NOSIGNAL) != length)
        fail("sendmsg");
}

/* The checksum of the command `cksum`: CRC-32, high bit first, over the bytes and then over their number. */
static uint32_t crc_byte(uint32_t crc, unsigned char byte)
{
    static uint32_t table[256];
    if (table[1] == 0)
    {
        for (uint32_t i = 0; i < 256; i++)
        {
            uint32_t value = i << 24;
            for (int bit = 0; bit < 8; bit++)
                value = value & 0x80000000u ? value << 1 ^ 0x04C11DB7u : value << 1;
            table[i] = value;
        }
    }
    return crc << 8 ^ table[crc >> 24 ^ byte];
}

static uint32_t checksum(const unsigned char *bytes, size_t size)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < size; i++)
        crc = crc_byte(crc, bytes[i]);
    for (size_t rest = size; rest != 0; rest >>= 8)
        crc = crc_byte(crc, (unsigned char)rest);
    return ~crc;
}

int main(int argc, char **argv)
{
    long page_size = sysconf(_SC_PAGESIZE);
    char *end = NULL;
    size_t size = argc == 3 ? strtoull(argv[2], &end, 10) : 0;
    if (size == 0 || *end != 0 || size % (size_t)page_size != 0)
    {
        fprintf(stderr, "usage: handover SOCKET SIZE\nSIZE: the image's bytes, a whole number of pages\n");
        return 2;
    }

    unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    int uffd = open_userfaultfd();
    struct uffdio_register range = {
        .range = {.start = (uint64_t)(uintptr_t)memory, .len = size},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
        .ioctls = 0,
    };
    if (ioctl(uffd, UFFDIO_REGISTER, &range) != 0)
        fail("UFFDIO_REGISTER");

    /*
     * Both descriptors stay open to the end. The socket, because a pager that refuses says why on it.
     * The userfaultfd, because when its last copy closes the kernel answers every further fault with a page of zeros:
     * should the pager die, this program's own copy makes it wait, where it would else go on with wrong memory.
     */
    int socket = connect_to(argv[1]);
    hand_over(socket, uffd, memory, size, page_size);

    printf("first bytes:");
    for (size_t i = 0; i < 16; i++)
        printf(" %02x", memory[i]);
    printf("\n");
    printf("cksum: %u %zu\n", checksum(memory, size), size);
    return 0;
}
