//   invariant PART... [--bytes N] [--rate N] [--threads N]
//
// prints a line "name value" for all that is to be known, then "ready", and works until its standard input ends. Parts: bank list pages clock churn.
//
// The process that works is a child of the one that was started, and tells its id as "process". Its tracer is not its parent then, as when any
// other process is traced; System.Diagnostics.Process takes a child's stops for its end.
#define _GNU_SOURCE
#include "invariant.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 256 };

static pthread_t threads[MAX_THREADS];
static int thread_count;
static bool stopping;

_Noreturn void fail(const char *what)
{
    fprintf(stderr, "invariant: %s: %s\n", what, strerror(errno));
    exit(1);
}

void tell(const char *name, uint64_t value)
{
    printf("%s %lu\n", name, (unsigned long)value);
}

bool is_stopping(void)
{
    return __atomic_load_n(&stopping, __ATOMIC_RELAXED);
}

void start_thread(void *(*run)(void *), void *argument)
{
    if (thread_count == MAX_THREADS || (errno = pthread_create(&threads[thread_count], NULL, run, argument)) != 0) {
        fail("pthread_create");
    }

    thread_count++;
}

void *map_pages(uint64_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        fail("mmap");
    }

    return pages;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void pace(struct pacer *pacer)
{
    // Sleeping is too coarse for single steps: several are done at once.
    uint64_t together = pacer->rate / 2000 + 1;
    if (pacer->rate == 0 || ++pacer->steps % together != 0) {
        return;
    }

    uint64_t time = now(), due = pacer->started + pacer->steps * 1000000000u / pacer->rate;
    if (pacer->started == 0 || time > due + 20000000u) {
        pacer->started = time;
        pacer->steps = 0;
    } else if (time < due) {
        struct timespec rest = { .tv_sec = 0, .tv_nsec = (long)(due - time) };
        nanosleep(&rest, NULL);
    }
}

static uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != 0) {
        fprintf(stderr, "invariant: not a number: %s\n", text);
        exit(2);
    }

    return value;
}

static const struct {
    const char *name;
    void (*start)(const struct settings *settings);
} parts[] = {
    { "bank", start_bank }, { "list", start_list }, { "pages", start_pages }, { "clock", start_clock }, { "churn", start_churn },
};

static void start(const char *name, const struct settings *settings)
{
    for (size_t index = 0; index < sizeof parts / sizeof *parts; index++) {
        if (strcmp(parts[index].name, name) == 0) {
            parts[index].start(settings);
            return;
        }
    }

    fprintf(stderr, "invariant: no such part: %s\n", name);
    exit(2);
}

// Goes on in a child that ends with this process, and this process waits for it.
static void go_on_in_child(void)
{
    pid_t parent = getpid(), child = fork();
    if (child < 0) {
        fail("fork");
    }

    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            exit(1);
        }

        return;
    }

    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            fail("waitpid");
        }
    }

    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(int count, char **words)
{
    struct settings settings = { .bytes = 8u << 20, .rate = 20000, .threads = 2 };
    for (int index = 1; index < count; index++) {
        const char *value = index + 1 < count ? words[index + 1] : "";
        if (strncmp(words[index], "--", 2) != 0) {
            continue;
        } else if (strcmp(words[index], "--bytes") == 0) {
            settings.bytes = number(value) & ~(uint64_t)(PAGE - 1);
        } else if (strcmp(words[index], "--rate") == 0) {
            settings.rate = number(value);
        } else if (strcmp(words[index], "--threads") == 0) {
            settings.threads = number(value);
        } else {
            fprintf(stderr, "invariant: no such option: %s\n", words[index]);
            return 2;
        }

        index++;
    }

    if (settings.bytes < 1u << 20 || settings.threads == 0 || settings.threads > 16) {
        fprintf(stderr, "invariant: --bytes is at least 1 MiB, --threads 1 to 16\n");
        return 2;
    }

    go_on_in_child();
    tell("process", (uint64_t)getpid());

    // malloc is to mean the heap of brk(2), which is a kind of memory of its own.
    mallopt(M_MMAP_THRESHOLD, 1 << 28);
    for (int index = 1; index < count; index++) {
        if (strncmp(words[index], "--", 2) == 0) {
            index++;
        } else {
            start(words[index], &settings);
        }
    }

    puts("ready");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }

    __atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
    for (int index = 0; index < thread_count; index++) {
        pthread_join(threads[index], NULL);
    }

    return 0;
}
