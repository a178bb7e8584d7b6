// A faulting process for tests, driven by commands: see target.c.
#ifndef UFFD_TEST_TARGET_H
#define UFFD_TEST_TARGET_H

#define _GNU_SOURCE

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MAX_WORDS = 96, MAX_REPLY = 32768, MAX_REGIONS = 16, MAX_DESCRIPTORS = 64 };

// One mapping. The offsets of commands count from the start of the selected one.
struct region {
    uint8_t *base;
    size_t length;
    int memfd; // or -1
};

// What this process has. A fork copies it, and the child goes on with its copy.
struct target {
    struct region regions[MAX_REGIONS];
    int region_count;
    int selected;
    int uffd;   // or -1
    int socket; // or -1
};

extern struct target target;

// One line, cut into words. `line` is the whole of it, for commands whose last argument may contain spaces.
struct command {
    char *line;
    char *words[MAX_WORDS];
    int count;
};

// Answers go into a buffer of MAX_REPLY bytes, without the newline.
typedef void handler(const struct command *command, char *reply);

void reply_done(char *reply);                         // "ok"
void reply_ok(char *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reply_errno(char *reply, int number);            // "error NUMBER NAME"
void reply_usage(char *reply, const char *usage);     // "error 22 EINVAL usage: ..."
const char *text_after(const char *line, int words);  // the rest of the line behind so many words
void execute(char *line, char *reply);                // runs one command
void serve(int in, int out);                          // runs commands until the end of input; does not return

bool parse_number(const char *text, uint64_t *value); // decimal, or hexadecimal with 0x
bool parse_hex(const char *text, uint8_t *bytes, size_t capacity, size_t *length);
void format_hex(const uint8_t *bytes, size_t length, char *text);

// memory.c
handler command_map, command_select, command_base, command_touch, command_touchmany, command_write, command_fill, command_hash, command_dump,
    command_madvise, command_dontneed, command_remove, command_munmap, command_mremap, command_sysread;
struct region *selected_region(void);
// Where `words[first]` (offset) and `words[first + 1]` (length) point; a missing length is the rest of the region.
bool parse_range(const struct command *command, int first, uint8_t **start, size_t *length);
void install_fault_handlers(void);

// roam.c
handler command_roam, command_place, command_remap, command_reexec;

// kernel.c
handler command_area, command_pin, command_unpin, command_pinread, command_punch, command_pageout, command_churn;
void *map_aligned(size_t length, int flags, int memfd); // flags 0: only a place, where nothing may be touched

// sharing.c
handler command_mapfile, command_recvfd, command_tamper;

// stress.c
handler command_lockinit, command_lock, command_lockverify;

// uffd.c
handler command_uffd, command_register, command_unregister, command_closeuffd;

// channel.c
handler command_connect, command_send, command_sendtext, command_sendfd, command_sendboth, command_recv, command_shutdown, command_closesock;

// process.c
handler command_async, command_join, command_done, command_interrupt, command_fork, command_child, command_waitchild, command_descriptors;
void forget_jobs_and_child(void);
void exit_with_parent(int in);

#endif
