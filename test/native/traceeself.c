// A process that checks itself without end, for tests of tracers: whoever stops its threads, runs calls in them, or dies while doing so, must change nothing
// that it can see. Each argument is the work of a thread, the first one that of the first thread; "exit" there ends it. Commands on standard
// input: "check" answers "ok PASSES" or "bad WHAT"; "count" gives the passes of every thread, "fds" the number of open descriptors, "exec" runs
// the program anew, "spawn" makes one more thread; the end of the input ends it.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <immintrin.h>

#define MAX_WORKERS 1024

struct worker {
    const char *work;
    _Atomic unsigned long passes;
    pthread_t thread;
    int index;
};

static struct worker workers[MAX_WORKERS];
static int worker_count;
static _Atomic unsigned long births;
static char wrong[256];
static _Atomic int is_wrong;
static _Atomic unsigned long alarms;

static void bad(const char *what, long number)
{
    if (!atomic_exchange(&is_wrong, 1))
        snprintf(wrong, sizeof wrong, "%s (%ld)", what, number);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

// Every general register and the flags hold a pattern through a loop that makes no call.
static void pass_registers(struct worker *self)
{
    uint64_t kept[4] = {0x1111111111111111ULL * (self->index % 14 + 1), 0, 0, 0};
    uint64_t failed = 0;
    __asm__ volatile(
        "push %%rbp\n\t"
        "mov %[seed], %%rax\n\t"
        "lea 1(%%rax), %%rbx\n\t lea 3(%%rax), %%rdx\n\t lea 4(%%rax), %%rsi\n\t lea 5(%%rax), %%rdi\n\t"
        "lea 6(%%rax), %%rbp\n\t lea 7(%%rax), %%r8\n\t lea 8(%%rax), %%r9\n\t lea 9(%%rax), %%r10\n\t lea 10(%%rax), %%r11\n\t"
        "lea 11(%%rax), %%r12\n\t lea 12(%%rax), %%r13\n\t lea 13(%%rax), %%r14\n\t"
        "mov %%rax, -64(%%rsp)\n\t" // in the red zone, as leaf functions keep what they have
        "mov $200000, %%ecx\n\t"
        "stc\n\t"
        "1:\n\t"
        "jnc 2f\n\t" // dec leaves the carry flag as it was
        "dec %%ecx\n\t"
        "jnz 1b\n\t"
        "jnc 2f\n\t"
        "cmp %%rax, -64(%%rsp)\n\t jne 2f\n\t"
        "lea 1(%%rax), %%rcx\n\t cmp %%rcx, %%rbx\n\t jne 2f\n\t"
        "lea 3(%%rax), %%rcx\n\t cmp %%rcx, %%rdx\n\t jne 2f\n\t"
        "lea 4(%%rax), %%rcx\n\t cmp %%rcx, %%rsi\n\t jne 2f\n\t"
        "lea 5(%%rax), %%rcx\n\t cmp %%rcx, %%rdi\n\t jne 2f\n\t"
        "lea 6(%%rax), %%rcx\n\t cmp %%rcx, %%rbp\n\t jne 2f\n\t"
        "lea 7(%%rax), %%rcx\n\t cmp %%rcx, %%r8\n\t jne 2f\n\t"
        "lea 8(%%rax), %%rcx\n\t cmp %%rcx, %%r9\n\t jne 2f\n\t"
        "lea 9(%%rax), %%rcx\n\t cmp %%rcx, %%r10\n\t jne 2f\n\t"
        "lea 10(%%rax), %%rcx\n\t cmp %%rcx, %%r11\n\t jne 2f\n\t"
        "lea 11(%%rax), %%rcx\n\t cmp %%rcx, %%r12\n\t jne 2f\n\t"
        "lea 12(%%rax), %%rcx\n\t cmp %%rcx, %%r13\n\t jne 2f\n\t"
        "lea 13(%%rax), %%rcx\n\t cmp %%rcx, %%r14\n\t jne 2f\n\t"
        "xor %%eax, %%eax\n\t"
        "jmp 3f\n\t"
        "2:\n\t mov $1, %%eax\n\t"
        "3:\n\t pop %%rbp\n\t"
        : "=a"(failed)
        : [seed] "r"(kept[0])
        : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "memory", "cc");
    if (failed)
        bad("a general register or a flag changed", self->index);
}

__attribute__((target("avx2"))) static void pass_avx(struct worker *self)
{
    __m256i value = _mm256_set1_epi64x(0x0123456789abcdefLL + self->index);
    __m256i other = _mm256_set1_epi64x(~(0x0123456789abcdefLL + self->index));
    __m256i low = value, high = other;
    for (int round = 0; round < 200000; round++)
        __asm__ volatile("vpxor %1, %0, %0\n\t vpxor %1, %0, %0" : "+x"(low), "+x"(high));
    uint64_t words[8];
    _mm256_storeu_si256((__m256i *)words, low);
    _mm256_storeu_si256((__m256i *)(words + 4), high);
    for (int word = 0; word < 8; word++)
        if (words[word] != (word < 4 ? 0x0123456789abcdefULL + self->index : ~(0x0123456789abcdefULL + self->index)))
            bad("a vector register changed", word);
}

__attribute__((target("avx512f"))) static void pass_avx512(struct worker *self)
{
    uint64_t words[8], mask = 0;
    for (int word = 0; word < 8; word++)
        words[word] = 0xfedcba9876543210ULL + self->index + word;
    __asm__ volatile(
        "vmovdqu64 (%1), %%zmm17\n\t"
        "mov $0x5a5a, %%eax\n\t kmovw %%eax, %%k3\n\t"
        "mov $200000, %%ecx\n\t"
        "1: dec %%ecx\n\t jnz 1b\n\t"
        "vmovdqu64 %%zmm17, (%1)\n\t kmovw %%k3, %%eax\n\t mov %%rax, %0"
        : "=&r"(mask)
        : "r"(words)
        : "rax", "rcx", "memory", "cc");
    for (int word = 0; word < 8; word++)
        if (words[word] != 0xfedcba9876543210ULL + self->index + word)
            bad("a wide vector register changed", word);
    if (mask != 0x5a5a)
        bad("a mask register changed", (long)mask);
}

static void pass_simd(struct worker *self)
{
    unsigned control = _mm_getcsr();
    _mm_setcsr(control | 0x6000); // rounding towards zero
    double sum = 0;
    for (int round = 1; round < 20000; round++)
        sum += 1.0 / round;
    static _Atomic uint64_t expected;
    uint64_t bits, none = 0;
    memcpy(&bits, &sum, sizeof bits);
    if (!atomic_compare_exchange_strong(&expected, &none, bits) && none != bits)
        bad("a floating-point sum changed", (long)bits);
    if ((_mm_getcsr() & 0x6000) != 0x6000)
        bad("the rounding mode changed", _mm_getcsr());
    _mm_setcsr(control);
    if (__builtin_cpu_supports("avx2"))
        pass_avx(self);
    if (__builtin_cpu_supports("avx512f"))
        pass_avx512(self);
}

static void slept(const char *what, int result, int64_t start, int64_t asked)
{
    if (result != 0)
        bad(what, errno);
    else if (now() - start < asked)
        bad("a wait was too short", now() - start);
}

static void pass_sleep(struct worker *self)
{
    int64_t start = now();
    struct timespec time = {0, 20000000};
    if (self->passes % 3 == 0)
        slept("nanosleep", nanosleep(&time, NULL), start, 20000000);
    else if (self->passes % 3 == 1)
        slept("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL), start, 20000000);
    else {
        struct timespec until = {(start + 20000000) / 1000000000, (start + 20000000) % 1000000000};
        slept("clock_nanosleep until", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), start, 20000000);
    }
}

static void pass_poll(struct worker *self)
{
    int64_t start = now();
    struct timespec time = {0, 20000000};
    sigset_t none;
    sigemptyset(&none);
    sigaddset(&none, SIGUSR2);
    if (self->passes % 2)
        slept("poll", poll(NULL, 0, 20), start, 20000000);
    else
        slept("ppoll", ppoll(NULL, 0, &time, &none), start, 20000000);
}

// Without a limit it waits for a timer: the kernel itself answers EINTR to any stop here.
static void pass_epoll(int timeout)
{
    static __thread int epoll = -1, timer = -1;
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll < 0) {
        epoll = epoll_create1(EPOLL_CLOEXEC);
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (epoll < 0 || timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event))
            bad("epoll cannot be set up", errno);
    }
    int64_t start = now();
    if (timeout >= 0) {
        slept("epoll_wait", epoll_wait(epoll, &event, 1, timeout), start, timeout * 1000000LL);
        return;
    }
    struct itimerspec alarm = {.it_value = {0, 20000000}};
    timerfd_settime(timer, 0, &alarm, NULL);
    int result = epoll_wait(epoll, &event, 1, -1);
    uint64_t expired;
    if (result != 1 || read(timer, &expired, sizeof expired) != sizeof expired)
        bad("epoll_wait without limit", result < 0 ? errno : result);
    if (now() - start < 20000000)
        bad("a wait was too short", now() - start);
}

