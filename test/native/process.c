// Commands that run beside the command loop: in threads, and in a forked child.
#include "target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_JOBS = 128, MAX_ID = 32 };

struct job {
    char id[MAX_ID]; // empty: free
    pthread_t thread;
    char *line;
    char *reply;
    bool done; // atomic
};

// Only the command loop looks at the table, so it needs no lock; a job is seen by its thread too.
static struct job jobs[MAX_JOBS];

static struct {
    pid_t pid; // or 0
    int descriptor;
    FILE *replies;
} child;

static struct job *find_job(const char *id)
{
    for (int index = 0; index < MAX_JOBS; index++) {
        if (strcmp(jobs[index].id, id) == 0) {
            return &jobs[index];
        }
    }

    return NULL;
}

static void *run_job(void *argument)
{
    struct job *job = argument;
    execute(job->line, job->reply);
    __atomic_store_n(&job->done, true, __ATOMIC_RELEASE);
    return NULL;
}

void command_async(const struct command *command, char *reply)
{
    struct job *job = find_job("");
    if (command->count < 3 || strlen(command->words[1]) >= MAX_ID || job == NULL || find_job(command->words[1]) != NULL) {
        reply_usage(reply, "async ID COMMAND... (an id that is not in use)");
        return;
    }

    job->line = strdup(text_after(command->line, 2));
    job->reply = calloc(1, MAX_REPLY);
    job->done = false;
    int number = pthread_create(&job->thread, NULL, run_job, job);
    if (number != 0) {
        reply_errno(reply, number);
        return;
    }

    strcpy(job->id, command->words[1]);
    reply_done(reply);
}

void command_join(const struct command *command, char *reply)
{
    struct job *job = command->count == 2 ? find_job(command->words[1]) : NULL;
    if (job == NULL) {
        reply_usage(reply, "join ID");
        return;
    }

    pthread_join(job->thread, NULL);
    strcpy(reply, job->reply);
    free(job->line);
    free(job->reply);
    *job = (struct job){ 0 };
}

void command_done(const struct command *command, char *reply)
{
    struct job *job = command->count == 2 ? find_job(command->words[1]) : NULL;
    if (job == NULL) {
        reply_usage(reply, "done ID");
        return;
    }

    reply_ok(reply, "%d", __atomic_load_n(&job->done, __ATOMIC_ACQUIRE));
}

void command_interrupt(const struct command *command, char *reply)
{
    struct job *job = command->count == 2 ? find_job(command->words[1]) : NULL;
    if (job == NULL) {
        reply_usage(reply, "interrupt ID");
        return;
    }

    int number = pthread_kill(job->thread, SIGUSR1);
    if (number != 0) {
        reply_errno(reply, number);
    } else {
        reply_done(reply);
    }
}

void forget_jobs_and_child(void)
{
    memset(jobs, 0, sizeof jobs); // their threads stayed in the parent
    if (child.pid != 0) {
        fclose(child.replies);
        child.pid = 0;
    }
}

// May run as a job: with EVENT_FORK it returns only once somebody has read the event. Until then fork() would hold the
// locks of malloc and stdio, which the command loop needs; _Fork() takes none. The child goes on in the job's thread, whose
// heap is its own.
void command_fork(const struct command *command, char *reply)
{
    (void)command;
    int pair[2];
    if (child.pid != 0) {
        reply_errno(reply, EBUSY);
        return;
    }

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        reply_errno(reply, errno);
        return;
    }

    pid_t pid = _Fork();
    if (pid == 0) {
        // Copies of the parent's input and output would keep others waiting for their end.
        close(pair[0]);
        int nothing = open("/dev/null", O_RDWR); // in their place, so that a grandchild's sockets do not land there
        dup2(nothing, STDIN_FILENO);
        dup2(nothing, STDOUT_FILENO);
        close(nothing);
        forget_jobs_and_child();
        exit_with_parent(pair[1]);
        serve(pair[1], pair[1]);
    }

    close(pair[1]);
    if (pid < 0) {
        reply_errno(reply, errno);
        close(pair[0]);
        return;
    }

    child.descriptor = pair[0];
    child.replies = fdopen(pair[0], "r");
    child.pid = pid;
    reply_ok(reply, "%d", (int)pid);
}

void command_child(const struct command *command, char *reply)
{
    if (child.pid == 0 || command->count < 2) {
        reply_errno(reply, ECHILD);
        return;
    }

    dprintf(child.descriptor, "%s\n", text_after(command->line, 1));
    if (fgets(reply, MAX_REPLY, child.replies) == NULL) {
        reply_errno(reply, EPIPE);
        return;
    }

    reply[strcspn(reply, "\n")] = '\0';
}

void command_waitchild(const struct command *command, char *reply)
{
    (void)command;
    int status;
    if (child.pid == 0 || waitpid(child.pid, &status, 0) != child.pid) {
        reply_errno(reply, ECHILD);
        return;
    }

    fclose(child.replies);
    child.pid = 0;
    if (WIFSIGNALED(status)) {
        reply_ok(reply, "signal %d", WTERMSIG(status));
    } else {
        reply_ok(reply, "exit %d", WEXITSTATUS(status));
    }
}

void command_descriptors(const struct command *command, char *reply)
{
    (void)command;
    int count = -1; // the directory's own
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
    }

    if (directory != NULL) {
        closedir(directory);
    }

    reply_ok(reply, "%d", count);
}

static void *watch_parent(void *argument)
{
    struct pollfd input = { .fd = (int)(intptr_t)argument }; // the end is told unasked
    while (poll(&input, 1, -1) < 0 && errno == EINTR) {
    }

    _exit(0);
}

// The command loop may be stuck in a page fault, which only the end of the whole process can end.
void exit_with_parent(int in)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch_parent, (void *)(intptr_t)in) != 0) {
        abort();
    }

    pthread_detach(thread);
}
