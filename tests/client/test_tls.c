/* SPDX-License-Identifier: MIT */
/* TLS: who is believed to be the broker, and who is not. */
#include "node.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static test_broker broker;
static test_node a, b;
static char ca[256], path[256];

/* A CA, a certificate of it for the name `localhost`, and one for us. */
static const char make_certificates[] =
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test-ca"
    " -keyout ca.key -out ca.pem && "
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -keyout server.key"
    " -out server.csr && "
    "printf 'subjectAltName=DNS:localhost\\n' >san && "
    "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -extfile san -out server.pem && "
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=client -keyout client.key"
    " -out client.csr && "
    "openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -days 2 -out client.pem && "
    "openssl ec -in client.key -aes128 -passout pass:x -out locked.key";

static const char *in_dir(const char *name)
{
    snprintf(path, sizeof path, "%s", test_broker_file(&broker, name, NULL));
    return path;
}

static int set_up(void **state)
{
    (void)state;
    test_broker_init(&broker);
    test_run(&broker, make_certificates);
    test_broker_configure(&broker, "certfile %s\n", in_dir("server.pem"));
    test_broker_configure(&broker, "keyfile %s\n", in_dir("server.key"));
    snprintf(ca, sizeof ca, "%s", in_dir("ca.pem"));
    for (int i = 0; i < 2; i++) {
        test_node *node = i == 0 ? &a : &b;

        test_node_init(node, broker.port);
        strcpy(node->hosts[0].name, "localhost");
        node->options.tls = true;
        node->options.ca_file = ca;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_node_free(&a);
    test_node_free(&b);
    test_broker_free(&broker);
    return 0;
}

static void start_node(test_node *node)
{
    test_node_start(node);
    RUN_UNTIL(mqtt_e2e_client_connected(node->client));
}

/* Goal: messages of all sizes over TLS, and again after the broker came back. */
static void test_messages(void **state)
{
    static char large[300000];

    (void)state;
    test_broker_start(&broker);
    start_node(&a);
    start_node(&b);
    test_node_subscribe(&b, "#", 2);
    for (int round = 1; round <= 2; round++) {
        for (int qos = 0; qos <= 2; qos++)
            assert_true(mqtt_e2e_client_publish(a.client, "a", large, sizeof large, qos, false, NULL, NULL));
        for (int i = 0; i < 97; i++)
            test_node_publish(&a, "a", "x", i % 3, false);
        RUN_UNTIL(b.count == 100 * (unsigned)round && a.published == 100 * (unsigned)round);
        if (round == 2)
            break;
        test_broker_stop(&broker);
        RUN_UNTIL(!mqtt_e2e_client_connected(a.client) && !mqtt_e2e_client_connected(b.client));
        test_broker_start(&broker);
        RUN_UNTIL(mqtt_e2e_client_connected(a.client) && b.granted == 2);
    }
}

static void expect_refused(const char *words)
{
    test_node_start(&a);
    RUN_UNTIL(a.failed >= 1);
    assert_non_null(strstr(a.why, "the server's certificate was refused: "));
    assert_non_null(strstr(a.why, words));
    RUN_UNTIL(a.failed >= 3);
    assert_int_equal(a.connected, 0);
}

/* Goal: a certificate for another name is refused, for an address too, unless told not to look. */
static void test_wrong_host(void **state)
{
    (void)state;
    test_broker_start(&broker);
    strcpy(a.hosts[0].name, "127.0.0.1");
    expect_refused("IP address mismatch");
    test_node_free(&a);
    a.options.insecure = true;
    start_node(&a);
}

static void test_wrong_name(void **state)
{
    (void)state;
    test_run(&broker, "printf 'subjectAltName=DNS:elsewhere.example,DNS:*.localhost,DNS:local*\\n' >san && "
                      "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -extfile san"
                      " -out server.pem");
    test_broker_start(&broker);
    expect_refused("hostname mismatch");
}

/* Goal: a CA that we do not trust, also where the host name is not looked at; and a certificate that has ended. */
static void test_unknown_ca(void **state)
{
    (void)state;
    test_broker_start(&broker);
    a.options.ca_file = NULL; /* the system's */
    a.options.insecure = true;
    expect_refused("certificate");
}

static void test_expired(void **state)
{
    (void)state;
    test_run(&broker, "printf 'subjectAltName=DNS:localhost\\n' >san && "
                      "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days -1 -extfile san"
                      " -out server.pem");
    test_broker_start(&broker);
    expect_refused("expired");
}

/* Goal: a certificate of our own, where the broker asks for one; without it there is no connection, and no spinning. */
static void test_own_certificate(void **state)
{
    char cert[256], key[256];

    (void)state;
    test_broker_configure(&broker, "cafile %s\nrequire_certificate true\n", ca);
    test_broker_start(&broker);
    test_node_start(&b);
    RUN_UNTIL(b.failed >= 2);
    assert_true(b.why[0] != '\0');
    assert_int_equal(b.connected, 0);
    snprintf(cert, sizeof cert, "%s", in_dir("client.pem"));
    snprintf(key, sizeof key, "%s", in_dir("client.key"));
    a.options.cert_file = cert;
    a.options.tls_key_file = key;
    start_node(&a);
}

/* Goal: files that can't be used are an error at once, which names them; nobody is asked for a passphrase. */
static void test_bad_files(void **state)
{
    mqtt_e2e_error error;
    char cert[256];

    (void)state;
    snprintf(cert, sizeof cert, "%s", in_dir("client.pem"));
    a.options.ca_file = "/nonexistent/ca.pem";
    assert_null(mqtt_e2e_client_new(&a.options, &error));
    assert_non_null(strstr(error.text, "/nonexistent/ca.pem"));
    a.options.ca_file = ca;
    a.options.cert_file = cert;
    assert_null(mqtt_e2e_client_new(&a.options, &error));
    assert_non_null(strstr(error.text, "together"));
    a.options.tls_key_file = in_dir("locked.key");
    assert_null(mqtt_e2e_client_new(&a.options, &error));
    assert_non_null(strstr(error.text, "locked.key"));
    a.options.tls_key_file = in_dir("server.key");
    assert_null(mqtt_e2e_client_new(&a.options, &error));
    assert_non_null(strstr(error.text, "server.key"));
    a.options.cert_file = a.options.tls_key_file = NULL;
    test_broker_start(&broker);
    start_node(&a);
}

/* Goal: TLS meets plain MQTT, both ways: told, not hung, not spinning. */
static void test_mixed_up(void **state)
{
    test_broker plain;

    (void)state;
    test_broker_init(&plain);
    test_broker_start(&plain);
    test_broker_start(&broker);
    a.hosts[0].port = plain.port;
    b.options.tls = false;
    test_node_start(&a);
    test_node_start(&b);
    RUN_UNTIL(a.failed >= 2 && b.failed >= 2);
    assert_non_null(strstr(b.why, "it may expect TLS"));
    assert_true(strstr(a.why, "TLS") != NULL || strstr(a.why, "closed") != NULL);
    test_broker_free(&plain);
}

/* Goal: a broker by TLS and one without, side by side: each as its host says, whatever the option for the others is. */
static void test_side_by_side(void **state)
{
    test_broker plain;

    (void)state;
    test_broker_init(&plain);
    test_broker_start(&plain);
    test_broker_start(&broker);
    for (int i = 0; i < 2; i++) {
        test_node *node = i == 0 ? &a : &b;

        node->hosts[1] = node->hosts[0];
        node->hosts[0].transport = i == 0 ? MQTT_E2E_MQTTS : MQTT_E2E_AS_SET;
        node->hosts[1].port = plain.port;
        node->hosts[1].transport = i == 0 ? MQTT_E2E_AS_SET : MQTT_E2E_MQTT;
        node->options.host_count = 2;
        node->options.tls = i == 1;
        start_node(node);
    }
    RUN_UNTIL(a.connected == 2 && b.connected == 2);
    test_node_subscribe(&b, "#", 1);
    test_node_publish(&a, "a", "x", 1, false);
    RUN_UNTIL(b.count == 1 && mqtt_e2e_client_drained(a.client));
    assert_int_equal(a.failed + b.failed, 0);
    test_broker_free(&plain);
}

/* Goal: a child that ends does not end the parent's TLS connection. */
static void test_fork(void **state)
{
    pid_t pid;
    int status;

    (void)state;
    test_broker_start(&broker);
    start_node(&a);
    start_node(&b);
    test_node_subscribe(&b, "#", 1);
    for (int use = 0; use <= 1; use++) {
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            bool fine =
                use == 0 || (mqtt_e2e_client_publish(a.client, "a", "child", 5, 1, false, NULL, NULL) &&
                             mqtt_e2e_client_drain(a.client, TEST_MS));

            mqtt_e2e_client_free(a.client);
            _exit(fine ? 0 : 1);
        }
        RUN_UNTIL(waitpid(pid, &status, WNOHANG) == pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        test_node_publish(&a, "a", "parent", 1, false);
        RUN_UNTIL(test_node_got(&b, "parent") == (unsigned)use + 1);
    }
    assert_int_equal(test_node_got(&b, "child"), 1);
    assert_int_equal(a.disconnected, 0);
}

/* ---- A server that looks at the name it is asked for (SNI) -------------------------------------------------- */

static char asked_name[256];

static int note_name(SSL *ssl, int *alert, void *context)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    (void)context;
    snprintf(asked_name, sizeof asked_name, "%s", name != NULL ? name : "none");
    return SSL_TLSEXT_ERR_OK;
}

