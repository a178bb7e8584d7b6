// Dumps the registers of every thread of a process, for tests of core files: coregrab PID FILE. Each thread, stopped for the time: u32 id, then three times
// u32 length and bytes (NT_PRSTATUS, NT_PRFPREG, NT_X86_XSTATE), then u64 blocked signals.
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void put_set(FILE *out, int thread, int type)
{
    static char buffer[1 << 16];
    struct iovec vector = {buffer, sizeof buffer};
    uint32_t length = 0;
    if (ptrace(PTRACE_GETREGSET, thread, (void *)(intptr_t)type, &vector) == 0) {
        length = (uint32_t)vector.iov_len;
    }

    fwrite(&length, sizeof length, 1, out);
    fwrite(buffer, 1, length, out);
}

int main(int count, char **arguments)
{
    if (count != 3) {
        return 2;
    }

    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", atoi(arguments[1]));
    DIR *folder = opendir(path);
    FILE *out = fopen(arguments[2], "w");
    if (folder == NULL || out == NULL) {
        perror("coregrab");
        return 1;
    }

    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int thread = atoi(entry->d_name);
        int status;
        if (thread == 0) {
            continue;
        }

        if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0 || waitpid(thread, &status, __WALL) != thread) {
            perror("ptrace");
            return 1;
        }

        uint32_t id = (uint32_t)thread;
        uint64_t blocked = 0;
        fwrite(&id, sizeof id, 1, out);
        put_set(out, thread, NT_PRSTATUS);
        put_set(out, thread, NT_PRFPREG);
        put_set(out, thread, NT_X86_XSTATE);
        ptrace(PTRACE_GETSIGMASK, thread, sizeof blocked, &blocked);
        fwrite(&blocked, sizeof blocked, 1, out);
        ptrace(PTRACE_DETACH, thread, 0, 0);
    }

    closedir(folder);
    return fclose(out) == 0 ? 0 : 1;
}
