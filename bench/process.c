/* SPDX-License-Identifier: MIT */
#include "process.h"
#include "measure.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct process {
    pid_t pid;
    FILE *to, *from;
    char program[64];
    char line[256];
};

static char directory[4096];

#define FILES_MAX 8

static struct {
    pid_t pid;
    char port[8];
    char dir[64];
    char files[FILES_MAX][128]; /* in it */
    size_t file_count;
    const char *settings, *config;
} broker;

/* ---- Programs ---- */

/* In the child: it ends with us, however we end. */
static void bind_to_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
}

process *process_start(unsigned processor, const char *const *words, int voice)
{
    process *p = bench_alloc(sizeof *p);
    pid_t parent = getpid();
    char path[8192];
    int in[2], out[2];

    snprintf(p->program, sizeof p->program, "%s", words[0]);
    snprintf(path, sizeof path, "%s%s", directory, words[0]);
    bench_check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
    p->pid = fork();
    bench_check(p->pid >= 0, "fork");
    if (p->pid == 0) {
        bind_to_parent(parent);
        bench_pin_to(processor);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], voice);
        execv(path, (char *const *)words);
        perror(path);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    p->to = fdopen(in[1], "w");
    p->from = fdopen(out[0], "r");
    bench_check(p->to != NULL && p->from != NULL, "fdopen");
    return p;
}

process *process_start_node(unsigned processor, const char *program, const char *role, const char *topic,
                            size_t len, int qos)
{
    char len_text[16], qos_text[16];
    const char *words[] = {program, role, broker.port, topic, len_text, qos_text, NULL};
    process *p;

    snprintf(len_text, sizeof len_text, "%zu", len);
    snprintf(qos_text, sizeof qos_text, "%d", qos);
    p = process_start(processor, words, STDOUT_FILENO);
    bench_check(strcmp(process_hear(p), "ready") == 0, program);
    return p;
}

void process_tell(process *p, size_t number)
{
    fprintf(p->to, "%zu\n", number);
    bench_check(fflush(p->to) == 0, "writing to a program that was started");
}

/* It said why on standard error, unless a signal ended it. */
static void died(const process *p)
{
    int status = 0;

    waitpid(p->pid, &status, 0);
    if (WIFSIGNALED(status))
        fprintf(stderr, "bench: %s was ended by signal %d\n", p->program, WTERMSIG(status));
    else
        fprintf(stderr, "bench: %s ended with status %d\n", p->program, WEXITSTATUS(status));
    exit(2);
}

const char *process_hear(process *p)
{
    if (fgets(p->line, sizeof p->line, p->from) == NULL)
        died(p);
    p->line[strcspn(p->line, "\n")] = '\0';
    return p->line;
}

void process_end(process *p)
{
    fclose(p->to);         /* a node ends so, */
    kill(p->pid, SIGTERM); /* and others by this */
    waitpid(p->pid, NULL, 0);
    fclose(p->from);
    free(p);
}

/* ---- The broker ---- */

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Below those that the kernel gives to connections, which else could have it by the time that the broker wants it. */
static uint16_t free_port(void)
{
    for (int i = 0; i < 100; i++) {
        struct sockaddr_in address;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        uint16_t random;
        bool mine;

        bench_check(getrandom(&random, sizeof random, 0) == sizeof random, "getrandom");
        random = (uint16_t)(10000 + random % 22000);
        address = loopback(random);
        mine = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
        if (mine)
            return random;
    }
    bench_check(false, "looking for a free port");
    return 0;
}

static bool answers(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return yes;
}

const char *process_file(const char *name)
{
    char *path = broker.files[broker.file_count];

    bench_check(broker.file_count++ < FILES_MAX, "so many files");
    snprintf(path, sizeof broker.files[0], "%s/%s", broker.dir, name);
    return path;
}

static void write_config(uint16_t port)
{
    FILE *file = fopen(broker.config, "w");

    bench_check(file != NULL, "writing the broker's configuration");
    fprintf(file, "listener %u 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n%s",
            (unsigned)port, broker.settings);
    fclose(file);
}

static bool try_start(void)
{
    pid_t parent = getpid();
    uint16_t port = free_port();

    write_config(port);
    snprintf(broker.port, sizeof broker.port, "%u", (unsigned)port);
    broker.pid = fork();
    bench_check(broker.pid >= 0, "fork");
    if (broker.pid == 0) {
        bind_to_parent(parent);
        bench_pin_to(0);
        execlp("mosquitto", "mosquitto", "-c", broker.config, (char *)NULL);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", broker.config, (char *)NULL);
        perror("mosquitto");
        _exit(127);
    }
    for (int i = 0; i < 500; i++) {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        if (waitpid(broker.pid, NULL, WNOHANG) != 0)
            return false;
        if (answers(port))
            return true;
    }
    return false;
}

static void remove_files(void)
{
    for (size_t i = 0; i < broker.file_count; i++)
        unlink(broker.files[i]);
    broker.file_count = 0;
    rmdir(broker.dir);
}

/* The children go with us. */
static void interrupted(int signal)
{
    remove_files();
    _exit(128 + signal);
}

void process_broker_start(const char *self, const char *settings)
{
    const char *slash = strrchr(self, '/');

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, interrupted);
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
    if (slash != NULL)
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - self + 1), self);
    strcpy(broker.dir, "/tmp/mqtt-e2e-bench-XXXXXX");
    bench_check(mkdtemp(broker.dir) != NULL, "mkdtemp");
    broker.config = process_file("mosquitto.conf");
    broker.settings = settings;
    atexit(process_broker_end);
    bench_check(try_start() || try_start() || try_start(), "starting mosquitto");
}

const char *process_broker_port(void)
{
    return broker.port;
}

void process_broker_end(void)
{
    if (broker.pid > 0) {
        kill(broker.pid, SIGTERM);
        waitpid(broker.pid, NULL, 0);
        broker.pid = 0;
    }
    remove_files();
}
