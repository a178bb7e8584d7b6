// A process in the state that a word names: what looks at processes from outside is tested with it. It says "ready" and some numbers,
// obeys one line from its input, and ends with its input at the latest.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL

static void check(int condition, const char *what)
{
    if (!condition) {
        printf("error %s: %s\n", what, strerror(errno));
        fflush(stdout);
        _exit(1);
    }
}

static void *map(size_t length, int protection)
{
    void *memory = mmap(NULL, length, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    return memory;
}

// A child that waits until it is killed, also by this one's end.
static pid_t child(int ends)
{
    pid_t id = fork();
    check(id >= 0, "fork");
    if (id == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ends)
            _exit(0);
        for (;;)
            pause();
    }
    return id;
}

static void *reads(void *unused)
{
    char line[16];
    printf("ready %d\n", getpid());
    fflush(stdout);
    while (read(0, line, sizeof line) > 0)
        ;
    _exit(0);
    return unused;
}

// Tells its id over a pipe and waits.
static void *tells(void *pipe)
{
    int id = (int)syscall(SYS_gettid);
    check(write(*(int *)pipe, &id, sizeof id) == sizeof id, "write");
    for (;;)
        pause();
    return NULL;
}

static void registered(int protects)
{
    int descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1);
    check(descriptor >= 0, "userfaultfd");
    struct uffdio_api api = {.api = UFFD_API, .features = 1 << 15};
    check(ioctl(descriptor, UFFDIO_API, &api) == 0, "UFFDIO_API");
    if (protects) {
        struct uffdio_register region = {.range = {(uintptr_t)map(16 * PAGE, PROT_READ | PROT_WRITE), 16 * PAGE}, .mode = UFFDIO_REGISTER_MODE_WP};
        check(ioctl(descriptor, UFFDIO_REGISTER, &region) == 0, "UFFDIO_REGISTER");
    }
}

// Pages of every kind, each page filled with its number from 1: two that can be read, two of PROT_NONE, two that can only be written, a hole, two that can be
// read, one page of a file and one behind the file's end.
static void pages(void)
{
    char *memory = map(12 * PAGE, PROT_READ | PROT_WRITE);
    for (int page = 0; page < 12; page++)
        memset(memory + page * PAGE, page + 1, PAGE);
    int file = memfd_create("cut short", MFD_CLOEXEC);
    check(file >= 0 && ftruncate(file, 2 * PAGE) == 0, "memfd");
    check(mmap(memory + 9 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED, "mmap of a file");
    memset(memory + 9 * PAGE, 10, PAGE);
    check(ftruncate(file, PAGE) == 0, "ftruncate");
    mprotect(memory + 2 * PAGE, 2 * PAGE, PROT_NONE);
    mprotect(memory + 4 * PAGE, 2 * PAGE, PROT_WRITE);
    munmap(memory + 6 * PAGE, PAGE);
    mprotect(memory + 7 * PAGE, PAGE, PROT_READ);
    printf("ready %d %lu\n", getpid(), (unsigned long)memory);
}

// So many mappings that none merges with its neighbour.
static void mappings(int count)
{
    char *memory = map((size_t)count * PAGE, PROT_READ);
    for (int index = 0; index < count; index += 2)
        check(mprotect(memory + index * PAGE, PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect");
    printf("ready %d %lu\n", getpid(), (unsigned long)memory);
}

int main(int count, char **words)
{
    const char *word = count > 1 ? words[1] : "plain";
    int subject = getpid();
    int is_told = 0;
    if (!strcmp(word, "undumpable"))
        check(prctl(PR_SET_DUMPABLE, 0) == 0, "prctl");
    else if (!strcmp(word, "filtered")) {
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog program = {1, &allow};
        check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp");
    } else if (!strcmp(word, "registered"))
        registered(1);
    else if (!strcmp(word, "unregistered"))
        registered(0);
    else if (!strcmp(word, "locked"))
        check(mlockall(MCL_CURRENT) == 0, "mlockall");
    else if (!strcmp(word, "sealed"))
        check(syscall(462, map(PAGE, PROT_READ | PROT_WRITE), PAGE, 0) == 0 || errno == ENOSYS, "mseal");
    else if (!strcmp(word, "zombie")) {
        subject = child(1);
        siginfo_t info;
        check(waitid(P_PID, (id_t)subject, &info, WEXITED | WNOWAIT) == 0, "waitid");
    } else if (!strcmp(word, "traced")) {
        subject = child(0);
        check(ptrace(PTRACE_SEIZE, subject, 0, 0) == 0, "ptrace");
    } else if (!strcmp(word, "pid-namespace")) {
        check(unshare(CLONE_NEWPID) == 0, "unshare");
        subject = child(0);
    } else if (!strcmp(word, "user-namespace"))
        check(unshare(CLONE_NEWUSER) == 0, "unshare");
    else if (!strcmp(word, "stopped")) {
        subject = child(0);
        siginfo_t info;
        check(kill(subject, SIGSTOP) == 0 && waitid(P_PID, (id_t)subject, &info, WSTOPPED | WNOWAIT) == 0, "SIGSTOP");
    } else if (!strcmp(word, "headless")) { // its first thread ends, another lives
        pthread_t thread;
        check(pthread_create(&thread, NULL, reads, NULL) == 0, "pthread_create");
        pthread_exit(NULL);
    } else if (!strcmp(word, "threads")) { // tells a thread's id
        pthread_t thread;
        int told[2];
        check(pipe(told) == 0 && pthread_create(&thread, NULL, tells, &told[1]) == 0, "pthread_create");
        check(read(told[0], &subject, sizeof subject) == sizeof subject, "read");
    } else if (!strcmp(word, "pages")) {
        pages();
        is_told = 1;
    } else if (!strcmp(word, "mappings")) {
        mappings(atoi(words[2]));
        is_told = 1;
    }

    if (!is_told)
        printf("ready %d\n", subject);
    fflush(stdout);
    if (!strcmp(word, "strict")) // nothing but read, write and exit from here on
        check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0, "seccomp");

    char line[64];
    ssize_t length;
    while ((length = read(0, line, sizeof line - 1)) > 0) {
        line[length] = 0;
        if (!strncmp(line, "exec", 4))
            execl("/proc/self/exe", words[0], "plain", NULL);
        else if (!strncmp(line, "map", 3))
            mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(write(1, "done\n", 5) == 5, "write");
    }
    if (subject != getpid() && strcmp(word, "threads"))
        kill(subject, SIGKILL);
    if (strcmp(word, "strict"))
        _exit(0);
    syscall(SYS_exit, 0); // exit_group is forbidden in strict mode
    return 0;
}
