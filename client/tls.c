/* SPDX-License-Identifier: MIT */
/*
 * A TLS context of our own. libmosquitto checks the host name against the string that it connects to, which here is an
 * address (resolve.c), and not at all in a context that it is given. So OpenSSL itself is told which name the certificate must
 * be for (X509_VERIFY_PARAM_set1_host; RFC 6125), and the handshake which name to ask for (SNI, RFC 6066 §3).
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "private.h"

/* Sets the name to ask for, in place of the address that libmosquitto would; addresses are never asked for. */
static void ask_for_name(const SSL *ssl, int where, int ret)
{
    (void)ret;
    if ((where & SSL_CB_HANDSHAKE_START) != 0)
        SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
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

static bool load_trusted(SSL_CTX *tls, const mqtt_e2e_client_options *o, mqtt_e2e_error *error)
{
    const char *path = o->ca_path != NULL || o->ca_file != NULL ? o->ca_path : "/etc/ssl/certs";

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
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
    SSL_CTX_set_info_callback(tls, ask_for_name);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1)
        return e2e_error_set(error, "", "TLS 1.2 is not to be had");
    if (!o->insecure && !expect_host(tls, host))
        return e2e_error_set(error, "", "no certificate can be for the host '%.150s'", host);
    return load_trusted(tls, o, error) && load_own(tls, o, error);
}

SSL_CTX *e2e_tls_new(const mqtt_e2e_client_options *options, const char *host, mqtt_e2e_error *error)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    e2e_address address;
    /* SSL_CTX_set_app_data takes no const; the callback above only reads it. */
    void *name = e2e_resolve_address(host, address) ? NULL : (void *)(uintptr_t)host;

    if (tls == NULL) {
        e2e_error_memory(error);
        return NULL;
    }
    if (SSL_CTX_set_app_data(tls, name) == 1 && set_up(tls, options, host, error))
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

const char *e2e_tls_refusal(SSL *ssl)
{
    long result = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;

    return result != X509_V_OK ? X509_verify_cert_error_string(result) : NULL;
}
