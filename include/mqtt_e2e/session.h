/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_SESSION_H
#define MQTT_E2E_SESSION_H
/*
 * mqtt-e2e: messages that an MQTT broker can carry but not read, forge, move or repeat.
 *
 * This header is the whole protocol (docs/PROTOCOL.md) for one node, without any transport: bring your
 * own MQTT library and call seal before publish and open after receive. On hosts, client.h does both.
 *
 * Terms
 *   session   one run of one node with one key; lives in storage that the caller gives. No heap, no I/O.
 *   stream    the packets of one run of one sender: a 12-byte id and a counter that only grows.
 *   topic     the logical topic is what people write, `iot/kitchen`; the wire topic is what the broker
 *             sees. `mqtt_e2e_topic` holds both, prepared once.
 *   floor     a time; nothing sealed at or before it is accepted from a stream not in the table.
 *
 * Order of calls
 *   mqtt_e2e_defaults, then mqtt_e2e_init; mqtt_e2e_load where replay state was stored; then any of the
 *   others; mqtt_e2e_wipe at the end. One thread at a time for each session.
 *
 * Time is an argument, `now_ms`: UTC in milliseconds since 1970, or 0 where the node does not know it.
 * With `options.own_clock_ms` unset and no UTC at hand, see "Nodes without a clock" below.
 * Randomness is an argument too: 32 bytes from a seeded cryptographic generator at init and at renew.
 *
 * Nothing here is thread safe, blocks, or keeps a pointer to an argument, except those of the options
 * `base`, `prefix`, `hint` and `crypto`, and of a prepared topic, which must outlive their session or topic.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MQTT_E2E_STREAM_ID_SIZE 12
#define MQTT_E2E_RANDOM_SIZE    32
#define MQTT_E2E_OVERHEAD       43 /* bytes that a packet has more than max(payload, pad size) */
#define MQTT_E2E_BINDING_SIZE   16 /* bytes of a reply's payload that name its request (§6) */
#define MQTT_E2E_AGAIN_SIZE     23 /* bytes that name the first packet of a message sealed anew (§3) */
#define MQTT_E2E_PAYLOAD_OFFSET                                                                              \
    27 /* where in a packet the payload starts: seal copies nothing if it is there */
#define MQTT_E2E_BASE_SIZE        13 /* the base that follows from the key, with its NUL */
#define MQTT_E2E_FINGERPRINT_SIZE 17 /* 16 hex digits and a NUL */
#define MQTT_E2E_LEVELS_MAX       256
#define MQTT_E2E_TOPIC_MAX        65535     /* bytes of a wire topic (MQTT 5.0 §1.5.4) */
#define MQTT_E2E_PAYLOAD_MAX      268435455 /* bytes; MQTT's longest remaining length (MQTT 5.0 §1.5.5) */

/* ---- Statuses ---------------------------------------------------------------------------------- */

typedef enum {
    MQTT_E2E_OK = 0,
    /* Why a packet was refused (docs/PROTOCOL.md §4). Counted by cause, and never answered on the wire. */
    MQTT_E2E_OWN,       /* of our own stream: an echo or a reflection */
    MQTT_E2E_REPLAY,    /* this packet, or one too far behind the stream's highest counter */
    MQTT_E2E_FORGED,    /* another key, altered, moved to another topic, or a topic that does not read back */
    MQTT_E2E_MALFORMED, /* shorter than a packet can be, longer than allowed, or a length that lies */
    MQTT_E2E_UNSUPPORTED, /* authentic, of a kind that this version does not know */
    MQTT_E2E_UNASKED,     /* a reply to no open request of ours */
    MQTT_E2E_NO_CLOCK,    /* we do not know the time (seal and request return this too) */
    MQTT_E2E_STALE,       /* older than the clock skew, or not newer than the floor */
    MQTT_E2E_FUTURE,      /* its sender's clock is ahead by more than the clock lead */
    MQTT_E2E_CAUSES,      /* (how many there are, MQTT_E2E_OK included) */
    /* Authentic, nothing to hand on. */
    MQTT_E2E_TIME_ASKED = 16, /* a node asks for the time: a time source calls mqtt_e2e_time_reply */
    MQTT_E2E_TIME_SET,        /* the answer to our own time request: the session knows the time now */
    /* Errors of the caller or the environment. Nothing was changed, nothing was sealed. */
    MQTT_E2E_BAD_OPTION = 32, /* an option out of its range */
    MQTT_E2E_BAD_TOPIC,       /* empty, a wildcard, a reserved `~` level, not UTF-8, or too many levels */
    MQTT_E2E_BAD_FILTER,      /* `#` not last, a wildcard that is not a whole level, or as above */
    MQTT_E2E_TOO_LONG,        /* a payload over the limit, or a wire topic over 65,535 bytes */
    MQTT_E2E_NO_ROOM,         /* the output buffer or the storage is too small */
    MQTT_E2E_BUSY,            /* as many requests are open as the session has room for; or asked too often */
    MQTT_E2E_EXHAUSTED,       /* the stream's counter is used up: mqtt_e2e_renew */
    MQTT_E2E_CRYPTO_FAILED,   /* the crypto library failed: out of memory, or misbuilt */
    MQTT_E2E_BAD_STATE        /* stored state that is damaged, of another key, or of an unknown version */
} mqtt_e2e_status;

