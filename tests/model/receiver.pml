/* SPDX-License-Identifier: MIT */
/*
 * The receiver of docs/PROTOCOL.md §4, two of them, and a broker that delivers any packet ever sealed, to any of them, in any order, as
 * often as it likes, while senders seal, time passes, streams are evicted, and receivers restart, with their stored state or
 * without. Spin looks at every history of this size. With AGAIN=n, streams from n on may also seal any message anew that
 * somebody sealed before, as often as there are counters.
 *
 * Checked: no receiver accepts a message twice, be it in the same packet or in another that it was sealed in. And what is
 * fresh, unseen, within the window and sealed (at first, too) after the floor's last cause is accepted: nothing is refused
 * without a reason of §4.
 *
 * BREAK=n breaks a rule, and must then be found out: see tests/suites/model.
 */
#ifndef LAST_STREAM
#define LAST_STREAM 2 /* streams are 0 to this */
#endif
#ifndef LAST_RECEIVER
#define LAST_RECEIVER 0
#endif
#ifndef TABLE
#define TABLE 2 /* streams that a receiver remembers */
#endif
#ifndef TIMES
#define TIMES 3
#endif
#ifndef LEAD
#define LEAD 0 /* of senders' clocks; receivers start strictly, or a restart within it accepts once more (§4) */
#endif
#ifndef COUNTERS
#define COUNTERS 2 /* packets of a stream */
#endif
#define LAST_PACKET ((LAST_STREAM + 1) * COUNTERS - 1)
#define WINDOW      1 /* a packet so far behind the highest counter is in the window still */
#ifndef SKEW
#define SKEW 1
#endif

#ifdef AGAIN
#define FIRST(p) (anew[p] > 0 -> anew[p] - 1 : p) /* the first packet of its message */
#else
#define FIRST(p) p
#endif

#ifndef BREAK
#define BREAK 0
#endif

typedef record {
    bool used;
    byte id;
    byte highest;
    byte map; /* bit i: counter highest - i */
    byte newest;
    byte floor
};

typedef receiver {
    byte floor;
    byte cause; /* what raised it last: the time of a start, or of an eviction */
    record table[TABLE];
    bool accepted[(LAST_STREAM + 1) * COUNTERS] /* of messages, by their first packets */
};

byte now = 1;
byte next[LAST_STREAM + 1];   /* counter */
byte time[(LAST_STREAM + 1) * COUNTERS];   /* of sealing; 0: not yet */
#ifdef AGAIN
byte anew[(LAST_STREAM + 1) * COUNTERS]; /* one more than the first packet, of what is sealed anew; else 0 */
#endif
receiver node[LAST_RECEIVER + 1];

inline start(r) {
    node[r].floor = now + LEAD;
#if BREAK == 1
    node[r].floor = 0; /* a start without state takes all that is fresh */
#endif
#if BREAK == 2
    node[r].floor = now; /* not strict */
#endif
    node[r].cause = node[r].floor;
    i = 0;
    do
    :: i < TABLE -> node[r].table[i].used = false; node[r].table[i].id = 0; node[r].table[i].highest = 0;
        node[r].table[i].map = 0; node[r].table[i].newest = 0; node[r].table[i].floor = 0; i++
    :: else -> break
    od;
    i = 0
}

inline find(r, p) {
    slot = 0;
    do
    :: slot < TABLE && !(node[r].table[slot].used && node[r].table[slot].id == p / COUNTERS) -> slot++
    :: else -> break
    od
}

/* Rules 3 (or 6, of the first packet) and 8. */
inline look_up(r, p) {
    find(r, p);
    c = p % COUNTERS;
    if
    :: slot < TABLE ->
        if
        :: c <= node[r].table[slot].highest && node[r].table[slot].highest - c > WINDOW -> verdict = false; due = false
#if BREAK == 7
        :: c < node[r].table[slot].highest && node[r].table[slot].highest - c == WINDOW -> verdict = false
#endif
        :: c <= node[r].table[slot].highest && node[r].table[slot].highest - c <= WINDOW &&
           (node[r].table[slot].map >> (node[r].table[slot].highest - c)) % 2 == 1 -> verdict = false
        :: else -> skip
        fi
    :: else -> skip
    fi;
    if
#if BREAK == 9
    :: p != at -> skip /* the time of the first packet does not count */
#endif
    :: slot < TABLE && time[p] <= node[r].table[slot].floor -> verdict = false
    :: slot == TABLE && time[p] <= node[r].floor -> verdict = false
    :: else -> skip
    fi
}

