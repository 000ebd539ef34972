/* SPDX-License-Identifier: MIT */
/*
 * The receiver of docs/PROTOCOL.md §4, two of them, and a broker that delivers any packet ever sealed, to any of them, in any order, as
 * often as it likes, while senders seal, time passes, streams are evicted, and receivers restart, with their stored state or
 * without. Spin looks at every history of this size.
 *
 * Checked: no receiver accepts a (stream, counter) twice. And what is fresh, unseen, within the window and sealed after
 * the floor's last cause is accepted: nothing is refused without a reason of §4.
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
    bool accepted[(LAST_STREAM + 1) * COUNTERS]
};

byte now = 1;
byte next[LAST_STREAM + 1];   /* counter */
byte time[(LAST_STREAM + 1) * COUNTERS];   /* of sealing; 0: not yet */
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

/* Rules 3 to 9 for packet p; `verdict` is whether it was accepted, and `due` whether it had to be. */
inline deliver(r, p) {
    s = p / COUNTERS;
    c = p % COUNTERS;
    verdict = true;
    due = !node[r].accepted[p] && time[p] + SKEW >= now && time[p] <= now + LEAD && time[p] > node[r].cause;
    slot = 0;
    do
    :: slot < TABLE && !(node[r].table[slot].used && node[r].table[slot].id == s) -> slot++
    :: else -> break
    od;
    if
    :: slot < TABLE -> /* 3 */
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
    :: time[p] + SKEW < now || time[p] > now + LEAD -> verdict = false /* 7 */
    :: else -> skip
    fi;
    if /* 8 */
    :: slot < TABLE && time[p] <= node[r].table[slot].floor -> verdict = false
    :: slot == TABLE && time[p] <= node[r].floor -> verdict = false
    :: else -> skip
    fi;
    assert(!due || verdict);
    if
    :: verdict -> accept(r, p)
    :: else -> skip
    fi;
    s = 0; c = 0; slot = 0; verdict = false; due = false
}

inline accept(r, p) {
    assert(!node[r].accepted[p]);
    node[r].accepted[p] = true;
    if
    :: slot == TABLE -> enter(r)
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
    node[r].table[slot].map = node[r].table[slot].map | (1 << (node[r].table[slot].highest - c));
    if
    :: time[p] > node[r].table[slot].newest -> node[r].table[slot].newest = time[p]
    :: else -> skip
    fi
}

/* Makes room where there is none: the stream with the smallest newest time goes. */
inline enter(r) {
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
    node[r].table[slot].id = s;
    node[r].table[slot].highest = c;
    node[r].table[slot].map = 0;
    node[r].table[slot].newest = 0;
    node[r].table[slot].floor = node[r].floor;
#if BREAK == 4
    node[r].table[slot].floor = 0; /* a stream that enters again has forgotten */
#endif
}

init {
    byte i, s, c, slot, p, r;
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
        select(p: 0 .. LAST_PACKET);
        select(r: 0 .. LAST_RECEIVER);
        if
        :: time[p] > 0 -> deliver(r, p)
        :: else -> skip
        fi;
        p = 0; r = 0
       }
    :: atomic { /* a restart without stored state; one with it changes nothing */
        select(r: 0 .. LAST_RECEIVER);
        start(r);
        r = 0
       }
    od
}