/* A short text in lower case, without a full stop: "replay", "no_clock". Never NULL. */
const char *mqtt_e2e_status_text(mqtt_e2e_status status);

/* Whether a status is one of the nine refusals. */
static inline bool mqtt_e2e_refused(mqtt_e2e_status status)
{
    return status > MQTT_E2E_OK && status < MQTT_E2E_CAUSES;
}

/* ---- Sizes ------------------------------------------------------------------------------------- */

/* Exact size of a packet with a payload of `len` bytes. What a reply or a message sealed anew has before its own counts as
 * payload: MQTT_E2E_BINDING_SIZE, MQTT_E2E_AGAIN_SIZE. */
#define MQTT_E2E_SEALED_SIZE(len, pad) (MQTT_E2E_OVERHEAD + ((len) > (pad) ? (len) : (pad)))

/* The same with options.padme: payloads longer than `pad` are padded to the Padmé size of their length. */
#define MQTT_E2E_SEALED_SIZE_PADME(len, pad)                                                                 \
    (MQTT_E2E_OVERHEAD + ((len) > (pad) ? MQTT_E2E_PADME(len) : (size_t)(pad)))

/* Padmé (PURBs, Nikitin et al. 2019, §4.3): lengths keep as many leading bits as their exponent has bits.
 * 0 and 1 stay; at most 12 % is added. For 0 <= len <= MQTT_E2E_PAYLOAD_MAX; a constant if `len` is. */
#define MQTT_E2E_PADME(len)                                                                                  \
    (((size_t)(len) + MQTT_E2E_PADME_MASK_(MQTT_E2E_LOG2_(len))) & ~MQTT_E2E_PADME_MASK_(MQTT_E2E_LOG2_(len)))
#define MQTT_E2E_PADME_MASK_(e) (((size_t)1 << ((e)-MQTT_E2E_BITS_(e))) - 1)
#define MQTT_E2E_BITS_(e)       ((e) < 1 ? 0 : (e) < 2 ? 1 : (e) < 4 ? 2 : (e) < 8 ? 3 : (e) < 16 ? 4 : 5)
#define MQTT_E2E_LOG2_(n)                                                                                    \
    (MQTT_E2E_ABOVE_(n, 1) + MQTT_E2E_ABOVE_(n, 2) + MQTT_E2E_ABOVE_(n, 3) + MQTT_E2E_ABOVE_(n, 4) +         \
     MQTT_E2E_ABOVE_(n, 5) + MQTT_E2E_ABOVE_(n, 6) + MQTT_E2E_ABOVE_(n, 7) + MQTT_E2E_ABOVE_(n, 8) +         \
     MQTT_E2E_ABOVE_(n, 9) + MQTT_E2E_ABOVE_(n, 10) + MQTT_E2E_ABOVE_(n, 11) + MQTT_E2E_ABOVE_(n, 12) +      \
     MQTT_E2E_ABOVE_(n, 13) + MQTT_E2E_ABOVE_(n, 14) + MQTT_E2E_ABOVE_(n, 15) + MQTT_E2E_ABOVE_(n, 16) +     \
     MQTT_E2E_ABOVE_(n, 17) + MQTT_E2E_ABOVE_(n, 18) + MQTT_E2E_ABOVE_(n, 19) + MQTT_E2E_ABOVE_(n, 20) +     \
     MQTT_E2E_ABOVE_(n, 21) + MQTT_E2E_ABOVE_(n, 22) + MQTT_E2E_ABOVE_(n, 23) + MQTT_E2E_ABOVE_(n, 24) +     \
     MQTT_E2E_ABOVE_(n, 25) + MQTT_E2E_ABOVE_(n, 26) + MQTT_E2E_ABOVE_(n, 27))
