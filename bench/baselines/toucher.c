/*
 * The program that faults. It maps memory, registers it, hands its userfaultfd to whoever listens on a socket, as
 * Firecracker does, and then touches pages in some order. It is the same program whoever answers.
 *
 *   toucher --socket PATH --size BYTES --mode latency|rate|sweep [options]
 *
 *   latency   one thread times every touch;  prints p50, p90, p99, max and mean of those that waited, in nanoseconds
 *   rate      threads touch disjoint pages;  prints touches a second, all threads together
 *   sweep     threads touch disjoint pages;  prints the seconds from the handshake to the last page
 *
 *   --touches N   pages to touch and to count; every page if not given
 *   --skip N      pages to touch before counting (latency, rate), so that the first meeting is not measured
 *   --threads N   faulting threads (rate, sweep)
 *   --order N     which random order; 0: from the first page to the last
 *   --seed N      check each page: its first 8 bytes are its index in the image XOR this number
 *   --warm BYTES  touch and give back this much memory first
 *   --wait-ms N   time between the handshake and the first touch
 *   --remove      ask for EVENT_REMOVE, as Firecracker does
 *
 * It prints one JSON object, with the number of touches and of those that had to wait for their page. A page with the wrong
 * content ends it with exit code 3.
 */
#include "client.h"

#include <getopt.h>
#include <pthread.h>

static char *area;
static struct content content;

struct worker
{
    pthread_t thread;
    const uint32_t *pages;
    size_t count;
    uint64_t started, ended, wrong;
};

struct span
{
    uint64_t started, ended, waited, wrong;
};

static pthread_barrier_t start_line;

static void *work(void *argument)
{
    struct worker *worker = argument;
    pthread_barrier_wait(&start_line);
    worker->started = now_ns();
    for (size_t i = 0; i < worker->count; i++)
        worker->wrong += is_wrong(&content, worker->pages[i], touch(area, worker->pages[i]));
    worker->ended = now_ns();
    return NULL;
}

/* Times each touch, and counts those that waited: the page of another may have been brought with an earlier one. */
static uint64_t run_latency(const uint32_t *pages, size_t count)
{
    uint64_t *samples = malloc(count * sizeof *samples);
    if (samples == NULL)
        fail("malloc");
    memset(samples, 1, count * sizeof *samples); /* the list itself must not fault between two measurements */
    uint64_t wrong = 0, sum = 0, known = waited_faults(RUSAGE_THREAD);
    size_t waited = 0;
    for (size_t i = 0; i < count; i++)
    {
        uint64_t before = now_ns();
        uint64_t value = touch(area, pages[i]);
        uint64_t took = now_ns() - before, faults = waited_faults(RUSAGE_THREAD);
        wrong += is_wrong(&content, pages[i], value);
        if (faults != known)
        {
            samples[waited++] = took;
            sum += took;
        }
        known = faults;
    }
    if (waited == 0)
        refuse("no touch had to wait for its page");
    qsort(samples, waited, sizeof *samples, by_value);
    printf("{\"touches\":%zu,\"waited\":%zu,\"p50\":%lu,\"p90\":%lu,\"p99\":%lu,\"max\":%lu,\"mean\":%.1f}\n", count,
           waited, percentile(samples, waited, 50), percentile(samples, waited, 90), percentile(samples, waited, 99),
           samples[waited - 1], (double)sum / (double)waited);
    free(samples);
    return wrong;
}

static struct span run_threads(const uint32_t *pages, size_t count, size_t threads)
{
    struct worker *workers = calloc(threads, sizeof *workers);
    if (workers == NULL)
        fail("calloc");
    if ((errno = pthread_barrier_init(&start_line, NULL, (unsigned)threads)) != 0)
        fail("pthread_barrier_init");
    uint64_t known = waited_faults(RUSAGE_SELF);
    for (size_t t = 0; t < threads; t++)
    {
        size_t from = count * t / threads, to = count * (t + 1) / threads;
        workers[t].pages = pages + from;
        workers[t].count = to - from;
        if ((errno = pthread_create(&workers[t].thread, NULL, work, &workers[t])) != 0)
            fail("pthread_create");
    }
    struct span span = {.started = UINT64_MAX};
    for (size_t t = 0; t < threads; t++)
    {
        if ((errno = pthread_join(workers[t].thread, NULL)) != 0)
            fail("pthread_join");
        span.started = workers[t].started < span.started ? workers[t].started : span.started;
        span.ended = workers[t].ended > span.ended ? workers[t].ended : span.ended;
        span.wrong += workers[t].wrong;
    }
    span.waited = waited_faults(RUSAGE_SELF) - known;
    free(workers);
    return span;
}

static uint64_t run_rate(const uint32_t *pages, size_t count, size_t threads)
{
    struct span span = run_threads(pages, count, threads);
    double seconds = (double)(span.ended - span.started) / 1e9;
    printf("{\"touches\":%zu,\"waited\":%lu,\"threads\":%zu,\"seconds\":%.6f,\"perSecond\":%.1f}\n", count, span.waited,
           threads, seconds, (double)count / seconds);
    return span.wrong;
}

static uint64_t run_sweep(const uint32_t *pages, size_t count, size_t threads, uint64_t started)
{
    struct span span = run_threads(pages, count, threads);
    printf("{\"touches\":%zu,\"waited\":%lu,\"threads\":%zu,\"seconds\":%.6f}\n", count, span.waited, threads,
           (double)(span.ended - started) / 1e9);
    return span.wrong;
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
        case 'e': content = (struct content){.seed = number(optarg), .check = true}; break;
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
        skip = 0;
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
    hand_over(socket, uffd, area, size);
    if (wait_ms > 0)
        nanosleep(&(struct timespec){.tv_sec = (time_t)(wait_ms / 1000), .tv_nsec = (long)(wait_ms % 1000) * 1000000},
                  NULL);

    uint64_t wrong = 0;
    for (size_t i = 0; i < skip; i++)
        wrong += is_wrong(&content, list[i], touch(area, list[i]));
    if (latency)
        wrong += run_latency(list + skip, touches);
    else if (rate)
        wrong += run_rate(list + skip, touches, threads);
    else
        wrong += run_sweep(list, touches, threads, started);
    if (wrong > 0)
    {
        fprintf(stderr, "%lu pages have the wrong content\n", wrong);
        return 3;
    }
    return 0;
}
