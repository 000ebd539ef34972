/* SPDX-License-Identifier: MIT */
#include "broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmocka_all.h"

#define START_MS 10000

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static bool can_bind(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return yes;
}

/* Below those that the kernel gives to connections, which else could have it by the time that a broker wants it. */
uint16_t test_free_port(void)
{
    uint16_t random;

    for (int i = 0; i < 100; i++) {
        assert_int_equal(getrandom(&random, sizeof random, 0), sizeof random);
        random = (uint16_t)(10000 + random % 22000);
        if (can_bind(random))
            return random;
    }
    fail_msg("no free port");
    return 0;
}

void test_broker_init(test_broker *b)
{
    memset(b, 0, sizeof *b);
    strcpy(b->dir, "/tmp/mqtt-e2e-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->port = test_free_port();
}

const char *test_broker_file(const test_broker *b, const char *name, const char *text)
{
    static char paths[2][256];
    static int which;
    char *path = paths[which ^= 1];
    FILE *file;

    snprintf(path, sizeof paths[0], "%s/%s", b->dir, name);
    if (text == NULL)
        return path;
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

void test_broker_configure(test_broker *b, const char *format, ...)
{
    size_t len = strlen(b->config);
    va_list args;

    va_start(args, format);
    vsnprintf(b->config + len, sizeof b->config - len, format, args);
    va_end(args);
}

static bool accepts(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return yes;
}

/* In the child. */
static void run_mosquitto(const test_broker *b, const char *config)
{
    const char *path = getenv("PATH");
    char longer[4096];

    snprintf(longer, sizeof longer, "%s/output", b->dir);
    if (freopen(longer, "a", stdout) == NULL || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it goes with the test, however that ends */
    snprintf(longer, sizeof longer, "%s:/usr/local/sbin:/usr/sbin", path != NULL ? path : "/usr/bin");
    setenv("PATH", longer, 1);
    execlp("mosquitto", "mosquitto", "-c", config, (char *)NULL);
    perror("mosquitto can't be run");
}

static const char *write_config(const test_broker *b)
{
    const char *anyone = strstr(b->config, "allow_anonymous") == NULL ? "allow_anonymous true\n" : "";
    const char *user =
        geteuid() == 0 ? "user root\n" : ""; /* else it would become one who sees no file here */
    char config[8192];

    snprintf(
        config, sizeof config,
        "listener %u 127.0.0.1\n"
        "set_tcp_nodelay true\n"
        "persistence false\n"
        "max_inflight_messages 0\n" /* no limit: 2.0.11 can forget what it queues behind one, until a reconnect */
        "max_queued_messages 0\n"
        "log_dest file %s/log\n"
        "%s%s%s",
        (unsigned)b->port, b->dir, anyone, user, b->config);
    return test_broker_file(b, "mosquitto.conf", config);
}

/* Whether it came up; it does not while somebody else has the port. */
static bool try_start(test_broker *b)
{
    const char *config = write_config(b);

    b->pid = fork();
    assert_true(b->pid >= 0);
    if (b->pid == 0) {
        run_mosquitto(b, config);
        _exit(127);
    }
    for (int waited = 0; waited < START_MS; waited += 20) {
        bool answers = accepts(b->port);

        sleep_ms(20);
        if (waitpid(b->pid, NULL, WNOHANG) != 0)
            return false;
        if (answers)
            return true;
    }
    test_broker_stop(b);
    return false;
}

void test_broker_start(test_broker *b)
{
    for (int attempt = 0; attempt < 5; attempt++) {
        if (try_start(b))
            return;
        sleep_ms(200);
    }
    fail_msg("mosquitto does not start; see %s", b->dir);
}

static void end_by(test_broker *b, int signal)
{
    if (b->pid == 0)
        return;
    kill(b->pid, signal);
    assert_int_equal(waitpid(b->pid, NULL, 0), b->pid);
    b->pid = 0;
}

void test_broker_stop(test_broker *b)
{
    end_by(b, SIGTERM);
}

void test_broker_kill(test_broker *b)
{
    end_by(b, SIGKILL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_broker_free(test_broker *b)
{
    test_broker_stop(b);
    nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void test_run(const test_broker *b, const char *command)
{
    char line[4096];

    snprintf(line, sizeof line, "cd %s && { %s; } >output 2>&1 || { cat output >&2; false; }", b->dir,
             command);
    assert_int_equal(system(line), 0);
}
