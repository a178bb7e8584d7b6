// A faulting process for tests. It reads one command a line on its input and answers one line on its output:
//
//     ok [VALUE...]                 it worked
//     error NUMBER NAME [TEXT]      it did not: the errno and its name
//
// It ends with its input, so that none outlives the test that started it. Numbers are decimal, or hexadecimal with 0x.
// Offsets count from the start of the selected region. Text for sockets is given in hexadecimal, two digits a byte.
//
//     memory    map LENGTH anon|shmem|memfd|hugetlb [private|shared]    -> INDEX ADDRESS LENGTH; selects it
//               select INDEX | base                                     -> ADDRESS LENGTH
//               touch OFFSET                                            -> VALUE, or sigbus, or sigsegv
//               touchmany THREADS OFFSET...                             -> the values of all threads together: THREADS at once
//               write OFFSET VALUE                                      -> VALUE, or sigbus, or sigsegv
//               fill OFFSET LENGTH VALUE | hash OFFSET LENGTH           -> (FNV-1a, 64 bits) | dump OFFSET LENGTH -> hex
//               madvise ADVICE OFFSET LENGTH | dontneed OFFSET LENGTH | remove OFFSET LENGTH
//               munmap OFFSET LENGTH | mremap OFFSET LENGTH             -> the new address; a whole region follows the move
//               sysread OFFSET LENGTH                                   -> bytes that read(2) of /dev/zero stored there
//               roam THREADS COUNT SEED SALT   (each reads COUNT words at random) -> how many differ from the pattern of SALT
//               place LENGTH -> ADDRESS | remap FROM OLDLENGTH NEWLENGTH [TO] (addresses) -> where it is now
//     kernel    area LENGTH [thp-]anon|[thp-]shmem|shmem-private|hugetlb|hugetlb-private    as map; aligned to 2 MiB
//               pin OFFSET LENGTH | unpin (an io_uring buffer) | pinread OFFSET LENGTH -> LENGTH, the first byte (process_vm_readv)
//               punch OFFSET LENGTH (of the region's memfd) | pageout OFFSET LENGTH
//               churn THREADS COUNT SEED PAGESIZE (each writes COUNT times a word of its own in a page at random)
//     sharing   mapfile PATH LENGTH private|shared [OFFSET]             as map, of a file: /proc/PID/fd/N for another's memfd
//               recvfd -> DESCRIPTOR (or -1) HEX, what came over the socket
//               tamper PATH write|shrink|grow|punch|map|seal            tries to change the file
//     stress    lockinit REGION PAGESIZE | lockverify REGION PAGESIZE -> how many pages are wrong
//               lock REGION PAGESIZE THREADS VISITS SEED APART  (each thread locks a page, counts in it, and unlocks it, VISITS times)
//     uffd      uffd FEATURES|none [useronly]                           -> FEATURES IOCTLS; with none: no handshake
//               register MODE [OFFSET LENGTH]                           -> IOCTLS | unregister [OFFSET LENGTH] | closeuffd
//     socket    connect PATH | sendtext HEX | sendfd WHAT... | sendboth HEX WHAT... | recv LENGTH -> HEX, or eof
//               send PATH TEXT  (connects, sends the text and the uffd in one message, leaves the connection open)
//               shutdown | closesock               WHAT: uffd, null (/dev/null) or memfd (of the selected region)
//     threads   async ID COMMAND... | join ID -> its answer | done ID -> 1 or 0
//               interrupt ID (a signal that its thread handles and goes on)
//     process   fork -> PID; the child obeys what follows `child` | child COMMAND... | waitchild -> exit N, or signal N
//               pid | descriptors -> how many are open | exit | crash (SIGKILL)
//               reexec (the same program anew, with nothing of its memory)
#include "target.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct target target = { .uffd = -1, .socket = -1 };

static handler command_pid, command_exit, command_crash;

