/* SPDX-License-Identifier: MIT */
/* The process of a command: a session and process group of its own, no descriptor of ours, a short environment, limits. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

enum { ENV_MAX = 24, REPORT = 3 };

/* ---- In the child -------------------------------------------------------------------------------- */

static void add(char **env, size_t *count, const char *name, const char *value)
{
    char *text;
    if (value && *count < ENV_MAX && asprintf(&text, "%s=%s", name, value) >= 0)
        env[(*count)++] = text;
}

/* What programs need to find their way, and nothing else of ours: no path to the key, no token of who started us. */
static void make_environment(const agent_state *agent, const agent_job *job, char **env)
{
    static const char *const kept[] = {"HOME", "USER",   "LOGNAME",  "TMPDIR",      "TZ",
                                       "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "XDG_RUNTIME_DIR"};
    char stream[2 * MQTT_E2E_STREAM_ID_SIZE + 1], packet[16];
    const char *path = getenv("PATH");
    size_t count = 0;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        add(env, &count, kept[i], getenv(kept[i]));
    cli_hex(job->command.stream, sizeof job->command.stream, stream);
    snprintf(packet, sizeof packet, "%lu", (unsigned long)job->command.counter);
    add(env, &count, "PATH", path ? path : "/usr/local/bin:/usr/bin:/bin");
    add(env, &count, "MQTT_E2E_AGENT_NAME", agent->name);
    add(env, &count, "MQTT_E2E_AGENT_COMMAND", job->name);
    add(env, &count, "MQTT_E2E_AGENT_STREAM", stream);
    add(env, &count, "MQTT_E2E_AGENT_PACKET", packet);
    env[count] = NULL;
}

static void default_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_limits(const agent_state *agent)
{
    struct rlimit data = agent->data;
    rlim_t wanted = (rlim_t)agent->run.options->memory_limit << 20;
    if (wanted < data.rlim_max)
        data.rlim_max = wanted;
    if (wanted < data.rlim_cur)
        data.rlim_cur = wanted;
    setrlimit(RLIMIT_DATA, &data);
}

/* Puts the four where they belong, none over another that is still to be moved. */
static bool place_descriptors(const int from[4])
{
    int high[4];
    for (int i = 0; i < 4; i++)
        if ((high[i] = fcntl(from[i], F_DUPFD, 10)) < 0)
            return false;
    for (int i = 0; i < 4; i++)
        if (dup2(high[i], i) < 0)
            return false;
    closefrom(REPORT + 1);
    return fcntl(REPORT, F_SETFD, FD_CLOEXEC) == 0;
}

static _Noreturn void become(const agent_state *agent, const agent_job *job, const char *path,
                             const char **words, const int from[4], pid_t parent)
{
    char *env[ENV_MAX + 1];
    char *argv[AGENT_WORDS_MAX + 1];
    size_t i;
    int failure;
    for (i = 0; i < AGENT_WORDS_MAX && words[i]; i++)
        argv[i] = strdup(words[i]);
    argv[i] = NULL;
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it has ended already */
        _exit(127);
    umask(077);
    default_signals();
    make_environment(agent, job, env);
    if (place_descriptors(from)) {
        set_limits(agent);
        execve(path, argv, env);
    }
    failure = errno;
    (void)!write(REPORT, &failure, sizeof failure);
    _exit(127);
}

/* ---- In the parent ------------------------------------------------------------------------------- */

static void close_all(int *fds, size_t count)
{
    int before = errno;
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    errno = before;
}

/* 0, or the errno of a program that could not be run: the pipe closes by itself once it runs. */
static int wait_for_exec(int report)
{
    int failure = 0;
    ssize_t n;
    do
        n = read(report, &failure, sizeof failure);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof failure ? failure : 0;
}

/* Takes over our ends; the pipes' others are the child's. */
static int adopt(agent_job *job, pid_t pid, const int pipes[8])
{
    job->pid = pid;
    job->process = (int)syscall(SYS_pidfd_open, pid, 0);
    job->in = pipes[1];
    job->out = pipes[2];
    job->err = pipes[4];
    if (job->process < 0)
        return errno;
    fcntl(job->process, F_SETFD, FD_CLOEXEC);
    for (int i = 0; i < 3; i++) {
        int fd = i == 0 ? job->in : i == 1 ? job->out : job->err;
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    return 0;
}

int agent_child_start(const agent_state *agent, agent_job *job, const char *path, const char **words)
{
    int pipes[8] = {-1, -1, -1, -1, -1, -1, -1, -1}; /* input, output, error output, report: reader, writer */
    for (int i = 0; i < 8; i += 2)
        if (pipe2(pipes + i, O_CLOEXEC) != 0) {
            int failure = errno;
            close_all(pipes, 8);
            return failure;
        }
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(agent, job, path, words, (const int[]){pipes[0], pipes[3], pipes[5], pipes[7]}, parent);
    int failure = pid < 0 ? errno : 0;
    close_all((int[]){pipes[0], pipes[3], pipes[5], pipes[7]}, 4);
    if (!failure)
        failure = wait_for_exec(pipes[6]);
    close(pipes[6]);
    if (!failure)
        failure = adopt(job, pid, pipes);
    if (!failure)
        return 0;
    close_all((int[]){pipes[1], pipes[2], pipes[4]}, 3);
    job->in = job->out = job->err = -1;
    job->pid = 0;
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return failure;
}

void agent_child_signal(const agent_job *job, int number)
{
    if (job->pid > 0 && kill(-job->pid, number) != 0)
        kill(job->pid, number); /* it has not made its group yet, or changed it */
}

void agent_child_reap(agent_job *job)
{
    siginfo_t info = {0};
    int status;
    /* It is left unreaped until its group is gone: nobody else can have that number meanwhile. */
    if (job->pid == 0 || waitid(P_PID, (id_t)job->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return;
    kill(-job->pid, SIGKILL);
    if (waitpid(job->pid, &status, 0) != job->pid)
        return;
    job->pid = 0;
    close(job->process);
    job->process = -1;
    if (job->stopping)
        return;
    job->end.how = WIFSIGNALED(status) ? MQTT_E2E_KILLED : MQTT_E2E_EXITED;
    job->end.code = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}