#define MQTT_E2E_ABOVE_(n, bit) ((size_t)(n) >> (bit) ? 1 : 0)

/* Room for the wire topic of a name of `name_len` bytes in `levels` levels, its NUL included; exact to 21
 * bytes a level. `base_len` counts the user's base, or 12. */
#define MQTT_E2E_WIRE_SIZE(base_len, name_len, levels)                                                       \
    ((size_t)(base_len) + 2 + (size_t)(levels)*22 + ((size_t)(name_len)*4 + 2) / 3)

/* Room for the name `~reply/` ‖ 16 characters, with its NUL; and for its wire topic. */
#define MQTT_E2E_REPLY_NAME_SIZE           24
#define MQTT_E2E_REPLY_WIRE_SIZE(base_len) MQTT_E2E_WIRE_SIZE(base_len, MQTT_E2E_REPLY_NAME_SIZE - 1, 2)

/* ---- Options ----------------------------------------------------------------------------------- */

/* What is spoken. A session speaks one of them. */
typedef enum {
    MQTT_E2E_PROFILE_1 = 0, /* the protocol */
    MQTT_E2E_PROFILE_TOIT =
        1 /* what the Toit library mqtt-e2e 0.0.1 speaks, with all its weaknesses: see "The Toit
                               * profile" below */
} mqtt_e2e_profile;

typedef struct {
    const mqtt_e2e_crypto *crypto; /* required */
    const uint8_t *key;            /* required; read by init only */
    size_t key_len;                /* 16 (AES-128-GCM) or 32 (AES-256-GCM) bytes */

    /* Sending */
    uint16_t pad_size; /* bytes; shorter payloads all look this long. Default 50; 0 = no padding */
    bool padme;        /* longer payloads are padded to their Padmé size. Default no */
    const void *hint; /* what sets this device and this start apart (serial, start count); may be NULL only */
    size_t hint_len;  /* where the random bytes are from a generator that is surely seeded (§3) */

    /* Receiving */
    uint32_t clock_skew_ms;  /* the oldest message accepted. Default 300,000 */
    uint32_t clock_lead_ms;  /* how far a sender's clock may be ahead. Default 10,000 */
    uint32_t longest_packet; /* bytes; longer ones are malformed. Default 65,578 (a payload of 65,535) */
    uint16_t streams;        /* size of the stream table, 1 to 32,767. Default 8; hosts use 4,096. With src/
                              * compiled for MQTT_E2E_STREAMS_MAX=16: at most that, for less code */
    uint16_t window;         /* counters remembered for each stream: a multiple of 64. Default 64 */
    uint16_t requests;       /* requests open at the same time. Default 2 */
    uint16_t lasting_topics; /* topics whose last lasting message is remembered, so that old ones are handed
                              * on once. 0 = old lasting messages are refused like all others (default).
                              * At most 1,024 (§3) */

    /* The start */
    bool strict_start; /* floor = now + clock lead: also refuses what a fast clock sealed before (§4) */
    bool floor_given;  /* floor = floor_ms, even if that is in the past: for tools and tests. A receiver that
                           * starts so can accept again what an earlier run accepted */
    bool own_clock_ms; /* now_ms is not UTC but a clock of the device's own: see "Nodes without a clock" */
    int64_t floor_ms;  /* a floor that the node still has from an earlier run; else 0 */

    /* Topics */
    const char
        *base; /* NULL: follows from the key; "": none. No wildcard, not ended by `/`. Kept by reference */
    const char
        *prefix; /* what a broker or bridge puts before the topics it hands to us, slash included, or NULL */
    bool plain_topics; /* levels go as they are; both ends must agree. Default hidden */

    uint8_t
        profile; /* an mqtt_e2e_profile. Not to be set by hand: mqtt_e2e_toit sets it, and what goes with it */
} mqtt_e2e_options;

