// A library for tests that need this very process to have forked. The child ends at once: it runs nothing but this.
#include <sys/wait.h>
#include <unistd.h>

int fork_and_reap(void)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }

    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? 0 : -1;
}