static const struct {
    const char *name;
    handler *run;
} commands[] = {
    { "map", command_map },
    { "select", command_select },
    { "base", command_base },
    { "touch", command_touch },
    { "touchmany", command_touchmany },
    { "write", command_write },
    { "fill", command_fill },
    { "hash", command_hash },
    { "dump", command_dump },
    { "madvise", command_madvise },
    { "dontneed", command_dontneed },
    { "remove", command_remove },
    { "munmap", command_munmap },
    { "mremap", command_mremap },
    { "sysread", command_sysread },
    { "descriptors", command_descriptors },
    { "roam", command_roam },
    { "place", command_place },
    { "remap", command_remap },
    { "reexec", command_reexec },
    { "area", command_area },
    { "pin", command_pin },
    { "unpin", command_unpin },
    { "pinread", command_pinread },
    { "punch", command_punch },
    { "pageout", command_pageout },
    { "churn", command_churn },
    { "mapfile", command_mapfile },
    { "recvfd", command_recvfd },
    { "tamper", command_tamper },
    { "lockinit", command_lockinit },
    { "lock", command_lock },
    { "lockverify", command_lockverify },
    { "uffd", command_uffd },
    { "register", command_register },
    { "unregister", command_unregister },
    { "closeuffd", command_closeuffd },
    { "connect", command_connect },
    { "send", command_send },
    { "sendtext", command_sendtext },
    { "sendfd", command_sendfd },
    { "sendboth", command_sendboth },
    { "recv", command_recv },
    { "shutdown", command_shutdown },
    { "closesock", command_closesock },
    { "async", command_async },
    { "join", command_join },
    { "done", command_done },
    { "interrupt", command_interrupt },
    { "fork", command_fork },
    { "child", command_child },
    { "waitchild", command_waitchild },
    { "pid", command_pid },
    { "exit", command_exit },
    { "crash", command_crash },
};

void reply_done(char *reply)
{
    strcpy(reply, "ok");
}

void reply_ok(char *reply, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int prefix = snprintf(reply, MAX_REPLY, "ok ");
    vsnprintf(reply + prefix, (size_t)(MAX_REPLY - prefix), format, arguments);
    va_end(arguments);
}

void reply_errno(char *reply, int number)
{
    const char *name = strerrorname_np(number);
    snprintf(reply, MAX_REPLY, "error %d %s", number, name != NULL ? name : "unknown");
}

void reply_usage(char *reply, const char *usage)
{
    snprintf(reply, MAX_REPLY, "error %d EINVAL usage: %s", EINVAL, usage);
}

const char *text_after(const char *line, int words)
{
    for (; words > 0; words--) {
        line += strcspn(line, " ");
        line += strspn(line, " ");
    }

    return line;
}

bool parse_number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0';
}

bool parse_hex(const char *text, uint8_t *bytes, size_t capacity, size_t *length)
{
    size_t digits = strlen(text);
    *length = digits / 2;
    if (digits % 2 != 0 || *length > capacity) {
        return false;
    }

    for (size_t index = 0; index < *length; index++) {
        unsigned value;
        if (sscanf(text + 2 * index, "%2x", &value) != 1) {
            return false;
        }

        bytes[index] = (uint8_t)value;
    }

    return true;
}

void format_hex(const uint8_t *bytes, size_t length, char *text)
{
    for (size_t index = 0; index < length; index++) {
        sprintf(text + 2 * index, "%02x", bytes[index]);
    }

    text[2 * length] = '\0';
}

void execute(char *line, char *reply)
{
    struct command command = { .line = strdup(line) };
    char *rest = line;
    for (char *word; (word = strsep(&rest, " ")) != NULL && command.count < MAX_WORDS;) {
        if (*word != '\0') {
            command.words[command.count++] = word;
        }
    }

    snprintf(reply, MAX_REPLY, "error %d ENOSYS unknown command", ENOSYS);
    for (size_t index = 0; command.count > 0 && index < sizeof commands / sizeof commands[0]; index++) {
        if (strcmp(commands[index].name, command.words[0]) == 0) {
            commands[index].run(&command, reply);
        }
    }

    free(command.line);
}

void serve(int in, int out)
{
    FILE *input = fdopen(in, "r");
    char *line = NULL;
    size_t capacity = 0;
    static char reply[MAX_REPLY];
    while (input != NULL && getline(&line, &capacity, input) > 0) {
        line[strcspn(line, "\n")] = '\0';
        bool last = strcmp(line, "exit") == 0;
        execute(line, reply);
        dprintf(out, "%s\n", reply);
        if (last) {
            break;
        }
    }

    _exit(0);
}

static void command_pid(const struct command *command, char *reply)
{
    (void)command;
    reply_ok(reply, "%d", (int)getpid());
}

static void command_exit(const struct command *command, char *reply)
{
    (void)command;
    reply_done(reply); // serve() ends the process once the answer is out
}

static void command_crash(const struct command *command, char *reply)
{
    (void)command;
    (void)reply;
    kill(getpid(), SIGKILL);
}

static void on_interrupt(int signal)
{
    (void)signal;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, on_interrupt);
    install_fault_handlers();
    exit_with_parent(STDIN_FILENO);
    serve(STDIN_FILENO, STDOUT_FILENO);
}
