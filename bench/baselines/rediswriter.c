/*
 * A closed-loop writer for a Redis: one request at a time, the next one when it has been answered. What a program that uses the Redis feels
 * of a snapshot; in C, so that nothing of its own (collections, compilation) is in the latencies.
 *
 *   rediswriter --socket PATH --keys N --value BYTES --rate N
 *
 * It first sets every key (pipelined) and prints "loaded". Then it writes to keys drawn at random, at most N a second; where it was held up it does
 * not catch up for more than some milliseconds. Commands on standard input: "begin" forgets the latencies so far, and "end" prints those since, as
 * one JSON object in a line. The end of standard input ends it.
 */
#include "common.h"

#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/prctl.h>

enum
{
    MOST_VALUE = 1 << 16,
    MOST_LATENCIES = 4 << 20,
    PIPELINED = 256,
    UNIT_NS = 10, /* of a latency that is kept: 32 bits are 42 seconds */
    CATCH_UP_NS = 5 * 1000 * 1000,
};

static int server;
static size_t value_size;
static uint64_t key_count, rate;
static uint64_t random_state = 0x9e3779b97f4a7c15ull;
static char random_bytes[2 * MOST_VALUE];

static uint32_t *latencies;
static size_t latency_count;
static uint64_t window_began;
static bool is_recording;
static pthread_mutex_t window = PTHREAD_MUTEX_INITIALIZER;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Bytes that do not compress, and other ones each time. */
static size_t format_set(char *to, uint64_t key)
{
    int head = sprintf(to, "*3\r\n$3\r\nSET\r\n$14\r\nkey:%010lu\r\n$%zu\r\n", (unsigned long)key, value_size);
    memcpy(to + head, random_bytes + next_random() % MOST_VALUE, value_size);
    memcpy(to + head + value_size, "\r\n", 2);
    return (size_t)head + value_size + 2;
}

static void send_all(const char *from, size_t length)
{
    while (length > 0)
    {
        ssize_t sent = write(server, from, length);
        if (sent < 0)
            fail("write to Redis");
        from += sent;
        length -= (size_t)sent;
    }
}

/* Each answer is "+OK\r\n". */
static void expect_answers(size_t count)
{
    char answers[5 * PIPELINED];
    size_t wanted = 5 * count, got = 0;
    while (got < wanted)
    {
        ssize_t length = read(server, answers + got, wanted - got);
        if (length < 0)
            fail("read from Redis");
        if (length == 0)
            refuse("Redis closed the connection");
        got += (size_t)length;
        if (answers[0] != '+')
        {
            fprintf(stderr, "Redis answered: %.*s\n", (int)got, answers);
            exit(1);
        }
    }
}

static void load(void)
{
    char *requests = malloc(PIPELINED * (value_size + 128));
    if (requests == NULL)
        fail("malloc");
    for (uint64_t key = 0; key < key_count;)
    {
        size_t length = 0, count = 0;
        for (; count < PIPELINED && key < key_count; count++, key++)
            length += format_set(requests + length, key);
        send_all(requests, length);
        expect_answers(count);
    }
    free(requests);
}

static void *write_for_ever(void *unused)
{
    static char request[MOST_VALUE + 128];
    uint64_t due = now_ns(), interval = 1000000000ull / rate;
    (void)unused;

    /* A sleep of microseconds must not be rounded to fifty. */
    prctl(PR_SET_TIMERSLACK, 1ul);
    for (;;)
    {
        size_t length = format_set(request, next_random() % key_count);
        uint64_t began = now_ns();
        send_all(request, length);
        expect_answers(1);
        uint64_t ended = now_ns();

        pthread_mutex_lock(&window);
        if (is_recording && latency_count < MOST_LATENCIES)
            latencies[latency_count++] = (uint32_t)((ended - began) / UNIT_NS);
        pthread_mutex_unlock(&window);

        due += interval;
        if (due + CATCH_UP_NS < ended)
            due = ended;
        if (due > ended)
        {
            struct timespec until = {.tv_sec = (time_t)(due / 1000000000ull), .tv_nsec = (long)(due % 1000000000ull)};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        }
    }
    return NULL;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* In microseconds. */
static double quantile(double part)
{
    size_t index = (size_t)(part * (double)(latency_count - 1) + 0.5);
    return (double)latencies[index] * UNIT_NS / 1000.0;
}

static void begin(void)
{
    pthread_mutex_lock(&window);
    latency_count = 0;
    window_began = now_ns();
    is_recording = true;
    pthread_mutex_unlock(&window);
}

static void end(void)
{
    pthread_mutex_lock(&window);
    is_recording = false;
    pthread_mutex_unlock(&window);
    double seconds = (double)(now_ns() - window_began) / 1e9;
    if (latency_count == 0)
        refuse("no request was answered in the time");
    if (latency_count == MOST_LATENCIES)
        refuse("the time was too long: not every latency was kept");
    qsort(latencies, latency_count, sizeof *latencies, compare);
    printf("{\"requests\":%zu,\"seconds\":%.6f,\"p50Us\":%.2f,\"p99Us\":%.2f,\"p999Us\":%.2f,\"maxUs\":%.2f}\n",
           latency_count, seconds, quantile(0.5), quantile(0.99), quantile(0.999), quantile(1));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'}, {"keys", required_argument, NULL, 'k'},
        {"value", required_argument, NULL, 'v'},  {"rate", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (option)
        {
        case 's': path = optarg; break;
        case 'k': key_count = number(optarg); break;
        case 'v': value_size = number(optarg); break;
        case 'r': rate = number(optarg); break;
        default: return 2;
        }
    }
    if (path == NULL || key_count == 0 || value_size == 0 || value_size > MOST_VALUE || rate == 0 || optind != argc)
        refuse("usage: rediswriter --socket PATH --keys N --value BYTES --rate N");

    for (size_t at = 0; at < sizeof random_bytes; at += 8)
    {
        uint64_t word = next_random();
        memcpy(random_bytes + at, &word, 8);
    }
    latencies = malloc(MOST_LATENCIES * sizeof *latencies);
    if (latencies == NULL)
        fail("malloc");
    memset(latencies, 1, MOST_LATENCIES * sizeof *latencies);

    struct sockaddr_un address;
    socket_address(&address, path);
    server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address) != 0)
        fail(path);
    load();
    puts("loaded");
    fflush(stdout);

    pthread_t writer;
    if ((errno = pthread_create(&writer, NULL, write_for_ever, NULL)) != 0)
        fail("pthread_create");
    char line[32];
    while (fgets(line, sizeof line, stdin) != NULL)
    {
        if (strcmp(line, "begin\n") == 0)
            begin();
        else if (strcmp(line, "end\n") == 0)
            end();
        else
            refuse("a command is begin or end");
    }
    return 0;
}
