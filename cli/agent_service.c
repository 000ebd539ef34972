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

int agent_service_print(const cli_options *options, int argc, char **argv)
{
    char self[PATH_MAX], key[PATH_MAX] = "";
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    bool key_given = false;
    snprintf(self + (n > 0 ? n : 0), sizeof self - (size_t)(n > 0 ? n : 0), "%s",
             n > 0 ? "" : "/usr/bin/mqtt-e2e");
    fputs(head, stdout);
    if (options->run_as)
        printf("User=%s\n", options->run_as);
    else
        puts("DynamicUser=yes");
    /* The key is handed over by systemd, so that only root can read its file. */
    if (!options->secret && mqtt_e2e_config_path(key, sizeof key))
        key_given = true;
    if (options->secret && realpath(options->secret, key))
        key_given = true;
    if (key_given)
        printf("LoadCredential=key:%s\nEnvironment=MQTT_E2E_KEY_FILE=%%d/key\n", key);
    puts("Environment=HOME=%S/mqtt-e2e XDG_STATE_HOME=%S/mqtt-e2e");
    printf("ExecStart=%s agent", self);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--service") == 0)
            continue;
        if ((strcmp(argv[i], "-K") == 0 || strcmp(argv[i], "--secret") == 0 ||
             strcmp(argv[i], "--user") == 0) &&
            i + 1 < argc) {
            i++;
            continue;
        }
        put_word(argv[i]);
    }
    putchar('\n');
    fputs(tail, stdout);
    return CLI_OK;
}
