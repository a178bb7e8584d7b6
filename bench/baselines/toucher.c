/*
 * The program that faults. It maps memory, registers it, hands its userfaultfd to whoever listens on a socket, as
 * Firecracker does, and then touches pages in random order. It is the same program whoever answers.
 *
 *   toucher --socket PATH --size BYTES --mode latency|rate|sweep [options]
 *
 *   latency   one thread times every touch;               prints p50, p90, p99, max and mean in nanoseconds
 *   rate      --threads threads touch disjoint pages;     prints faults a second, all threads together
 *   sweep     one thread touches every page of the image; prints the seconds from the handshake to the last page
 *
 *   --touches N   pages to touch and to count (latency, rate); every page if not given
 *   --skip N      pages to touch before counting (latency, rate), so that the first meeting is not measured
 *   --threads N   faulting threads (rate)
 *   --order N     which random order
 *   --seed N      check each page: its first 8 bytes are its index in the image XOR this number
 *   --warm BYTES  touch and give back this much memory first
 *   --wait-ms N   time between the handshake and the first touch
 *   --remove      ask for EVENT_REMOVE, as Firecracker does
 *
 * It prints one JSON object. A page with the wrong content ends it with exit code 3.
 */
#include "common.h"

#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>

static char *area;
static uint64_t seed;
static bool check;

struct worker
{
    pthread_t thread;
    const uint32_t *pages;
    size_t count;
    uint64_t started, ended, wrong;
};

static pthread_barrier_t start_line;

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

/* All pages in random order: what is touched never repeats, and read-ahead finds no pattern. */
static uint32_t *shuffled(size_t pages, uint64_t order)
{
    uint32_t *list = malloc(pages * sizeof *list);
    if (list == NULL)
        fail("malloc");
    for (size_t i = 0; i < pages; i++)
        list[i] = (uint32_t)i;
    uint64_t state = order;
    for (size_t i = pages - 1; i > 0; i--)
    {
        size_t j = (size_t)(next_random(&state) % (i + 1));
        uint32_t swap = list[i];
        list[i] = list[j];
        list[j] = swap;
    }
    return list;
}

static inline uint64_t touch(uint32_t page)
{
    return *(volatile uint64_t *)(area + page * PAGE);
}

static inline uint64_t is_wrong(uint32_t page, uint64_t value)
{
    return check && value != (page ^ seed);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    pthread_barrier_wait(&start_line);
    worker->started = now_ns();
    for (size_t i = 0; i < worker->count; i++)
        worker->wrong += is_wrong(worker->pages[i], touch(worker->pages[i]));
    worker->ended = now_ns();
    return NULL;
}

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static uint64_t percentile(const uint64_t *sorted, size_t count, unsigned percent)
{
    size_t rank = (count * percent + 99) / 100;
    return sorted[rank == 0 ? 0 : rank - 1];
}

static uint64_t run_latency(const uint32_t *pages, size_t count)
{
    uint64_t *samples = malloc(count * sizeof *samples);
    if (samples == NULL)
        fail("malloc");
    memset(samples, 1, count * sizeof *samples); /* the list itself must not fault between two measurements */
    uint64_t wrong = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
    {
        uint64_t before = now_ns();
        uint64_t value = touch(pages[i]);
        samples[i] = now_ns() - before;
        wrong += is_wrong(pages[i], value);
    }
    for (size_t i = 0; i < count; i++)
        sum += samples[i];
    qsort(samples, count, sizeof *samples, by_value);
    printf("{\"touches\":%zu,\"p50\":%lu,\"p90\":%lu,\"p99\":%lu,\"max\":%lu,\"mean\":%.1f}\n", count,
           percentile(samples, count, 50), percentile(samples, count, 90), percentile(samples, count, 99),
           samples[count - 1], (double)sum / (double)count);
    free(samples);
    return wrong;
}

static uint64_t run_rate(const uint32_t *pages, size_t count, size_t threads)
{
    struct worker *workers = calloc(threads, sizeof *workers);
    if (workers == NULL)
        fail("calloc");
    if ((errno = pthread_barrier_init(&start_line, NULL, (unsigned)threads)) != 0)
        fail("pthread_barrier_init");
    for (size_t t = 0; t < threads; t++)
    {
        size_t from = count * t / threads, to = count * (t + 1) / threads;
        workers[t].pages = pages + from;
        workers[t].count = to - from;
        if ((errno = pthread_create(&workers[t].thread, NULL, work, &workers[t])) != 0)
            fail("pthread_create");
    }
    uint64_t started = UINT64_MAX, ended = 0, wrong = 0;
    for (size_t t = 0; t < threads; t++)
    {
        if ((errno = pthread_join(workers[t].thread, NULL)) != 0)
            fail("pthread_join");
        started = workers[t].started < started ? workers[t].started : started;
        ended = workers[t].ended > ended ? workers[t].ended : ended;
        wrong += workers[t].wrong;
    }
    double seconds = (double)(ended - started) / 1e9;
    printf("{\"touches\":%zu,\"threads\":%zu,\"seconds\":%.6f,\"perSecond\":%.1f}\n", count, threads, seconds,
           (double)count / seconds);
    free(workers);
    return wrong;
}

