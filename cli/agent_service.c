/* SPDX-License-Identifier: MIT */
/* A systemd unit for an agent. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

static const char head[] = "[Unit]\n"
                           "Description=mqtt-e2e agent: commands over sealed MQTT\n"
                           "Documentation=man:mqtt-e2e-agent(1)\n"
                           "Wants=network-online.target\n"
                           "After=network-online.target\n"
                           "\n"
                           "[Service]\n"
                           "Type=notify\n"
                           "WatchdogSec=60\n"
                           "Restart=always\n"
                           "RestartSec=5\n";

/* Commands get what the agent has. What one of them needs beyond this is to be allowed here, knowingly. */
static const char tail[] = "StateDirectory=mqtt-e2e\n"
                           "StateDirectoryMode=0700\n"
                           "UMask=0077\n"
                           "NoNewPrivileges=yes\n"
                           "CapabilityBoundingSet=\n"
                           "AmbientCapabilities=\n"
                           "ProtectSystem=strict\n"
                           "ProtectHome=yes\n"
                           "PrivateTmp=yes\n"
                           "PrivateDevices=yes\n"
                           "PrivateUsers=yes\n"
                           "ProtectClock=yes\n"
                           "ProtectHostname=yes\n"
                           "ProtectKernelLogs=yes\n"
                           "ProtectKernelModules=yes\n"
                           "ProtectKernelTunables=yes\n"
                           "ProtectControlGroups=yes\n"
                           "ProtectProc=invisible\n"
                           "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK\n"
                           "RestrictNamespaces=yes\n"
                           "RestrictRealtime=yes\n"
                           "RestrictSUIDSGID=yes\n"
                           "RemoveIPC=yes\n"
                           "LockPersonality=yes\n"
                           "SystemCallArchitectures=native\n"
                           "SystemCallFilter=@system-service\n"
                           "SystemCallFilter=~@privileged @resources\n"
                           "SystemCallFilter=setrlimit prlimit64\n"
                           "SystemCallErrorNumber=EPERM\n"
                           "TasksMax=256\n"
                           "MemoryMax=2G\n"
                           "\n"
                           "[Install]\n"
                           "WantedBy=multi-user.target\n";

/* One word of ExecStart, quoted as systemd.service(5) and systemd.unit(5) want it. */
static void put_word(const char *word)
{
    fputs(" \"", stdout);
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            putchar('\\');
        else if (*word == '%' || *word == '$')
            putchar(*word);
        if ((unsigned char)*word < 0x20 || *word == 0x7F)
            printf("\\x%02x", (unsigned)*word);
        else
            putchar(*word);
    }
    putchar('"');
}

/* A path in a setting, in which `%` starts something. */
static void put_path(const char *path)
{
    for (; *path; path++) {
        if (*path == '%')
            putchar('%');
        putchar(*path);
    }
}

/* How many arguments from this one on are an option that the unit has in its own way. */
static int own_option(char *const *argv)
{
    static const char *const names[] = {"--secret", "--user", "-K"};
    if (strcmp(argv[0], "--service") == 0)
        return 1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(argv[0], names[i], len) != 0)
            continue;
        if (argv[0][len] == '\0')
            return argv[1] ? 2 : 1;
        if (argv[0][len] == '=' || len == 2)
            return 1;
    }
    return 0;
}

static void put_command(char *const *argv)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    fputs("ExecStart=", stdout);
    put_word(n > 0 ? self : "/usr/bin/mqtt-e2e");
    fputs(" agent", stdout);
    while (*++argv) {
        int skipped = own_option(argv);
        if (skipped)
            argv += skipped - 1;
        else
            put_word(*argv);
    }
    putchar('\n');
}

int agent_service_print(const cli_options *options, char *const *argv)
{
    char key[PATH_MAX] = "", path[PATH_MAX];
    if (options->secret ? !realpath(options->secret, key)
                        : !mqtt_e2e_config_path(path, sizeof path) || !realpath(path, key))
        return cli_usage_error("agent", "--service needs a key file that has a path: give one with -K");
    fputs(head, stdout);
    if (options->run_as)
        printf("User=%s\n", options->run_as);
    else
        puts("DynamicUser=yes");
    /* The key is handed over by systemd, so that only root need be able to read its file. */
    fputs("LoadCredential=key:", stdout);
    put_path(key);
    puts("\nEnvironment=MQTT_E2E_KEY_FILE=%d/key");
    puts("Environment=HOME=%S/mqtt-e2e XDG_STATE_HOME=%S/mqtt-e2e");
    put_command(argv);
    fputs(tail, stdout);
    return CLI_OK;
}
