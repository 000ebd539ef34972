/* SPDX-License-Identifier: MIT */
/*
 * A TLS context of our own. libmosquitto checks the host name against the string that it connects to, which here is an
 * address (resolve.c), and not at all in a context that it is given. So OpenSSL itself is told which name the certificate must
 * be for (X509_VERIFY_PARAM_set1_host; RFC 6125), and the handshake which name to ask for (SNI, RFC 6066 §3).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "parts.h"

/* Sets the name to ask for, in place of the address that libmosquitto would; addresses are never asked for. */
static void ask_for_name(const SSL *ssl, int where, int ret)
{
    (void)ret;
    if ((where & SSL_CB_HANDSHAKE_START) != 0) {
        const e2e_tls_peer *peer = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

        /* Neither is const for OpenSSL, though it changes only the first. */
        SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, (void *)(uintptr_t)peer->ask_for);
    }
}

/* Keeps why a certificate is refused: libmosquitto may free the connection before we could ask it. */
static int note_refusal(int fine, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    e2e_tls_peer *peer = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (!fine)
        peer->refusal = X509_STORE_CTX_get_error(store);
    return fine;
}

/* A key with a passphrase would make OpenSSL ask for it on the terminal. */
static int no_passphrase(char *buffer, int size, int write, void *context)
{
    (void)buffer;
    (void)size;
    (void)write;
    (void)context;
    return -1;
}

static const char *last_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_SYSTEM_ERROR(code) ? NULL : ERR_reason_error_string(code);

    return reason != NULL ? reason : "can't be read";
}

static bool fail_file(mqtt_e2e_error *error, const char *what, const char *file)
{
    e2e_error_set(error, "", "%s '%.150s': %s", what, file, last_reason());
    ERR_clear_error();
    return false;
}

/* OpenSSL says of a file that isn't there, or that is a directory, only that it can't be read. */
static bool is_readable(mqtt_e2e_error *error, const char *file)
{
    char byte;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool fine = fd >= 0 && read(fd, &byte, 1) >= 0;

    if (!fine)
        e2e_error_set(error,
                      errno == EISDIR ? "that is a directory: name it as one (capath), or a file in it"
                                      : "name a file with certificates in PEM form",
                      "cannot open the CA certificates '%.150s': %s", file, strerror(errno));
    if (fd >= 0)
        close(fd);
    return fine;
}

static bool is_directory(mqtt_e2e_error *error, const char *path)
{
    struct stat info;
    bool there = stat(path, &info) == 0;

    if (there && S_ISDIR(info.st_mode))
        return true;
    return e2e_error_set(error, there ? "that is a file: name it as one (cafile)" : "",
                         "cannot open the directory of CA certificates '%.150s': %s", path,
                         strerror(there ? ENOTDIR : errno));
}

static bool load_trusted(SSL_CTX *tls, const mqtt_e2e_client_options *o, mqtt_e2e_error *error)
{
    const char *path = o->ca_path != NULL || o->ca_file != NULL ? o->ca_path : "/etc/ssl/certs";

    if ((o->ca_file != NULL && !is_readable(error, o->ca_file)) ||
        (o->ca_path != NULL && !is_directory(error, o->ca_path)))
        return false;
    if (o->ca_file != NULL && SSL_CTX_load_verify_file(tls, o->ca_file) != 1)
        return fail_file(error, "CA certificates", o->ca_file);
    if (path != NULL && SSL_CTX_load_verify_dir(tls, path) != 1)
        return fail_file(error, "directory of CA certificates", path);
    return true;
}

static bool load_own(SSL_CTX *tls, const mqtt_e2e_client_options *o, mqtt_e2e_error *error)
{
    if (o->cert_file == NULL && o->tls_key_file == NULL)
        return true;
    if (o->cert_file == NULL || o->tls_key_file == NULL)
        return e2e_error_set(error, "", "a TLS certificate and its key can only be given together");
    if (SSL_CTX_use_certificate_chain_file(tls, o->cert_file) != 1)
        return fail_file(error, "TLS certificate", o->cert_file);
    if (SSL_CTX_use_PrivateKey_file(tls, o->tls_key_file, SSL_FILETYPE_PEM) != 1)
        return fail_file(error, "TLS key", o->tls_key_file);
    if (SSL_CTX_check_private_key(tls) != 1)
        return fail_file(error, "TLS key that does not fit the certificate", o->tls_key_file);
    return true;
}

static bool expect_host(SSL_CTX *tls, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(tls);
    e2e_address address;

    if (e2e_resolve_address(host, address))
        return X509_VERIFY_PARAM_set1_ip_asc(param, address) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static bool set_up(SSL_CTX *tls, const mqtt_e2e_client_options *o, const char *host, mqtt_e2e_error *error)
{
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, note_refusal);
    SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
    SSL_CTX_set_info_callback(tls, ask_for_name);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1)
        return e2e_error_set(error, "", "TLS 1.2 is not to be had");
    if (!o->insecure && !expect_host(tls, host))
        return e2e_error_set(error, "", "no certificate can be for the host '%.150s'", host);
    return load_trusted(tls, o, error) && load_own(tls, o, error);
}

SSL_CTX *e2e_tls_new(const mqtt_e2e_client_options *options, const char *host, e2e_tls_peer *peer,
                     mqtt_e2e_error *error)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    e2e_address address;

    if (tls == NULL) {
        e2e_error_memory(error);
        return NULL;
    }
    peer->ask_for = e2e_resolve_address(host, address) ? NULL : host;
    peer->refusal = X509_V_OK;
    if (SSL_CTX_set_app_data(tls, peer) == 1 && set_up(tls, options, host, error))
        return tls;
    SSL_CTX_free(tls);
    return NULL;
}

bool e2e_tls_busy(SSL *ssl)
{
    return ssl != NULL && !SSL_is_init_finished(ssl);
}

bool e2e_tls_wants_write(const SSL *ssl)
{
    return SSL_want_write(ssl);
}

const char *e2e_tls_refusal(const e2e_tls_peer *peer)
{
    return peer->refusal != X509_V_OK ? X509_verify_cert_error_string(peer->refusal) : NULL;
}