/* Sets every option to its default, and the required ones to NULL. */
void mqtt_e2e_defaults(mqtt_e2e_options *options);

/*
 * The Toit profile (docs/TOIT.md)
 *
 * Turns options into those of a node that talks to nodes which run the Toit library mqtt-e2e 0.0.1: the key is used as it is, and
 * has 16 bytes; topics are plain; the time window is 15 s either way; 64 nonces are remembered at least. Whatever can be set
 * may be set otherwise afterwards. It is weaker than the protocol: who sees a packet reads when it was made, and can
 * have it accepted on another topic. There are messages only, of 65,535 bytes at most: no requests and replies, no lasting
 * messages, none sealed anew, no time from a peer (UNSUPPORTED). A message's id is its nonce, and its counter 0;
 * mqtt_e2e_seal says EXHAUSTED when the clock was set back by more than a second.
 *
 * Built into hosts' libraries. Firmware has it where src/ is compiled with MQTT_E2E_TOIT; elsewhere it costs no byte, and
 * this function is not there.
 */
void mqtt_e2e_toit(mqtt_e2e_options *options);

#define MQTT_E2E_TOIT_OVERHEAD    31 /* bytes that a packet has more than max(payload, pad size) */
#define MQTT_E2E_TOIT_PAYLOAD_MAX 65535
#define MQTT_E2E_TOIT_NONCES      64 /* the least options.streams, whatever is set */

/* ---- Topics ------------------------------------------------------------------------------------ */

/* A logical topic with its wire form, both owned by the caller. `name` is NULL where a wire topic did not
 * read back; mqtt_e2e_open then refuses as forged. */
typedef struct {
    const char *name; /* logical; what is authenticated with each packet (AAD) */
    const char *wire; /* what the broker sees */
    uint16_t name_len;
    uint16_t wire_len;
} mqtt_e2e_topic;

/* ---- Messages ---------------------------------------------------------------------------------- */

typedef enum {
    MQTT_E2E_MESSAGE = 0,
    MQTT_E2E_REQUEST = 1,
    MQTT_E2E_REPLY = 2,
    MQTT_E2E_LASTING = 3 /* what MQTT calls retained, sealed as such */
} mqtt_e2e_kind;

/* Names one packet for ever: the stream and its counter. */
typedef struct {
    uint8_t stream[MQTT_E2E_STREAM_ID_SIZE];
    uint32_t counter;
} mqtt_e2e_id;

/* What mqtt_e2e_open says of a packet. Of refused packets only what is known is filled, the rest is zero:
 * `own` and `replay` have id; `unsupported`, `unasked`, `no clock`, `stale`, `future` have id, kind and time. Those that
 * are the former for what they were sealed anew of have all. */
typedef struct {
    mqtt_e2e_kind kind;
    bool old;             /* a lasting message that is stale, handed on because asked for (lasting_topics) */
    bool again;           /* sealed anew, by mqtt_e2e_seal_again, after its first packet grew too old */
    mqtt_e2e_id id;       /* of this packet: what a reply to it names */
    int64_t time;         /* UTC of sealing in milliseconds, by the sender's clock */
    mqtt_e2e_id first;    /* of a message sealed anew: its first packet, which names it; else zero */
    int64_t first_time;   /* when that was sealed; else as time */
    int64_t off_by_ms;    /* stale, future: by how much the time misses what would have been accepted; >= 1 */
    mqtt_e2e_bytes topic; /* logical; points to where the mqtt_e2e_topic does */
    mqtt_e2e_bytes payload; /* points into the output buffer; what names another packet is taken off */
    size_t padding;         /* bytes behind the payload */
    mqtt_e2e_id request;    /* of a reply: the request it answers */
} mqtt_e2e_message;

/* ---- The session ------------------------------------------------------------------------------- */

/* Private: what lies at the front of a session's storage. Here only so that its size is known. */
typedef struct {
    int64_t floor;
    uint8_t *streams; /* `capacity` records of MQTT_E2E_STREAM_SIZE_(window) bytes */
    uint16_t *index;  /* open addressing, 2^index_bits places; NULL for small tables */
    void *last;       /* the record last accepted from, or NULL */
    uint16_t capacity;
    uint16_t count;
    uint16_t words; /* of 64 counters */
    uint8_t index_bits;
} mqtt_e2e_replay_;