static void pass_futex(void)
{
    static int word;
    int64_t start = now();
    struct timespec time = {0, 20000000};
    int result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
    if (result != -1 || errno != ETIMEDOUT)
        bad("futex", result < 0 ? errno : result);
    else if (now() - start < 20000000)
        bad("a wait was too short", now() - start);
}

static __thread volatile sig_atomic_t own_signals;
static __thread timer_t own_timer;
static __thread int has_timer;

static void handle(int signal)
{
    (void)signal;
    own_signals++;
    atomic_fetch_add(&alarms, 1);
}

static void start_timer(int signal, long nanoseconds, int repeated)
{
    if (!has_timer) {
        struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal};
        event._sigev_un._tid = gettid();
        if (timer_create(CLOCK_MONOTONIC, &event, &own_timer))
            bad("timer_create", errno);
        has_timer = 1;
    }
    struct itimerspec time = {{0, repeated ? nanoseconds : 0}, {0, nanoseconds}};
    timer_settime(own_timer, 0, &time, NULL);
}

// A blocked signal, waited for: the call sets another mask for its own time.
static void pass_sigsuspend(void)
{
    sigset_t blocked, waiting, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    sigemptyset(&waiting);
    int had = own_signals;
    start_timer(SIGUSR1, 15000000, 0);
    if (sigsuspend(&waiting) != -1 || errno != EINTR || own_signals != had + 1)
        bad("sigsuspend", own_signals - had);
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    if (!sigismember(&after, SIGUSR1) || sigismember(&after, SIGUSR2))
        bad("the signal mask changed", 1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void pass_sigwait(void)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    start_timer(SIGUSR2, 15000000, 0);
    siginfo_t information;
    int result = sigwaitinfo(&blocked, &information);
    if (result != SIGUSR2)
        bad("sigwaitinfo", result < 0 ? errno : result);
}

// A timer's signals, all of which must be handled: each interrupts a loop, or a sleep that is begun again (SA_RESTART does not hold for it).
static void pass_alarm(struct worker *self)
{
    if (!has_timer)
        start_timer(SIGRTMIN + 1, 3000000, 1);
    int had = own_signals;
    int64_t start = now();
    while (own_signals == had)
        if (now() - start > 5000000000LL)
            return bad("a timer's signals do not come", self->index);
}

// A stack for signals and a mask that nobody else has.
static void pass_stack(struct worker *self)
{
    static __thread char *mine;
    static __thread sigset_t mask;
    enum { size = 65536 };
    stack_t stack;
    if (mine == NULL) {
        mine = malloc(size);
        stack = (stack_t){.ss_sp = mine, .ss_size = size};
        sigaltstack(&stack, NULL);
        sigemptyset(&mask);
        sigaddset(&mask, SIGRTMIN + 2 + self->index % 8);
        pthread_sigmask(SIG_SETMASK, &mask, NULL);
    }
    if (sigaltstack(NULL, &stack) || stack.ss_sp != mine || stack.ss_size != size || stack.ss_flags != 0)
        bad("the alternate stack changed", stack.ss_flags);
    sigset_t current;
    pthread_sigmask(SIG_SETMASK, NULL, &current);
    for (int signal = 1; signal < 64; signal++)
        if (signal != SIGKILL && signal != SIGSTOP && sigismember(&current, signal) != sigismember(&mask, signal))
            bad("the signal mask changed", signal);
}

static void *be_born(void *argument)
{
    return argument;
}

static void pass_births(void)
{
    pthread_t child;
    void *result;
    if (pthread_create(&child, NULL, be_born, &births) || pthread_join(child, &result) || result != &births)
        bad("a thread was not born, or did not die", errno);
    atomic_fetch_add(&births, 1);
}

static void pass_pipe(void)
{
    int ends[2];
    char byte = 1;
    if (pipe2(ends, O_CLOEXEC) || write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1 || byte != 1)
        bad("pipe", errno);
    close(ends[0]);
    close(ends[1]);
}

static void pass(struct worker *self)
{
    const char *work = self->work;
    if (!strcmp(work, "registers")) pass_registers(self);
    else if (!strcmp(work, "simd")) pass_simd(self);
    else if (!strcmp(work, "sleep")) pass_sleep(self);
    else if (!strcmp(work, "poll")) pass_poll(self);
    else if (!strcmp(work, "epoll")) pass_epoll(-1);
    else if (!strcmp(work, "epolltimed")) pass_epoll(20);
    else if (!strcmp(work, "futex")) pass_futex();
    else if (!strcmp(work, "sigsuspend")) pass_sigsuspend();
    else if (!strcmp(work, "sigwait")) pass_sigwait();
    else if (!strcmp(work, "alarm")) pass_alarm(self);
    else if (!strcmp(work, "stack")) pass_stack(self);
    else if (!strcmp(work, "births")) pass_births();
    else if (!strcmp(work, "pipe")) pass_pipe();
    else if (!strcmp(work, "offstack")) { pass_registers(self); pass_sleep(self); }
    else if (!strcmp(work, "spin")) for (volatile int round = 0; round < 100; round++) {}
    else pause();
    atomic_fetch_add(&self->passes, 1);
}

static void *run(void *argument)
{
    struct worker *self = argument;
    while (1)
        pass(self);
    return NULL;
}

// As coroutines and Go's threads do: on a small stack of its own, that must not be written below.
static void run_elsewhere(void)
{
    run(&workers[0]);
}

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = -1; // the folder itself
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void *serve(void *argument)
{
    char line[64];
    (void)argument;
    while (fgets(line, sizeof line, stdin)) {
        if (!strncmp(line, "check", 5)) {
            unsigned long passes = 0;
            for (int index = 0; index < worker_count; index++)
                passes += workers[index].passes;
            if (is_wrong)
                printf("bad %s\n", wrong);
            else
                printf("ok %lu\n", passes);
        } else if (!strncmp(line, "count", 5)) {
            printf("ok");
            for (int index = 0; index < worker_count; index++)
                printf(" %lu", workers[index].passes);
            printf("\n");
        } else if (!strncmp(line, "fds", 3)) {
            printf("ok %d\n", count_descriptors());
        } else if (!strncmp(line, "spawn", 5)) {
            static struct worker spawned = {.work = "none"};
            pthread_t child;
            printf(pthread_create(&child, NULL, run, &spawned) ? "bad spawn\n" : "ok\n");
        } else if (!strncmp(line, "exec", 4)) {
            execl("/proc/self/exe", "traceeself", "sleep", NULL);
        } else
            printf("bad command\n");
        fflush(stdout);
    }
    _exit(0);
}

// The first argument is the first thread's work, or "exit" for one that ends; every other argument is a thread's.
int main(int count, char **arguments)
{
    struct sigaction action = {.sa_handler = handle};
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags = SA_RESTART;
    sigaction(SIGRTMIN + 1, &action, NULL);
    const char *leader = count > 1 ? arguments[1] : "sleep";
    for (int argument = 1; argument < count && worker_count < MAX_WORKERS; argument++) {
        workers[worker_count].work = arguments[argument];
        workers[worker_count].index = worker_count;
        worker_count++;
    }
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    for (int index = 1; index < worker_count; index++)
        if (pthread_create(&workers[index].thread, &small, run, &workers[index]))
            return 3;
    pthread_t server;
    if (pthread_create(&server, NULL, serve, NULL))
        return 3;
    printf("ready %d\n", getpid());
    fflush(stdout);
    if (!strcmp(leader, "exit"))
        pthread_exit(NULL);
    if (!strcmp(leader, "offstack")) {
        static ucontext_t elsewhere, here;
        getcontext(&elsewhere);
        elsewhere.uc_stack.ss_sp = malloc(16384);
        elsewhere.uc_stack.ss_size = 16384;
        elsewhere.uc_link = &here;
        makecontext(&elsewhere, run_elsewhere, 0);
        swapcontext(&here, &elsewhere);
    }
    run(&workers[0]);
}