/* Rules 3 to 9 for packet `at`; `verdict` is whether it was accepted, and `due` whether it had to be. */
inline deliver(r) {
    f = FIRST(at);
    verdict = true;
    due = !node[r].accepted[f] && time[at] + SKEW >= now && time[at] <= now + LEAD && time[at] > node[r].cause &&
          time[f] <= now + LEAD && time[f] > node[r].cause;
    look_up(r, at);
#ifdef AGAIN
#if BREAK != 10
    if
    :: f != at -> look_up(r, f)
    :: else -> skip
    fi;
#endif
#endif
    if
    :: time[at] + SKEW < now || time[at] > now + LEAD || time[f] > now + LEAD -> verdict = false /* 7 */
    :: else -> skip
    fi;
    assert(!due || verdict);
    if
    :: verdict ->
        assert(!node[r].accepted[f]);
        node[r].accepted[f] = true;
#ifdef AGAIN
        if
#if BREAK != 8
        :: f != at -> accept(r, f)
#endif
        :: else -> skip
        fi;
#endif
        accept(r, at)
    :: else -> skip
    fi;
    f = 0; c = 0; slot = 0; verdict = false; due = false
}

inline accept(r, p) {
    find(r, p);
    c = p % COUNTERS;
    if
    :: slot == TABLE -> enter(r, p)
    :: else -> skip
    fi;
    if
    :: c > node[r].table[slot].highest ->
#if BREAK != 5
        node[r].table[slot].map = (node[r].table[slot].map << (c - node[r].table[slot].highest)) % (1 << (WINDOW + 1));
#endif
        node[r].table[slot].highest = c
    :: else -> skip
    fi;
    if
    :: c + WINDOW >= node[r].table[slot].highest ->
        node[r].table[slot].map = node[r].table[slot].map | (1 << (node[r].table[slot].highest - c))
    :: else -> skip
    fi;
    if
    :: time[p] > node[r].table[slot].newest -> node[r].table[slot].newest = time[p]
    :: else -> skip
    fi
}

/* Makes room where there is none: the stream with the smallest newest time goes. */
inline enter(r, p) {
    slot = 0;
    do
    :: slot < TABLE && node[r].table[slot].used -> slot++
    :: else -> break
    od;
    if
    :: slot == TABLE ->
#if TABLE == 1
        slot = 0;
#else
        slot = (node[r].table[0].newest <= node[r].table[1].newest -> 0 : 1);
#endif
#if BREAK == 6
        slot = 1 - slot; /* the newest goes, and the floor rises to the oldest */
        if
        :: node[r].table[1 - slot].newest > node[r].floor -> node[r].floor = node[r].table[1 - slot].newest
        :: else -> skip
        fi;
#elif BREAK != 3
        if
        :: node[r].table[slot].newest > node[r].floor -> node[r].floor = node[r].table[slot].newest
        :: else -> skip
        fi;
#endif
        node[r].cause = (node[r].floor > node[r].cause -> node[r].floor : node[r].cause)
    :: else -> skip
    fi;
    node[r].table[slot].used = true;
    node[r].table[slot].id = p / COUNTERS;
    node[r].table[slot].highest = c;
    node[r].table[slot].map = 0;
    node[r].table[slot].newest = 0;
    node[r].table[slot].floor = node[r].floor;
#if BREAK == 4
    node[r].table[slot].floor = 0; /* a stream that enters again has forgotten */
#endif
}

init {
    byte i, s, c, slot, at, f, r;
    bool verdict, due;

    d_step {
        r = 0;
        do
        :: r <= LAST_RECEIVER -> start(r); r++
        :: else -> break
        od;
        r = 0
    };
end:
    do
    :: d_step { now < TIMES -> now++ }
    :: atomic { /* a sender whose clock is right, or ahead */
        select(s: 0 .. LAST_STREAM);
        if
        :: next[s] < COUNTERS ->
#ifdef AGAIN
            select(f: 0 .. LAST_PACKET);
            if
            :: s >= AGAIN && time[f] > 0 && anew[f] == 0 -> anew[s * COUNTERS + next[s]] = f + 1
            :: else -> skip /* a new message */
            fi;
            f = 0;
#endif
            if
            :: time[s * COUNTERS + next[s]] = now
#if LEAD > 0
            :: time[s * COUNTERS + next[s]] = now + LEAD
#endif
            fi;
            next[s]++
        :: else -> skip
        fi;
        s = 0
       }
    :: atomic { /* the broker */
        select(at: 0 .. LAST_PACKET);
        select(r: 0 .. LAST_RECEIVER);
        if
        :: time[at] > 0 -> deliver(r)
        :: else -> skip
        fi;
        at = 0; r = 0
       }
    :: atomic { /* a restart without stored state; one with it changes nothing */
        select(r: 0 .. LAST_RECEIVER);
        start(r);
        r = 0
       }
    od
}
