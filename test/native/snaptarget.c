// A process whose memory changes when it is told to, and only then: a copy of it must be what it is at the end.
// A line on standard input is a command; the answer is a line on standard output. All numbers are hexadecimal.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void answer(uint64_t number) { printf("%lx\n", number); fflush(stdout); }

static void checked(int failed) { if (failed) { printf("failed\n"); fflush(stdout); } else answer(0); }

static void *stand(void *unused) { for (;;) pause(); return unused; }

static void fill(uint64_t *words, uint64_t length, uint64_t seed)
{
    for (uint64_t i = 0; i < length / 8; i++) words[i] = seed + i;
}

int main(int argc, char **argv)
{
    (void)argc;
    prctl(PR_SET_PDEATHSIG, SIGKILL); // it ends with the test at the latest
    answer(getpid());
    static char line[4096];
    static char path[2048];
    while (fgets(line, sizeof line, stdin)) {
        uint64_t a = 0, b = 0, c = 0;
        char word[32] = "", how[32] = "";
        sscanf(line, "%31s", word);
        if (!strcmp(word, "map")) { // map LENGTH private|shared|huge|none [AT]
            uint64_t at = 0;
            sscanf(line, "%*s %lx %31s %lx", &a, how, &at);
            int flags = (strcmp(how, "shared") ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS | (at ? MAP_FIXED : 0);
            void *p = mmap((void *)at, a, strcmp(how, "none") ? PROT_READ | PROT_WRITE : PROT_NONE, flags, -1, 0);
            if (!strcmp(how, "huge")) madvise(p, a, MADV_HUGEPAGE);
            answer(p == MAP_FAILED ? 0 : (uint64_t)p);
        } else if (!strcmp(word, "file")) { // file LENGTH private|shared PATH
            sscanf(line, "%*s %lx %31s %2047s", &a, how, path);
            int fd = open(path, O_RDWR);
            void *p = mmap(0, a, PROT_READ | PROT_WRITE, strcmp(how, "shared") ? MAP_PRIVATE : MAP_SHARED, fd, 0);
            close(fd);
            answer(p == MAP_FAILED ? 0 : (uint64_t)p);
        } else if (!strcmp(word, "fill")) {
            sscanf(line, "%*s %lx %lx %lx", &a, &b, &c);
            fill((uint64_t *)a, b, c);
            answer(0);
        } else if (!strcmp(word, "read")) {
            sscanf(line, "%*s %lx %lx", &a, &b);
            for (uint64_t at = a; at < a + b; at += 4096) c += *(volatile unsigned char *)at;
            answer(c);
        } else if (!strcmp(word, "advise")) {
            sscanf(line, "%*s %lx %lx %lx", &a, &b, &c);
            checked(madvise((void *)a, b, (int)c));
        } else if (!strcmp(word, "unmap")) {
            sscanf(line, "%*s %lx %lx", &a, &b);
            checked(munmap((void *)a, b));
        } else if (!strcmp(word, "protect")) {
            sscanf(line, "%*s %lx %lx %lx", &a, &b, &c);
            checked(mprotect((void *)a, b, (int)c));
        } else if (!strcmp(word, "lock")) {
            sscanf(line, "%*s %lx %lx", &a, &b);
            checked(mlock((void *)a, b));
        } else if (!strcmp(word, "move")) { // move FROM OLD NEW: always elsewhere
            sscanf(line, "%*s %lx %lx %lx", &a, &b, &c);
            void *to = mmap(0, c, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            void *p = mremap((void *)a, b, c, MREMAP_MAYMOVE | MREMAP_FIXED, to);
            answer(p == MAP_FAILED ? 0 : (uint64_t)p);
        } else if (!strcmp(word, "grow")) { // grow FROM OLD NEW: in place
            sscanf(line, "%*s %lx %lx %lx", &a, &b, &c);
            void *p = mremap((void *)a, b, c, 0);
            answer(p == MAP_FAILED ? 0 : (uint64_t)p);
        } else if (!strcmp(word, "heap")) {
            sscanf(line, "%*s %lx", &a);
            answer((uint64_t)sbrk((intptr_t)a));
        } else if (!strcmp(word, "thread")) {
            pthread_t thread;
            checked(pthread_create(&thread, 0, stand, 0));
        } else if (!strcmp(word, "fork")) {
            pid_t child = fork();
            if (!child) { prctl(PR_SET_PDEATHSIG, SIGKILL); for (;;) pause(); }
            answer((uint64_t)child);
        } else if (!strcmp(word, "exec")) {
            execv("/proc/self/exe", argv);
            answer(1);
        } else if (!strcmp(word, "exit")) {
            exit(0);
        } else {
            printf("unknown\n");
            fflush(stdout);
        }
    }
    return 0;
}
