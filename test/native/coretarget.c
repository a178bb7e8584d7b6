// A process that stands still with known content, for core files: named threads in known functions, patterns in every kind of memory, known vector
// registers. Usage: coretarget FILE THREADS; FILE has eight pages at least. Prints "name hexaddress" lines, then "ready", and waits for the end of its input.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPIN __attribute__((noinline, noclone))

static pthread_barrier_t barrier;
static volatile int running = 1;
static char data_pattern[8192] = "pattern in the data segment";
static char bss_pattern[65536];
static uint64_t lanes[8][4]; // what thread N has in its first vector register

static void fill(void *memory, size_t length, unsigned seed)
{
    uint32_t *words = memory;
    for (size_t index = 0; index < length / sizeof(uint32_t); index++) {
        words[index] = (uint32_t)(index * 2654435761u) ^ seed;
    }
}

// Each stands in a function of its own with a frame below it that has a pattern on the stack.
SPIN static void spin_with_vector(const uint64_t *value)
{
    pthread_barrier_wait(&barrier);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx")) {
        __asm__ volatile("vmovdqu %0, %%ymm7\n1: pause\n cmpl $0, %1\n jne 1b" : : "m"(*(const char(*)[32])value), "m"(running) : "xmm7", "cc", "memory");
    } else {
        __asm__ volatile("movdqu %0, %%xmm7\n1: pause\n cmpl $0, %1\n jne 1b" : : "m"(*(const char(*)[16])value), "m"(running) : "xmm7", "cc", "memory");
    }
#else
    while (running) {
        __asm__ volatile("" : : "r"(value) : "memory");
    }
#endif
}

SPIN static void stand_in_pipe(int descriptor)
{
    char byte;
    pthread_barrier_wait(&barrier);
    while (read(descriptor, &byte, 1) > 0) {
    }
    __asm__ volatile("" ::: "memory");
}

SPIN static void middle_frame(int number, int descriptor)
{
    volatile char on_stack[4096];
    fill((void *)on_stack, sizeof on_stack, 0x57acu + (unsigned)number);
    if (number % 2 == 0) {
        spin_with_vector(lanes[number % 8]);
    } else {
        stand_in_pipe(descriptor);
    }
    __asm__ volatile("" : : "r"(on_stack) : "memory");
}

static int waiting[2];

static void *thread_main(void *argument)
{
    int number = (int)(intptr_t)argument;
    char name[16];
    snprintf(name, sizeof name, "worker-%d", number);
    prctl(PR_SET_NAME, name, 0, 0, 0);
    middle_frame(number, waiting[0]);
    return NULL;
}

static void tell(const char *name, const void *address, size_t length)
{
    printf("%s %lx %lx\n", name, (unsigned long)address, (unsigned long)length);
}

int main(int count, char **arguments)
{
    if (count != 3) {
        return 2;
    }

    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int threads = atoi(arguments[2]);
    fill(bss_pattern + 4096, 8192, 0xb55);
    for (unsigned index = 0; index < 8; index++) {
        fill(lanes[index], sizeof lanes[index], 0x1a0 + index);
    }

    char *heap = malloc(100000);
    fill(heap, 100000, 0x8ea9);
    char *anonymous = mmap(NULL, 64 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int index = 0; index < 64; index += 3) {
        fill(anonymous + index * page, page, 0xa000 + (unsigned)index);
    }

    char *shared = mmap(NULL, 16 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fill(shared + 2 * page, 2 * page, 0x54a);
    int file = open(arguments[1], O_RDWR);
    char *changed = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (file < 0 || changed == MAP_FAILED || shared == MAP_FAILED || anonymous == MAP_FAILED || pipe(waiting) != 0) {
        perror("coretarget");
        return 1;
    }

    fill(changed + 2 * page, page, 0xc4a);
    memset(changed + 3 * page, 0, page); // changed to zeros, which is not what the file has
    fill(changed + 6 * page, page, 0xc4b);
    mprotect(anonymous + 60 * page, page, PROT_NONE);

    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    for (int index = 0; index < threads; index++) {
        pthread_t thread;
        pthread_create(&thread, NULL, thread_main, (void *)(intptr_t)index);
    }

    pthread_barrier_wait(&barrier);
    tell("data", data_pattern, sizeof data_pattern);
    tell("bss", bss_pattern, sizeof bss_pattern);
    tell("heap", heap, 100000);
    tell("anonymous", anonymous, 64 * page);
    tell("shared", shared, 16 * page);
    tell("changed", changed, 8 * page);
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {
    }
    running = 0;
    return 0;
}