typedef struct {
    uint8_t stream[MQTT_E2E_STREAM_ID_SIZE];
    uint32_t counter;
    int64_t until; /* by now_ms; 0 = free */
} mqtt_e2e_open_request_;

typedef struct {
    uint8_t topic[8]; /* of HMAC-SHA256(topic MAC key, "lasting" ‖ topic) */
    int64_t newest;
} mqtt_e2e_lasting_topic_;

typedef struct {
    const mqtt_e2e_crypto *crypto;
    void *keys; /* the backend's state */
    mqtt_e2e_open_request_ *requests;
    mqtt_e2e_lasting_topic_ *lasting;
    const char *base;
    const char *prefix;
    const void *hint;
    size_t hint_len;
    size_t size; /* of the whole storage */
    mqtt_e2e_replay_ replay;
    int64_t clock_offset;  /* UTC = now_ms + clock_offset, where own_clock_ms */
    int64_t asked_at;      /* our time request, by now_ms */
    int64_t last_sealed;   /* UTC */
    int64_t old_floor;     /* newest time of a lasting message handed on though older than the clock skew */
    int64_t lasting_floor; /* newest time of lasting messages on topics that found no room in the memory */
    mqtt_e2e_id own;       /* our stream, and the counter of its next packet */
    uint32_t asked;        /* counter of our time request */
    uint32_t clock_skew;
    uint32_t clock_lead;
    uint32_t longest_packet;
    uint32_t counts[MQTT_E2E_CAUSES];
    uint16_t pad_size;
    uint16_t request_count;
    uint16_t lasting_count;
    uint16_t lasting_used;
    uint8_t key_len;
    bool padme, plain_topics, strict_start, own_clock, clock_known, clock_learned, asking;
    bool floor_kept; /* floor_kept: stored or given, so not raised when the time is learnt */
    char key_base[MQTT_E2E_BASE_SIZE];
    uint8_t prk[MQTT_E2E_HASH_SIZE];
    uint8_t topic_mac[MQTT_E2E_HASH_SIZE];
    uint8_t profile;
} mqtt_e2e_session;

#define MQTT_E2E_ALIGN_(n)            (((size_t)(n) + 7) & ~(size_t)7)
#define MQTT_E2E_STREAM_SIZE_(window) (32 + (size_t)(window) / 8)
#define MQTT_E2E_INDEX_SIZE_(streams)                                                                        \
    ((streams) <= 16 ? (size_t)0 : (size_t)4 << (MQTT_E2E_LOG2_((streams)-1) + 1))

/* Exact bytes of storage for a session. `key_state` is the backend's crypto->state_size. */
#define MQTT_E2E_SESSION_SIZE(key_state, streams, window, requests, lasting_topics)                          \
    (MQTT_E2E_ALIGN_(sizeof(mqtt_e2e_session)) + MQTT_E2E_ALIGN_(key_state) +                                \
     (size_t)(streams)*MQTT_E2E_STREAM_SIZE_(window) + MQTT_E2E_ALIGN_(MQTT_E2E_INDEX_SIZE_(streams)) +      \
     (size_t)(requests) * sizeof(mqtt_e2e_open_request_) +                                                   \
     (size_t)(lasting_topics) * sizeof(mqtt_e2e_lasting_topic_))

/* The same by function, from the options. */
size_t mqtt_e2e_session_size(const mqtt_e2e_options *options);

/*
 * Sets up a session in `storage` of `size` bytes, aligned to 8, and starts its stream. `random` is
 * MQTT_E2E_RANDOM_SIZE bytes from a seeded cryptographic generator; the caller wipes them. Returns the session,
 * which is `storage`, in *session. BAD_OPTION, NO_ROOM, CRYPTO_FAILED: *session is NULL.
 * The floor is now (strict: now + clock lead), or options.floor_ms if that is greater; a node without a clock
 * has it when it learns the time.
 */
mqtt_e2e_status mqtt_e2e_init(mqtt_e2e_session **session, void *storage, size_t size,
                              const mqtt_e2e_options *options, const uint8_t random[MQTT_E2E_RANDOM_SIZE],
                              int64_t now_ms);

