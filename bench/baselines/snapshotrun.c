/*
 * Runs a program to its end, and tells what it took: its largest resident memory, which only who waits for it is told.
 *
 *   snapshotrun FILE PROGRAM [ARGUMENT...]
 *
 * writes one JSON object to FILE: {"exitCode":0,"seconds":1.25,"peakBytes":1048576}. A signal counts as 128 and its number.
 */
#include "common.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        refuse("usage: snapshotrun FILE PROGRAM [ARGUMENT...]");
    uint64_t began = now_ns();
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0)
    {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(1);
        execvp(argv[2], argv + 2);
        fail(argv[2]);
    }

    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child)
        fail("wait4");
    double seconds = (double)(now_ns() - began) / 1e9;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

    /* What it started itself and waited for, as a script does, is in its usage. */
    FILE *file = fopen(argv[1], "w");
    if (file == NULL
        || fprintf(file, "{\"exitCode\":%d,\"seconds\":%.6f,\"peakBytes\":%ld}\n", code, seconds, usage.ru_maxrss * 1024) < 0
        || fclose(file) != 0)
        fail(argv[1]);
    return code;
}
