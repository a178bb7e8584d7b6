/* The records of the benchmark of memory larger than RAM, as the C# side has them too (bench/Uffd.Bench/OutOfCore/Work/Record.cs). */
#ifndef UFFD_BASELINES_OUTOFCORE_H
#define UFFD_BASELINES_OUTOFCORE_H

#include <stdint.h>

#define WRITE_BIT 0x80000000u

/* 64 bytes: whose it is, how often it was written, and a mix of both that a torn or stale record has not. */
struct record
{
    uint64_t number, writes, filler[5], check;
};

_Static_assert(sizeof(struct record) == 64, "a record is a line of the cache");

/* The finalizer of SplitMix64: every bit of the result hangs on every bit of the value. */
static inline uint64_t mix(uint64_t value)
{
    value += 0x9E3779B97F4A7C15ull;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
    return value ^ (value >> 31);
}

static inline uint64_t check_of(uint64_t number, uint64_t writes)
{
    return mix(number ^ mix(writes));
}

static inline void set_record(struct record *record, uint64_t number, uint64_t writes)
{
    record->number = number;
    record->writes = writes;
    for (int i = 0; i < 5; i++)
        record->filler[i] = number + writes;
    record->check = check_of(number, writes);
}

static inline int is_right(const struct record *record, uint64_t number)
{
    return record->number == number && record->check == check_of(number, record->writes);
}

#endif
