/* What the baselines share: errors that end the program, a clock, numbers, and the userfaultfd calls. */
#ifndef UFFD_BASELINES_COMMON_H
#define UFFD_BASELINES_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static inline _Noreturn void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline _Noreturn void refuse(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(2);
}

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* A whole argument as a number, in decimal or with 0x. */
static inline uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != 0)
    {
        fprintf(stderr, "not a number: %s\n", text);
        exit(2);
    }
    return value;
}

static inline void socket_address(struct sockaddr_un *address, const char *path)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path)
        refuse("the socket's path is too long");
    strcpy(address->sun_path, path);
}

/*
 * Anonymous memory in small pages. Reading and writing it would otherwise depend on how the machine is set to use
 * huge pages; a kernel built without them answers EINVAL, which is as good.
 */
static inline char *map_memory(size_t size)
{
    char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED)
        fail("mmap of the memory");
    if (madvise(area, size, MADV_NOHUGEPAGE) != 0 && errno != EINVAL)
        fail("madvise");
    return area;
}

/* The image, mapped and present: what is measured is paging, not the first reading of a file. */
static inline char *map_image(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        fail(path);
    *size = (size_t)status.st_size;
    if (*size == 0 || *size % PAGE != 0)
        refuse("the image is not a whole number of pages");
    char *image = mmap(NULL, *size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (image == MAP_FAILED)
        fail("mmap of the image");
    close(fd);
    return image;
}

/*
 * A virtual machine's own memory is up to ten times slower when it is touched for the first time, because the host has
 * to find it. Pages touched and given back are the next ones that the kernel hands out.
 */
static inline void warm_memory(size_t size)
{
    if (size == 0)
        return;
    char *area = map_memory(size);
    for (size_t at = 0; at < size; at += PAGE)
        area[at] = 1;
    if (munmap(area, size) != 0)
        fail("munmap");
}

static inline int open_userfaultfd(uint64_t features)
{
    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (uffd < 0 && errno == EPERM)
        uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (uffd < 0)
        fail("userfaultfd");
    struct uffdio_api api = {.api = UFFD_API, .features = features, .ioctls = 0};
    if (ioctl(uffd, UFFDIO_API, &api) != 0)
        fail("UFFDIO_API");
    return uffd;
}

static inline void register_missing(int uffd, const char *area, size_t size)
{
    struct uffdio_register reg = {
        .range = {.start = (uint64_t)(uintptr_t)area, .len = size},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
        .ioctls = 0,
    };
    if (ioctl(uffd, UFFDIO_REGISTER, &reg) != 0)
        fail("UFFDIO_REGISTER");
}

/* Copies a whole area, going on where the kernel stopped. Returns 0, or -1 with errno when it cannot. */
static inline int copy_all(int uffd, uint64_t to, const char *from, size_t size)
{
    for (size_t done = 0; done < size;)
    {
        struct uffdio_copy copy = {
            .dst = to + done,
            .src = (uint64_t)(uintptr_t)from + done,
            .len = size - done,
            .mode = 0,
            .copy = 0,
        };
        if (ioctl(uffd, UFFDIO_COPY, &copy) == 0)
            return 0;
        if (errno != EAGAIN)
            return -1;
        if (copy.copy > 0)
            done += (size_t)copy.copy;
    }
    return 0;
}

#endif
