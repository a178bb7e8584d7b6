/*
 * What fork() costs a process of some size: the time for which who calls it stands, with nothing else done.
 *
 *   snapshotfork --size BYTES --times N
 *
 * prints one JSON object: {"medianNs":N}.
 */
#include "common.h"

#include <sys/wait.h>

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    if (argc != 5 || strcmp(argv[1], "--size") != 0 || strcmp(argv[3], "--times") != 0)
        refuse("usage: snapshotfork --size BYTES --times N");
    size_t size = number(argv[2]), times = number(argv[4]);
    uint64_t took[64];
    if (times == 0 || times > sizeof took / sizeof *took)
        refuse("--times is 1 to 64");

    char *area = map_memory(size);
    for (size_t at = 0; at < size; at += PAGE)
        area[at] = 1;
    for (size_t index = 0; index < times; index++)
    {
        uint64_t began = now_ns();
        pid_t child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0)
            _exit(0);
        took[index] = now_ns() - began;
        if (waitpid(child, NULL, 0) != child)
            fail("waitpid");
    }
    qsort(took, times, sizeof *took, compare);
    printf("{\"medianNs\":%lu}\n", (unsigned long)took[times / 2]);
    return 0;
}
