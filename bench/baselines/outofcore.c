/*
 * A file larger than the memory it is given, as mmap(MAP_SHARED) and the kernel's own page cache serve it. Run it in a memory
 * cgroup with a limit; it sets none itself.
 *
 *   outofcore --mode zipf --file FILE --advice normal|random|sequential --sequence FILE --warm N
 *   outofcore --mode probe --file FILE --advice normal|random|sequential --sequence FILE --seconds N
 *   outofcore --mode scan --file FILE --advice normal|random|sequential
 *
 * zipf does the operations of a sequence, one after the other: 32 bits each, the number of a record of 64 bytes, the highest
 * bit set for a write. Each record that is met is checked. The first N operations are not timed. It ends with msync(MS_SYNC),
 * which is timed by itself. probe only reads the records, for some seconds: the advice that does not fit can take hours.
 * scan adds up the file's 64-bit words.
 *
 * It prints one JSON object.
 */
#include "common.h"
#include "outofcore.h"

#include <getopt.h>
#include <stdbool.h>
#include <sys/resource.h>

struct file
{
    char *bytes;
    size_t size;
};

static struct file map_file(const char *path, int advice)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        fail(path);
    struct file file = {.size = (size_t)status.st_size};
    file.bytes = mmap(NULL, file.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file.bytes == MAP_FAILED)
        fail("mmap of the file");
    if (madvise(file.bytes, file.size, advice) != 0)
        fail("madvise");

    /* Both forms of the advice: the mapping's decides on faults, the file's on the size of what is read ahead. */
    int wanted = advice == MADV_RANDOM ? POSIX_FADV_RANDOM : advice == MADV_SEQUENTIAL ? POSIX_FADV_SEQUENTIAL : POSIX_FADV_NORMAL;
    if (posix_fadvise(fd, 0, 0, wanted) != 0)
        refuse("posix_fadvise");
    close(fd);
    return file;
}

static uint32_t *read_sequence(const struct file *file, const char *path, size_t *count)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        fail(path);
    size_t size = (size_t)status.st_size;
    uint32_t *sequence = malloc(size);
    if (sequence == NULL)
        fail("malloc");
    for (size_t done = 0; done < size;)
    {
        ssize_t got = read(fd, (char *)sequence + done, size - done);
        if (got <= 0)
            fail("read of the sequence");
        done += (size_t)got;
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    *count = size / sizeof *sequence;
    for (size_t i = 0; i < *count; i++)
    {
        if ((sequence[i] & ~WRITE_BIT) >= file->size / sizeof(struct record))
            refuse("the sequence is of another file");
    }
    return sequence;
}

static uint64_t wrong;

static uint64_t operate(const struct file *file, const uint32_t *operations, size_t count)
{
    struct record *records = (struct record *)file->bytes;
    uint64_t seen = 0;
    for (size_t i = 0; i < count; i++)
    {
        uint64_t number = operations[i] & ~WRITE_BIT;
        struct record record = records[number];
        wrong += !is_right(&record, number);
        seen = mix(seen ^ record.check);
        if (operations[i] & WRITE_BIT)
        {
            set_record(&record, number, record.writes + 1);
            records[number] = record;
        }
    }
    return seen;
}

static double seconds_since(uint64_t start)
{
    return (double)(now_ns() - start) / 1e9;
}

static long major_faults(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        fail("getrusage");
    return usage.ru_majflt;
}

static void zipf(const struct file *file, const char *sequence_path, size_t warm)
{
    size_t count;
    uint32_t *sequence = read_sequence(file, sequence_path, &count);
    if (warm > count)
        refuse("more operations to warm up than there are");
    uint64_t order = 0;
    for (size_t i = 0; i < count; i++)
        order = mix(order ^ sequence[i]);

    uint64_t seen = operate(file, sequence, warm);
    if (msync(file->bytes, file->size, MS_SYNC) != 0)
        fail("msync");

    long faults = major_faults();
    uint64_t start = now_ns();
    seen = mix(seen ^ operate(file, sequence + warm, count - warm));
    double seconds = seconds_since(start);
    faults = major_faults() - faults;
    start = now_ns();
    if (msync(file->bytes, file->size, MS_SYNC) != 0)
        fail("msync");
    double flush = seconds_since(start);
    printf("{\"operations\":%zu,\"seconds\":%.6f,\"flushSeconds\":%.6f,\"misses\":%ld,\"wrong\":%lu,\"order\":\"%016lx\",\"seen\":\"%016lx\"}\n",
           count - warm, seconds, flush, faults, wrong, order, seen);
}

static void probe(const struct file *file, const char *sequence_path, uint64_t most)
{
    size_t count, done = 0;
    uint32_t *sequence = read_sequence(file, sequence_path, &count);
    const struct record *records = (const struct record *)file->bytes;
    uint64_t start = now_ns(), end = start + most * 1000000000ull;
    for (; done < count && now_ns() < end; done++)
        wrong += !is_right(&records[sequence[done] & ~WRITE_BIT], sequence[done] & ~WRITE_BIT);
    double seconds = seconds_since(start);
    printf("{\"operations\":%zu,\"seconds\":%.6f}\n", done, seconds);
}

static void scan(const struct file *file)
{
    uint64_t start = now_ns(), sum = 0;
    const uint64_t *words = (const uint64_t *)file->bytes;
    for (size_t i = 0; i < file->size / sizeof *words; i++)
        sum += words[i];
    printf("{\"bytes\":%zu,\"seconds\":%.6f,\"misses\":%ld,\"sum\":\"%016lx\"}\n", file->size, seconds_since(start), major_faults(), sum);
}

static int advice_of(const char *name)
{
    if (strcmp(name, "normal") == 0)
        return MADV_NORMAL;
    if (strcmp(name, "random") == 0)
        return MADV_RANDOM;
    if (strcmp(name, "sequential") == 0)
        return MADV_SEQUENTIAL;
    refuse("--advice knows normal, random and sequential");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"mode", required_argument, NULL, 'm'},     {"file", required_argument, NULL, 'f'},
        {"advice", required_argument, NULL, 'a'},   {"sequence", required_argument, NULL, 's'},
        {"warm", required_argument, NULL, 'w'},     {"seconds", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    const char *mode = "", *path = NULL, *sequence = NULL;
    int advice = MADV_NORMAL;
    uint64_t warm = 0, most = 3;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
    {
        switch (o)
        {
        case 'm': mode = optarg; break;
        case 'f': path = optarg; break;
        case 'a': advice = advice_of(optarg); break;
        case 's': sequence = optarg; break;
        case 'w': warm = number(optarg); break;
        case 't': most = number(optarg); break;
        default: return 2;
        }
    }
    bool is_scan = strcmp(mode, "scan") == 0, is_zipf = strcmp(mode, "zipf") == 0, is_probe = strcmp(mode, "probe") == 0;
    if (path == NULL || optind != argc || !(is_scan || ((is_zipf || is_probe) && sequence != NULL)))
        refuse("usage: outofcore --mode zipf|probe|scan --file FILE [--advice A] [--sequence FILE] [--warm N] [--seconds N]");

    struct file file = map_file(path, advice);
    if (is_zipf)
        zipf(&file, sequence, warm);
    else if (is_probe)
        probe(&file, sequence, most);
    else
        scan(&file);
    if (wrong == 0)
        return 0;
    fprintf(stderr, "%lu records were not what they must be\n", wrong);
    return 3;
}