/* Starts a new stream: when EXHAUSTED, after a fork, after a snapshot was resumed. The former one stands in
 * the table as full. Open requests stay open; their replies still go to the former reply topic. */
mqtt_e2e_status mqtt_e2e_renew(mqtt_e2e_session *session, const uint8_t random[MQTT_E2E_RANDOM_SIZE],
                               int64_t now_ms);

/* Wipes all of the session's storage and frees what the backend took. NULL is allowed. */
void mqtt_e2e_wipe(mqtt_e2e_session *session);

/* ---- Topics: calls ------------------------------------------------------------------------------ */

/* Prepares a topic to publish to: checks `name` (NUL-terminated, kept by reference), and writes its wire form with a NUL
 * to `wire`. BAD_TOPIC, TOO_LONG, NO_ROOM (MQTT_E2E_WIRE_SIZE is enough), CRYPTO_FAILED. */
mqtt_e2e_status mqtt_e2e_hide(mqtt_e2e_session *session, const char *name, char *wire, size_t size,
                              mqtt_e2e_topic *topic);

/* The same for a filter to subscribe to, with `+`, `#` and `$share/group/`. It ends with a NUL. BAD_FILTER and as above.
 * MQTT_E2E_WIRE_SIZE(base_len + prefix_len + share_len, ...) is enough. */
mqtt_e2e_status mqtt_e2e_hide_filter(mqtt_e2e_session *session, const char *filter, char *wire, size_t size);

/* Reads a wire topic back. `name` needs at most wire_len + 1 bytes. FORGED: outside the base or a level that does not
 * read back; topic->name is NULL then, and mqtt_e2e_open will count it. */
mqtt_e2e_status mqtt_e2e_reveal(mqtt_e2e_session *session, const char *wire, size_t wire_len, char *name,
                                size_t size, mqtt_e2e_topic *topic);

/* Whether a logical topic matches a logical filter (MQTT 5.0 §4.7; `$share/group/` is skipped). A first level that starts
 * with `$` or with our `~` is not matched by a wildcard in first place. */
bool mqtt_e2e_match(const char *filter, size_t filter_len, const char *topic, size_t topic_len);

/* ---- Sealing and opening ------------------------------------------------------------------------ */

/* Exact size of a packet that this session makes of a payload of `len` bytes; of a message sealed anew, `len` counts
 * MQTT_E2E_AGAIN_SIZE too. */
size_t mqtt_e2e_sealed_size(const mqtt_e2e_session *session, size_t len);

/*
 * Seals a message, or a lasting one (only that is published with the retain flag), to `packet` of `size` bytes.
 * `payload` may lie anywhere in `packet`; at packet + MQTT_E2E_PAYLOAD_OFFSET it need not be moved.
 * NO_CLOCK, BAD_TOPIC (reserved, or never prepared), TOO_LONG, NO_ROOM, EXHAUSTED, CRYPTO_FAILED: nothing may be sent.
 */
mqtt_e2e_status mqtt_e2e_seal(mqtt_e2e_session *session, const mqtt_e2e_topic *topic, mqtt_e2e_kind kind,
                              const void *payload, size_t len, uint8_t *packet, size_t size, int64_t now_ms,
                              size_t *packet_len);

/*
 * Seals a message anew, which was sealed before, by this or an earlier session, and may or may not have arrived. As long as
 * that packet is not older than the clock skew, send it once more as it is; this is for later. `first` and `first_time`
 * are those of the first packet, however often it is sealed anew: mqtt_e2e_own_stream before it was sealed, and
 * the UTC of that. Who accepted one of them refuses the others as a replay. Kind, topic and payload are what they were.
 * A packet is mqtt_e2e_sealed_size(session, MQTT_E2E_AGAIN_SIZE + len) bytes, and the payload is not moved if it lies at
 * packet + MQTT_E2E_PAYLOAD_OFFSET + MQTT_E2E_AGAIN_SIZE. Receivers refuse a first packet that is
 * a window (64 or more) behind in its stream: if that is still this session's own, and may be so far ahead, renew first.
 * BAD_OPTION (kind, or first_time out of range), and as mqtt_e2e_seal.
 */
