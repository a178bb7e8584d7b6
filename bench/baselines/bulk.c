/*
 * The ceiling: one plain UFFDIO_COPY of a whole image, from its mapping into registered memory of this process. No
 * fault is taken, nobody is woken, nothing is faster.
 *
 *   bulk --image FILE [--warm BYTES]
 *
 * It prints one JSON object with the seconds that the copy took.
 */
#include "common.h"

#include <getopt.h>

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"image", required_argument, NULL, 'i'},
        {"warm", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    const char *image_path = NULL;
    uint64_t warm = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 'i': image_path = optarg; break;
        case 'w': warm = number(optarg); break;
        default: return 2;
        }
    }
    if (image_path == NULL || optind != argc)
        refuse("usage: bulk --image FILE [--warm BYTES]");

    size_t size;
    const char *image = map_image(image_path, &size);
    warm_memory(warm);
    char *area = map_memory(size);
    int uffd = open_userfaultfd(0);
    register_missing(uffd, area, size);

    uint64_t started = now_ns();
    if (copy_all(uffd, (uint64_t)(uintptr_t)area, image, size) != 0)
        fail("UFFDIO_COPY");
    double seconds = (double)(now_ns() - started) / 1e9;

    if (memcmp(area, image, size) != 0)
        refuse("the copy differs from the image");
    printf("{\"bytes\":%zu,\"seconds\":%.6f}\n", size, seconds);
    return 0;
}