static uint64_t run_sweep(const uint32_t *pages, size_t count, uint64_t started)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += is_wrong(pages[i], touch(pages[i]));
    printf("{\"touches\":%zu,\"seconds\":%.6f}\n", count, (double)(now_ns() - started) / 1e9);
    return wrong;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address;
    socket_address(&address, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail(path);
    return fd;
}

static void hand_over(int socket, int uffd, size_t size)
{
    char text[256];
    int length = snprintf(text, sizeof text,
                          "[{\"base_host_virt_addr\":%lu,\"size\":%zu,\"offset\":0,"
                          "\"page_size\":%lu,\"page_size_kib\":%lu}]",
                          (uint64_t)(uintptr_t)area, size, PAGE, PAGE);
    union
    {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = text, .iov_len = (size_t)length};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &uffd, sizeof uffd);
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0)
        fail("sendmsg");
    if (sent != length)
        refuse("the handshake was sent in part only");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},  {"size", required_argument, NULL, 'z'},
        {"mode", required_argument, NULL, 'm'},    {"touches", required_argument, NULL, 'n'},
        {"skip", required_argument, NULL, 'k'},    {"threads", required_argument, NULL, 't'},
        {"order", required_argument, NULL, 'o'},   {"seed", required_argument, NULL, 'e'},
        {"warm", required_argument, NULL, 'w'},    {"wait-ms", required_argument, NULL, 'i'},
        {"remove", no_argument, NULL, 'r'},        {NULL, 0, NULL, 0},
    };
    const char *socket_path = NULL, *mode = "";
    uint64_t size = 0, touches = 0, skip = 0, threads = 1, order = 1, warm = 0, wait_ms = 0, features = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 's': socket_path = optarg; break;
        case 'z': size = number(optarg); break;
        case 'm': mode = optarg; break;
        case 'n': touches = number(optarg); break;
        case 'k': skip = number(optarg); break;
        case 't': threads = number(optarg); break;
        case 'o': order = number(optarg); break;
        case 'e': seed = number(optarg); check = true; break;
        case 'w': warm = number(optarg); break;
        case 'i': wait_ms = number(optarg); break;
        case 'r': features = UFFD_FEATURE_EVENT_REMOVE; break;
        default: return 2;
        }
    }
    bool latency = strcmp(mode, "latency") == 0, rate = strcmp(mode, "rate") == 0, sweep = strcmp(mode, "sweep") == 0;
    if (socket_path == NULL || optind != argc || !(latency || rate || sweep))
        refuse("usage: toucher --socket PATH --size BYTES --mode latency|rate|sweep [options]");
    if (size == 0 || size % PAGE != 0 || size / PAGE > UINT32_MAX)
        refuse("--size is not a whole number of pages");
    size_t pages = size / PAGE;
    if (sweep)
        skip = touches = 0;
    if (touches == 0 && skip < pages)
        touches = pages - skip;
    if (touches == 0 || touches > pages || skip > pages - touches || threads == 0 || threads > 1024)
        refuse("--touches, --skip or --threads do not fit the size");

    warm_memory(warm);
    uint32_t *list = shuffled(pages, order);
    area = map_memory(size);
    int uffd = open_userfaultfd(features);
    register_missing(uffd, area, size);
    int socket = connect_to(socket_path);
    uint64_t started = now_ns();
    hand_over(socket, uffd, size);
    if (wait_ms > 0)
        nanosleep(&(struct timespec){.tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000},
                  NULL);

    uint64_t wrong = 0;
    for (size_t i = 0; i < skip; i++)
        wrong += is_wrong(list[i], touch(list[i]));
    if (latency)
        wrong += run_latency(list + skip, touches);
    else if (rate)
        wrong += run_rate(list + skip, touches, threads);
    else
        wrong += run_sweep(list, pages, started);
    if (wrong > 0)
    {
        fprintf(stderr, "%lu pages have the wrong content\n", wrong);
        return 3;
    }
    return 0;
}