/* Takes one connection. */
static void *serve(void *context)
{
    int fd = *(int *)context, client = accept(fd, NULL, NULL);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    SSL *ssl;

    SSL_CTX_set_tlsext_servername_callback(tls, note_name);
    SSL_CTX_use_certificate_chain_file(tls, test_broker_file(&broker, "server.pem", NULL));
    SSL_CTX_use_PrivateKey_file(tls, test_broker_file(&broker, "server.key", NULL), SSL_FILETYPE_PEM);
    ssl = SSL_new(tls);
    SSL_set_fd(ssl, client);
    SSL_accept(ssl);
    SSL_free(ssl);
    SSL_CTX_free(tls);
    close(client);
    return NULL;
}

static void expect_name(const char *host, const char *name)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    asked_name[0] = '\0';
    assert_int_equal(pthread_create(&thread, NULL, serve, &fd), 0);
    strcpy(a.hosts[0].name, host);
    a.hosts[0].port = ntohs(address.sin_port);
    a.failed = 0;
    test_node_start(&a);
    RUN_UNTIL(a.failed >= 1);
    pthread_join(thread, NULL);
    assert_string_equal(asked_name, name);
    test_node_free(&a);
    close(fd);
}

/* Goal: the server is asked for the name that the user gave, though we connect to an address; never for an address. */
static void test_server_name(void **state)
{
    (void)state;
    a.options.backoff_min_ms = a.options.backoff_max_ms = 5000; /* it serves one connection */
    expect_name("localhost", "localhost");
    expect_name("127.0.0.1", "none");
}

/* Goal: TLS through a SOCKS5 proxy is with the broker, not with the proxy. */
static void test_proxy(void **state)
{
    test_relay relay;
    char url[64];

    (void)state;
    test_broker_start(&broker);
    test_relay_init(&relay, broker.port);
    test_use_relay(&relay);
    relay.socks = true;
    snprintf(url, sizeof url, "socks5h://127.0.0.1:%u", (unsigned)relay.port);
    a.options.proxy = b.options.proxy = url;
    start_node(&a);
    assert_string_equal(relay.socks_name, "localhost");
    test_node_publish(&a, "a", "x", 1, false);
    RUN_UNTIL(a.published == 1);
    strcpy(b.hosts[0].name, "elsewhere.example");
    test_node_start(&b);
    RUN_UNTIL(b.failed == 1);
    assert_non_null(strstr(b.why, "hostname mismatch"));
    test_use_relay(NULL);
    test_relay_free(&relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_ca, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_certificate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mixed_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_side_by_side, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fork, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_server_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_proxy, set_up, tear_down),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