mqtt_e2e_status mqtt_e2e_seal_again(mqtt_e2e_session *session, const mqtt_e2e_topic *topic,
                                    mqtt_e2e_kind kind, const mqtt_e2e_id *first, int64_t first_time,
                                    const void *payload, size_t len, uint8_t *packet, size_t size,
                                    int64_t now_ms, size_t *packet_len);

/*
 * Opens a packet, by the rules of §4. The text is written to out + 16; `out` has `size` >= len bytes, and is either
 * `packet` itself (in place) or does not overlap it. message->payload points there. After a refusal that part holds nothing readable.
 * OK: hand it on, whatever its kind. TIME_ASKED, TIME_SET: nothing to hand on. Else a refusal, NO_ROOM, or
 * CRYPTO_FAILED.
 */
mqtt_e2e_status mqtt_e2e_open(mqtt_e2e_session *session, const mqtt_e2e_topic *topic, const uint8_t *packet,
                              size_t len, uint8_t *out, size_t size, int64_t now_ms,
                              mqtt_e2e_message *message);

/* ---- Requests and replies (§6) ------------------------------------------------------------------ */

/*
 * Seals a request, and opens it for `timeout_ms` (0 = 10 s) or until mqtt_e2e_close. Subscribe to the reply topic of
 * request->stream first. *request names it. BUSY: options.requests are open already; else as mqtt_e2e_seal.
 */
mqtt_e2e_status mqtt_e2e_request(mqtt_e2e_session *session, const mqtt_e2e_topic *topic, const void *payload,
                                 size_t len, uint8_t *packet, size_t size, int64_t now_ms,
                                 uint32_t timeout_ms, size_t *packet_len, mqtt_e2e_id *request);

/* Closes a request: later replies are unasked. One that is not open is no error. */
void mqtt_e2e_close(mqtt_e2e_session *session, const mqtt_e2e_id *request);

/* Prepares the topic on which replies to requests of `stream` go: the asker's own to subscribe to, the answerer's to
 * reply on. `name` has MQTT_E2E_REPLY_NAME_SIZE bytes, `wire` MQTT_E2E_REPLY_WIRE_SIZE. */
mqtt_e2e_status mqtt_e2e_reply_topic(mqtt_e2e_session *session, const uint8_t stream[MQTT_E2E_STREAM_ID_SIZE],
                                     char name[MQTT_E2E_REPLY_NAME_SIZE], char *wire, size_t size,
                                     mqtt_e2e_topic *topic);

/* Seals a reply to `request` (message.id of a request), to be published on the topic from mqtt_e2e_reply_topic. The packet is
 * MQTT_E2E_SEALED_SIZE(len + MQTT_E2E_BINDING_SIZE, pad) bytes. Errors as mqtt_e2e_seal. */
mqtt_e2e_status mqtt_e2e_reply(mqtt_e2e_session *session, const mqtt_e2e_topic *topic,
                               const mqtt_e2e_id *request, const void *payload, size_t len, uint8_t *packet,
                               size_t size, int64_t now_ms, size_t *packet_len);

/* ---- Nodes without a clock (§6) ------------------------------------------------------------------ */
/*
 * A device that has no UTC sets options.own_clock_ms and passes, as now_ms, milliseconds since any start (uptime,
 * counted also while asleep; never 0 or less). It sends and accepts nothing until it learns the time: from a peer, by
 * mqtt_e2e_time_request and the answer that mqtt_e2e_open gets, asked again every hour; or from mqtt_e2e_set_clock.
 */

/* Seals a time request, to be published on the topic prepared from "~time", after subscribing to the reply topic of
 * our stream (mqtt_e2e_own_stream). Its answer counts for 4 s; the first one sets the clock. */
mqtt_e2e_status mqtt_e2e_time_request(mqtt_e2e_session *session, const mqtt_e2e_topic *topic, uint8_t *packet,
                                      size_t size, int64_t now_ms, size_t *packet_len);

/* For a time source: answers a request that mqtt_e2e_open called TIME_ASKED, at most once a second (else BUSY) for each
 * broker; *last_ms is the caller's, one a broker, 0 at first. NO_CLOCK: we do not know the time, or learnt it this way. */
mqtt_e2e_status mqtt_e2e_time_reply(mqtt_e2e_session *session, const mqtt_e2e_topic *topic,
                                    const mqtt_e2e_id *request, uint8_t *packet, size_t size, int64_t now_ms,
                                    int64_t *last_ms, size_t *packet_len);

