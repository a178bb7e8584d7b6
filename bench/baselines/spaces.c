/*
 * Several processes that fault at once, each with a userfaultfd of its own, served by one server.
 *
 *   spaces --socket PATH --size BYTES --spaces N [--threads N] [--touches N] [--order N] [--seed N] [--warm BYTES]
 *
 * Each space is a process with --threads threads; each thread times --touches touches of pages of its own. They begin
 * together, after each has touched a few pages, so that all of them are known to the server. It prints one JSON object: faults
 * a second of all together, and of the faults' times, in nanoseconds, p50 and p99 of the space where they are the highest.
 */
#include "client.h"

#include <getopt.h>
#include <pthread.h>
#include <sys/wait.h>

#define MAX_THREADS 64
#define SKIP 100ul

struct worker
{
    pthread_t thread;
    const char *area;
    const uint32_t *pages;
    uint64_t *samples; /* shared with the parent, as this is; of touches that did not wait: 0 */
    size_t count;
    uint64_t started, ended, wrong;
};

/* In memory that all processes share. */
struct shared
{
    pthread_barrier_t start_line;
    struct worker workers[MAX_THREADS];
};

static struct shared *shared;
static struct content content;

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap of shared memory");
    return memory;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (size_t i = 0; i < SKIP; i++)
        worker->wrong += is_wrong(&content, worker->pages[i], touch(worker->area, worker->pages[i]));
    pthread_barrier_wait(&shared->start_line);
    uint64_t known = waited_faults(RUSAGE_THREAD);
    worker->started = now_ns();
    for (size_t i = 0; i < worker->count; i++)
    {
        uint32_t page = worker->pages[SKIP + i];
        uint64_t before = now_ns();
        uint64_t value = touch(worker->area, page);
        uint64_t took = now_ns() - before, faults = waited_faults(RUSAGE_THREAD);
        worker->wrong += is_wrong(&content, page, value);
        worker->samples[i] = faults != known ? took : 0;
        known = faults;
    }
    worker->ended = now_ns();
    return NULL;
}

static void run_space(const char *socket_path, size_t size, uint64_t order, struct worker *workers, size_t threads)
{
    uint32_t *list = shuffled(size / PAGE, order);
    char *area = map_memory(size);
    int uffd = open_userfaultfd(UFFD_FEATURE_EVENT_REMOVE);
    register_missing(uffd, area, size);
    hand_over(connect_to(socket_path), uffd, area, size);
    for (size_t t = 0; t < threads; t++)
    {
        workers[t].area = area;
        workers[t].pages = list + t * (SKIP + workers[t].count);
        if ((errno = pthread_create(&workers[t].thread, NULL, work, &workers[t])) != 0)
            fail("pthread_create");
    }
    for (size_t t = 0; t < threads; t++)
    {
        if ((errno = pthread_join(workers[t].thread, NULL)) != 0)
            fail("pthread_join");
    }
}

/* All samples of a space that waited, sorted in place at the front. */
static size_t sort_waited(uint64_t *samples, size_t count)
{
    size_t waited = 0;
    for (size_t i = 0; i < count; i++)
    {
        if (samples[i] != 0)
            samples[waited++] = samples[i];
    }
    if (waited == 0)
        refuse("no touch had to wait for its page");
    qsort(samples, waited, sizeof *samples, by_value);
    return waited;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},  {"size", required_argument, NULL, 'z'},
        {"spaces", required_argument, NULL, 'p'},  {"threads", required_argument, NULL, 't'},
        {"touches", required_argument, NULL, 'n'}, {"order", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 'e'},    {"warm", required_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    const char *socket_path = NULL;
    uint64_t size = 0, spaces = 1, threads = 1, touches = 5000, order = 1, warm = 0;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 's': socket_path = optarg; break;
        case 'z': size = number(optarg); break;
        case 'p': spaces = number(optarg); break;
        case 't': threads = number(optarg); break;
        case 'n': touches = number(optarg); break;
        case 'o': order = number(optarg); break;
        case 'e': content = (struct content){.seed = number(optarg), .check = true}; break;
        case 'w': warm = number(optarg); break;
        default: return 2;
        }
    }
    if (socket_path == NULL || optind != argc || spaces == 0 || threads == 0 || spaces * threads > MAX_THREADS)
        refuse("usage: spaces --socket PATH --size BYTES --spaces N [--threads N] [options], at most 64 threads in all");
    if (size == 0 || size % PAGE != 0 || size / PAGE > UINT32_MAX || touches == 0 || threads * (SKIP + touches) > size / PAGE)
        refuse("--touches do not fit the size");

    warm_memory(warm);
    shared = share(sizeof *shared);
    uint64_t *samples = share(spaces * threads * touches * sizeof *samples);
    pthread_barrierattr_t across;
    if ((errno = pthread_barrierattr_init(&across)) != 0 ||
        (errno = pthread_barrierattr_setpshared(&across, PTHREAD_PROCESS_SHARED)) != 0 ||
        (errno = pthread_barrier_init(&shared->start_line, &across, (unsigned)(spaces * threads))) != 0)
        fail("pthread_barrier_init");
    for (size_t i = 0; i < spaces * threads; i++)
    {
        shared->workers[i].samples = samples + i * touches;
        shared->workers[i].count = touches;
    }
    for (size_t i = 0; i < spaces; i++)
    {
        pid_t child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0)
        {
            run_space(socket_path, size, order + i, shared->workers + i * threads, threads);
            _exit(0);
        }
    }
    for (int status; wait(&status) > 0;)
    {
        if (status != 0)
            refuse("a process that faults has failed");
    }

    uint64_t started = UINT64_MAX, ended = 0, wrong = 0, worst_p50 = 0, worst_p99 = 0, waited = 0;
    for (size_t i = 0; i < spaces * threads; i++)
    {
        started = shared->workers[i].started < started ? shared->workers[i].started : started;
        ended = shared->workers[i].ended > ended ? shared->workers[i].ended : ended;
        wrong += shared->workers[i].wrong;
    }
    for (size_t i = 0; i < spaces; i++)
    {
        uint64_t *own = samples + i * threads * touches;
        size_t count = sort_waited(own, threads * touches);
        uint64_t p50 = percentile(own, count, 50), p99 = percentile(own, count, 99);
        worst_p50 = p50 > worst_p50 ? p50 : worst_p50;
        worst_p99 = p99 > worst_p99 ? p99 : worst_p99;
        waited += count;
    }
    printf("{\"spaces\":%lu,\"threads\":%lu,\"waited\":%lu,\"perSecond\":%.1f,\"worstP50\":%lu,\"worstP99\":%lu}\n", spaces,
           threads, waited, (double)waited / ((double)(ended - started) / 1e9), worst_p50, worst_p99);
    if (wrong > 0)
    {
        fprintf(stderr, "%lu pages have the wrong content\n", wrong);
        return 3;
    }
    return 0;
}
