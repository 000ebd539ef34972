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
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct process {
    pid_t pid;
    FILE *to, *from;
    char line[64];
};

static char directory[4096];

static struct {
    pid_t pid;
    char port[8];
    char dir[64], config[96];
} broker;

/* ---- Programs ---- */

/* In the child: it ends with us, however we end. */
static void bind_to_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
}

process *process_start(const char *program, const char *role, const char *port, const char *topic,
                       const char *len, const char *qos)
{
    process *p = bench_alloc(sizeof *p);
    pid_t parent = getpid();
    char path[8192];
    int in[2], out[2];

    snprintf(path, sizeof path, "%s%s", directory, program);
    bench_check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
    p->pid = fork();
    bench_check(p->pid >= 0, "fork");
    if (p->pid == 0) {
        bind_to_parent(parent);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execl(path, program, role, port, topic, len, qos, (char *)NULL);
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

void process_tell(process *p, size_t number)
{
    fprintf(p->to, "%zu\n", number);
    bench_check(fflush(p->to) == 0, "writing to a program that was started");
}

const char *process_hear(process *p)
{
    bench_check(fgets(p->line, sizeof p->line, p->from) != NULL, "a program that was started");
    p->line[strcspn(p->line, "\n")] = '\0';
    return p->line;
}

void process_end(process *p)
{
    fclose(p->to);
    fclose(p->from);
    waitpid(p->pid, NULL, 0);
    free(p);
}

/* ---- The broker ---- */

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bench_check(bind(fd, (struct sockaddr *)&address, len) == 0 &&
                    getsockname(fd, (struct sockaddr *)&address, &len) == 0,
                "looking for a free port");
    close(fd);
    return ntohs(address.sin_port);
}

static bool answers(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return yes;
}

static void write_config(uint16_t port)
{
    FILE *file;

    snprintf(broker.config, sizeof broker.config, "%s/mosquitto.conf", broker.dir);
    file = fopen(broker.config, "w");
    bench_check(file != NULL, "writing the broker's configuration");
    /* No limit below what is sent at once, and what is in flight as in our client. */
    fprintf(file,
            "listener %u 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n"
            "max_queued_messages 0\nmax_inflight_messages 100\nlog_dest none\n",
            (unsigned)port);
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

void process_broker_start(const char *self)
{
    const char *slash = strrchr(self, '/');

    signal(SIGPIPE, SIG_IGN);
    if (slash != NULL)
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - self + 1), self);
    strcpy(broker.dir, "/tmp/mqtt-e2e-bench-XXXXXX");
    bench_check(mkdtemp(broker.dir) != NULL, "mkdtemp");
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
    unlink(broker.config);
    rmdir(broker.dir);
}