/* Tells the session the time, from a source the caller trusts: at now_ms of its own clock it is utc_ms. */
void mqtt_e2e_set_clock(mqtt_e2e_session *session, int64_t utc_ms, int64_t now_ms);

/* For nodes that pass UTC as now_ms and keep no state: call when the clock jumped forward, against a monotonic one,
 * by more than the clock lead. Raises the floor to utc_ms; it never falls. */
void mqtt_e2e_raise_floor(mqtt_e2e_session *session, int64_t utc_ms);

/* UTC in milliseconds as the session knows it, or 0. */
int64_t mqtt_e2e_utc(const mqtt_e2e_session *session, int64_t now_ms);

/* ---- Looking inside ------------------------------------------------------------------------------ */

/* Our stream, and the counter of the next packet. */
mqtt_e2e_id mqtt_e2e_own_stream(const mqtt_e2e_session *session);

/* For debugging the replay window: the highest counter and the newest time accepted from `stream`, or, if that is NULL, of
 * the stream last accepted from. False: not in the table. */
bool mqtt_e2e_last_seen(const mqtt_e2e_session *session, const uint8_t *stream, mqtt_e2e_id *highest,
                        int64_t *newest);

/* The floor (§4), UTC in milliseconds. */
int64_t mqtt_e2e_floor(const mqtt_e2e_session *session);

/* Packets by outcome since init: counts[MQTT_E2E_OK] were handed on, counts[cause] refused. They stop at 2^32-1. */
const uint32_t *mqtt_e2e_counts(const mqtt_e2e_session *session);

/* The base in use, NUL-terminated; lives as long as the session. */
const char *mqtt_e2e_base(const mqtt_e2e_session *session);

/* ---- Stored replay state (§4) --------------------------------------------------------------------- */
/*
 * Save before the first packet goes out, and before a message is handed on. Load the newest state only: restoring a
 * backup is the same as losing the state. The bytes hold no secret and are authenticated with the key, so that damage and
 * another key's state are noticed; whether they are the newest only the caller can know.
 */

/* Bytes that mqtt_e2e_save writes at most. */
size_t mqtt_e2e_state_size(const mqtt_e2e_session *session);

mqtt_e2e_status mqtt_e2e_save(mqtt_e2e_session *session, uint8_t *out, size_t size, size_t *len);

/* Right after init: replaces floor and table with the stored ones; the former own stream stands in the table as full.
 * Table and window may have other sizes than then: what does not fit raises the floor. BAD_STATE: nothing changed (also when
 * the session has received already), and the session starts as init left it, with floor = now. */
mqtt_e2e_status mqtt_e2e_load(mqtt_e2e_session *session, const uint8_t *state, size_t len, int64_t now_ms);

/* For who keeps a journal between two savings: after mqtt_e2e_load, each message accepted since then, in its order, by
 * message->id and message->time; of one sealed anew before that by message->first and message->first_time. Not for lasting
 * messages, after which is to be saved. */
void mqtt_e2e_mark(mqtt_e2e_session *session, const mqtt_e2e_id *id, int64_t time);

/* ---- Keys, without a session ----------------------------------------------------------------------- */

/* 16 lower-case hex digits with which people compare keys without showing them. */
mqtt_e2e_status mqtt_e2e_fingerprint(const mqtt_e2e_crypto *crypto, const uint8_t *key, size_t key_len,
                                     char out[MQTT_E2E_FINGERPRINT_SIZE]);

/* The topic base that follows from a key. */
mqtt_e2e_status mqtt_e2e_key_base(const mqtt_e2e_crypto *crypto, const uint8_t *key, size_t key_len,
                                  char out[MQTT_E2E_BASE_SIZE]);

/* The key of the device called `name` (not empty), as long as the fleet's `key` (§7). The caller wipes it. */
mqtt_e2e_status mqtt_e2e_device_key(const mqtt_e2e_crypto *crypto, const uint8_t *key, size_t key_len,
                                    const char *name, uint8_t *out);

/* Overwrites memory in a way that the compiler does not leave out. */
void mqtt_e2e_wipe_memory(void *memory, size_t len);

#ifdef __cplusplus
}
#endif
#endif
