/*
 * Three ways to bring a file's pages into registered memory a run at a time while looking for pages of zeros, beside one
 * plain UFFDIO_COPY of the whole. What each costs decides how the background fill reads its source.
 *
 *   sources --image FILE --way whole|mapping|buffer|probe [--run PAGES] [--warm BYTES]
 *
 *   whole     one copy from the mapping
 *   mapping   copy from the mapping, a run at a time, without looking
 *   buffer    read a run into a buffer, look at each page there, copy from the buffer
 *   probe     let the kernel look at 64 bytes of each page of the mapping, then copy from the mapping
 *
 * It prints one JSON object with the seconds that the way took.
 */
#include "common.h"

#include <getopt.h>
#include <stdbool.h>
#include <sys/uio.h>

#define MAX_RUN 1024
#define PROBE 64

static bool is_zero(const char *page, size_t size)
{
    static const char zeros[PAGE];
    return memcmp(page, zeros, size) == 0;
}

static size_t look_in_buffer(const char *buffer, size_t pages)
{
    size_t zeros = 0;
    for (size_t page = 0; page < pages; page++)
        zeros += is_zero(buffer + page * PAGE, PAGE);
    return zeros;
}

static size_t look_by_kernel(const char *image, size_t pages)
{
    static char probes[MAX_RUN * PROBE];
    static struct iovec remote[MAX_RUN];
    for (size_t page = 0; page < pages; page++)
        remote[page] = (struct iovec){.iov_base = (char *)image + page * PAGE, .iov_len = PROBE};
    struct iovec local = {.iov_base = probes, .iov_len = pages * PROBE};
    if (process_vm_readv(getpid(), &local, 1, remote, pages, 0) != (ssize_t)(pages * PROBE))
        fail("process_vm_readv");
    size_t zeros = 0;
    for (size_t page = 0; page < pages; page++)
        zeros += is_zero(probes + page * PROBE, PROBE);
    return zeros;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"image", required_argument, NULL, 'i'},
        {"way", required_argument, NULL, 'y'},
        {"run", required_argument, NULL, 'r'},
        {"warm", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    const char *image_path = NULL, *way = "";
    uint64_t warm = 0, run = 32;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 'i': image_path = optarg; break;
        case 'y': way = optarg; break;
        case 'r': run = number(optarg); break;
        case 'w': warm = number(optarg); break;
        default: return 2;
        }
    }
    bool whole = strcmp(way, "whole") == 0, mapping = strcmp(way, "mapping") == 0;
    bool buffered = strcmp(way, "buffer") == 0, probed = strcmp(way, "probe") == 0;
    if (image_path == NULL || optind != argc || run == 0 || run > MAX_RUN || !(whole || mapping || buffered || probed))
        refuse("usage: sources --image FILE --way whole|mapping|buffer|probe [--run PAGES] [--warm BYTES]");

    size_t size;
    const char *image = map_image(image_path, &size);
    int file = open(image_path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        fail(image_path);
    warm_memory(warm);
    char *area = map_memory(size);
    char *buffer = aligned_alloc(PAGE, MAX_RUN * PAGE);
    if (buffer == NULL)
        fail("aligned_alloc");
    memset(buffer, 0, MAX_RUN * PAGE);
    int uffd = open_userfaultfd(0);
    register_missing(uffd, area, size);

    size_t step = whole ? size : run * PAGE, zeros = 0;
    uint64_t started = now_ns();
    for (size_t done = 0; done < size; done += step)
    {
        size_t part = size - done < step ? size - done : step;
        const char *from = image + done;
        if (buffered)
        {
            if (pread(file, buffer, part, (off_t)done) != (ssize_t)part)
                fail("pread");
            zeros += look_in_buffer(buffer, part / PAGE);
            from = buffer;
        }
        else if (probed)
        {
            zeros += look_by_kernel(from, part / PAGE);
        }
        if (copy_all(uffd, (uint64_t)(uintptr_t)(area + done), from, part) != 0)
            fail("UFFDIO_COPY");
    }
    double seconds = (double)(now_ns() - started) / 1e9;

    if (memcmp(area, image, size) != 0)
        refuse("the copy differs from the image");
    printf("{\"seconds\":%.6f,\"zeroPages\":%zu}\n", seconds, zeros);
    return 0;
}
