// What AbiTests compares the library's constants and structs with: the C library's and the kernel's headers, and, where
// those of this machine are too old to know something, the values from the kernel's documentation, typed here by hand.
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/userfaultfd.h>
#include "ptraceabi.h"

// Linux 6.4 to 6.8: userfaultfd.h
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED 0x2000
#define UFFDIO_CONTINUE_MODE_WP 2
#endif

#ifndef UFFDIO_POISON
#define UFFD_FEATURE_POISON 0x4000
#define _UFFDIO_POISON 8
#define UFFDIO_POISON 0xC020AA08
#define UFFDIO_POISON_MODE_DONTWAKE 1
struct uffdio_poison {
    struct uffdio_range range;
    uint64_t mode;
    int64_t updated;
};
#endif

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC 0x8000
#endif

#ifndef UFFDIO_MOVE
#define UFFD_FEATURE_MOVE 0x10000
#define _UFFDIO_MOVE 5
#define UFFDIO_MOVE 0xC028AA05
#define UFFDIO_MOVE_MODE_DONTWAKE 1
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES 2
struct uffdio_move {
    uint64_t dst;
    uint64_t src;
    uint64_t len;
    uint64_t mode;
    int64_t move;
};
#endif

// Linux 7.3: userfaultfd.h
#ifndef UFFD_FEATURE_RWP
#define UFFD_FEATURE_RWP 0x20000
#define UFFD_FEATURE_RWP_ASYNC 0x40000
#endif

// Linux 6.7: fs.h
#ifndef PAGEMAP_SCAN
#define PAGEMAP_SCAN 0xC0606610
#define PM_SCAN_WP_MATCHING 1
#define PM_SCAN_CHECK_WPASYNC 2
#define PAGE_IS_WPALLOWED 1
#define PAGE_IS_WRITTEN 2
#define PAGE_IS_FILE 4
#define PAGE_IS_PRESENT 8
#define PAGE_IS_SWAPPED 16
#define PAGE_IS_PFNZERO 32
#define PAGE_IS_HUGE 64
#define PAGE_IS_SOFT_DIRTY 128
struct page_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};
struct pm_scan_arg {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t vec;
    uint64_t vec_len;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof_mask;
    uint64_t return_mask;
};
#endif

// Linux 6.15: fs.h
#ifndef PAGE_IS_GUARD
#define PAGE_IS_GUARD 256
#endif

// Linux 6.1: userfaultfd.h and mman.h; 6.5: socket.h
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW 0xAA00
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

// What is not the same on every architecture has a name for each of them in the library. The compiler's own architecture
// is checked against its headers, the other against what is typed here.
#if defined(__x86_64__)
#define SYS_userfaultfd_x86_64 SYS_userfaultfd
#define SYS_userfaultfd_arm64 282
#define O_DIRECT_x86_64 O_DIRECT
#define O_TMPFILE_x86_64 O_TMPFILE
#define O_TMPFILE_arm64 0x404000
#define O_DIRECT_arm64 0x10000
#define epoll_event_x86_64 epoll_event
struct epoll_event_arm64 {
    uint32_t events;
    uint64_t data;
};
#elif defined(__aarch64__)
#define SYS_userfaultfd_x86_64 323
#define SYS_userfaultfd_arm64 SYS_userfaultfd
#define O_DIRECT_x86_64 0x4000
#define O_TMPFILE_x86_64 0x410000
#define O_TMPFILE_arm64 O_TMPFILE
#define O_DIRECT_arm64 O_DIRECT
#define epoll_event_arm64 epoll_event
struct epoll_event_x86_64 {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));
#else
#error "the library knows x86-64 and arm64"
#endif

// The kernel's own (include/linux/sched.h): it shows in /proc/PID/stat and in no header for programs.
#define PF_KTHREAD 0x00200000

// A field's size in the library's struct.
#define PathCapacity (sizeof(((struct sockaddr_un *)0)->sun_path))
