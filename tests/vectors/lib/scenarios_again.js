// SPDX-License-Identifier: MIT
'use strict';
// Messages sealed anew (§3): one message, whichever packet it comes in.

const { bytes, join, be } = require('./bytes');
const { KIND, firstBytes } = require('./packet');
const { Script, NOW, MINUTE, TOPIC } = require('./script');

const message = KIND.message;
const lasting = KIND.lasting;
const minutesAgo = (stream, counter, minutes, kind = message) => ({ stream, counter, time: NOW - minutes * MINUTE, kind });

function order() {
  const s = new Script('again: in whatever order', { floor_ms: NOW - 90 * MINUTE });
  const [a, b, c] = ['a', 'b', 'c'].map((label) => s.sender(label));
  const first = { stream: a, counter: 0, time: NOW };
  s.receive('accepted', s.packet(a, 0), { about: 'the first packet' });
  s.receive('accepted', s.packet(a, 1), { about: 'and another' });
  s.wait(6 * MINUTE);
  s.receive('stale', s.packet(a, 2, { time: NOW }), { about: 'a third, which came too late' });
  s.receive('replay', s.again(a, 4, first), { about: 'sealed anew, after the first' });
  s.receive('replay', s.again(b, 0, first), { about: 'by a later run' });
  s.receive('accepted', s.again(a, 5, { ...first, counter: 2 }), { about: 'the third sealed anew' });
  s.receive('replay', s.again(a, 5, { ...first, counter: 2 }), { about: 'the same packet' });
  s.receive('replay', s.again(b, 0, { ...first, counter: 2 }), { about: 'and again, by a later run' });
  s.receive('replay', s.packet(a, 2, { time: NOW }), { about: 'its first packet, after all' });
  s.receive('accepted', s.packet(b, 0), { about: 'counter 0 of that run is still free' });
  s.receive('accepted', s.again(b, 1, minutesAgo(c, 7, 60)), { about: 'of a stream never heard of, which enters' });
  s.receive('replay', s.packet(c, 7), { about: 'it is in the table' });
  s.receive('accepted', s.packet(c, 8));
  s.receive('accepted', s.packet(c, 6), { about: 'a message for itself' });
  s.receive('replay', s.again(b, 2, minutesAgo(c, 8, 0)), { about: 'what came is what came' });
  s.receive('replay', s.again(a, 6, minutesAgo(b, 1, 0)), { about: 'names a packet that was one sealed anew' });
  return s;
}

function malformed() {
  const s = new Script('again: malformed', { floor_ms: NOW - 90 * MINUTE });
  const [a, c] = [s.sender('a'), s.sender('c')];
  const first = minutesAgo(c, 7, 60);
  const kind = KIND.again;
  for (const length of [0, 1, 16, 22]) {
    const payload = firstBytes(first).subarray(0, length);
    s.receive('malformed', s.packet(a, 0, { kind, payload }), { about: `${length} bytes` });
    s.receive('malformed', s.packet(a, 0, { kind, payload, padSize: 50 }), { about: `${length} bytes and padding` });
  }
  for (const other of [1, 2, 4, 5, 255]) {
    s.receive('malformed', s.again(a, 0, { ...first, kind: other }), { about: `first a kind ${other}` });
  }
  s.receive('malformed', s.again(a, 0, { ...first, time: 0 }), { about: 'first at no time' });
  s.receive('malformed', s.again(a, 0, { ...first, stream: s.receiver.own, time: 0 }), { about: 'before own' });
  s.receive('malformed', s.again(a, 0, { ...first, kind: 9 }, { time: 0 }), { about: 'before stale' });
  s.receive('malformed', s.again(a, 0, first, { claimed: 9999 }), { about: 'a length that lies' });
  s.receive('forged', s.again(a, 0, first, { topic: 'iot/cellar' }), { about: 'moved to another topic' });
  s.receive('accepted', s.again(a, 0, first, { body: '' }), { about: '23 bytes alone' });
  s.receive('accepted', s.again(a, 1, { ...first, counter: 8 }, { padSize: 50 }), { about: 'padded' });
  return s;
}

function own() {
  const s = new Script('again: own', { floor_ms: NOW - 90 * MINUTE });
  const a = s.sender('a');
  const mine = s.receiver.own;
  s.receive('own', s.again(mine, 0, minutesAgo(a, 0, 60)), { about: 'by rule 2' });
  s.receive('own', s.again(a, 0, minutesAgo(mine, 0, 60)), { about: 'an own message, sealed anew by another' });
  s.receive('own', s.again(a, 0, minutesAgo(mine, 0, 60), { time: NOW - 60 * MINUTE }), { about: 'before stale' });
  s.receive('own', s.again(a, 0, { stream: mine, counter: 0, time: NOW + 60 * MINUTE }), { about: 'before future' });
  s.renew();
  s.receive('replay', s.again(a, 0, minutesAgo(mine, 0, 60)), { about: 'of a former own stream' });
  s.receive('accepted', s.packet(a, 0), { about: 'none of that changed the state' });
  return s;
}

function times() {
  const s = new Script('again: times', { floor_ms: NOW - 60 * MINUTE });
  const [a, b, c] = ['a', 'b', 'c'].map((label) => s.sender(label));
  const at = (stream, counter, time) => ({ stream, counter, time });
  s.receive('stale', s.again(a, 0, minutesAgo(c, 0, 59), { time: NOW - 5 * MINUTE - 1 }), { about: 'the packet itself is old' });
  s.receive('future', s.again(a, 0, minutesAgo(c, 0, 59), { time: NOW + 10001 }), { about: 'or ahead' });
  s.receive('future', s.again(a, 0, at(c, 0, NOW + 10001)), { about: 'the first is ahead' });
  s.receive('future', s.again(a, 0, at(c, 0, NOW + 10003), { time: NOW + 10002 }), { about: 'both: the greater' });
  s.receive('future', s.again(a, 0, at(c, 0, NOW + MINUTE), { time: NOW - 6 * MINUTE }), { about: 'ahead comes before old' });
  s.receive('stale', s.again(a, 0, minutesAgo(c, 0, 60)), { about: 'the first is at the floor' });
  s.receive('stale', s.again(a, 0, minutesAgo(c, 0, 61)), { about: 'below it' });
  s.receive('stale', s.again(a, 0, minutesAgo(a, 5, 60)), { about: 'of the same stream' });
  s.receive('stale', s.again(a, 0, minutesAgo(c, 0, 59), { time: 0 }), { about: 'by a sender without a clock' });
  s.receive('accepted', s.again(a, 0, at(c, 0, NOW - 60 * MINUTE + 1)), { about: 'just above the floor' });
  s.receive('accepted', s.again(a, 1, at(c, 1, NOW + 10000)), { about: 'a first at the lead, after the clock was set back' });
  s.receive('stale', s.again(a, 2, minutesAgo(c, 2, 60)), { about: "c's own floor is the same" });
  s.receive('accepted', s.again(b, 0, minutesAgo(c, 2, 30)), { about: 'older than what came of c' });
  s.receive('future', s.packet(c, 3, { time: NOW + 10001 }));
  s.now = null;
  s.receive('no_clock', s.again(b, 1, minutesAgo(c, 3, 30)));
  s.receive('replay', s.again(b, 1, minutesAgo(c, 2, 30)), { about: 'also without a clock' });
  return s;
}

// A table of one: the second stream drives out the first, which may be its own.
function tableOfOne() {
  const s = new Script('again: a table of one', { streams: 1, floor_ms: NOW - 90 * MINUTE });
  const [a, b, c] = ['a', 'b', 'c'].map((label) => s.sender(label));
  const first = minutesAgo(c, 0, 60);
  s.receive('accepted', s.again(a, 0, first), { about: 'c enters and goes: the floor is the time of its message' });
  s.receive('stale', s.again(b, 0, first), { about: 'once more' });
  s.receive('stale', s.again(a, 1, first), { about: 'and by the same run' });
  s.receive('stale', s.again(a, 1, minutesAgo(c, 1, 61)), { about: 'an earlier one is lost: the table is too small' });
  s.receive('accepted', s.again(a, 1, minutesAgo(c, 1, 59)));
  s.receive('stale', s.again(a, 2, minutesAgo(b, 7, 5)), { about: 'a went, and came again: the floor was raised to its newest' });
  s.receive('accepted', s.packet(a, 3, { time: NOW + 1 }));
  s.receive('accepted', s.again(a, 5, { stream: a, counter: 4, time: NOW + 1 }, { time: NOW + 2 }),
    { about: 'of its own stream: one place' });
  s.receive('replay', s.packet(a, 4));
  s.receive('replay', s.packet(a, 3, { time: NOW + 1 }));
  return s;
}

// The packet's own stream is the oldest: entering the first one's drives it out, and it comes back.
function drivenOut() {
  const s = new Script('again: the own stream goes and comes back', { streams: 2, floor_ms: NOW - 90 * MINUTE });
  const [a, b, c] = ['a', 'b', 'c'].map((label) => s.sender(label));
  s.receive('accepted', s.packet(a, 0, { time: NOW - 4 * MINUTE }));
  s.receive('accepted', s.packet(b, 0, { time: NOW - 1 }));
  s.receive('accepted', s.again(a, 1, minutesAgo(c, 0, 60)), { about: 'a goes, c enters, c goes, a enters' });
  s.receive('replay', s.packet(a, 1));
  s.receive('stale', s.packet(a, 0, { time: NOW - 4 * MINUTE }), { about: 'what a sent before is below the floor' });
  s.receive('replay', s.packet(b, 0, { time: NOW - 1 }));
  s.receive('stale', s.again(b, 1, minutesAgo(c, 0, 60)));
  s.receive('stale', s.packet(c, 0, { time: NOW - 4 * MINUTE }));
  s.receive('accepted', s.packet(c, 1, { time: NOW + 1 }), { about: 'newer than the floor' });
  return s;
}

function windows() {
  const s = new Script('again: the window of the first stream', { floor_ms: NOW - 90 * MINUTE });
  const [a, b] = [s.sender('a'), s.sender('b')];
  s.receive('accepted', s.packet(a, 100));
  s.receive('replay', s.again(b, 0, minutesAgo(a, 36, 60)), { about: 'below it' });
  s.receive('accepted', s.again(b, 0, minutesAgo(a, 37, 60)), { about: 'its last' });
  s.receive('accepted', s.again(b, 1, minutesAgo(a, 101, 1)), { about: 'above it' });
  s.receive('replay', s.packet(a, 37));
  s.receive('accepted', s.packet(a, 38));
  s.receive('accepted', s.again(a, 165, minutesAgo(a, 102, 60)), { about: 'of the same stream, 63 behind' });
  s.receive('replay', s.again(a, 166, minutesAgo(a, 101, 60)));
  return s;
}

function lastingAsked() {
  const s = new Script('again: lasting', { lasting_topics: 16, floor_ms: NOW - 90 * MINUTE });
  const [a, b, c] = ['a', 'b', 'c'].map((label) => s.sender(label));
  const old = { time: NOW - 30 * MINUTE };
  const late = (counter, minutes, more) => s.again(b, counter, minutesAgo(c, counter, minutes, lasting), { ...old, ...more });
  s.receive('stale', late(0, 60, { payload: join(firstBytes(minutesAgo(c, 0, 60)), bytes('x')) }), { about: 'no lasting one' });
  s.receive('accepted', late(1, 60), { about: 'old, and handed on as such' });
  s.receive('stale', late(1, 60), { about: 'the same' });
  s.receive('stale', s.again(b, 9, minutesAgo(c, 1, 60, lasting)), { about: 'sealed anew once more: not as new' });
  s.receive('stale', s.packet(c, 1, { kind: lasting, time: NOW - 60 * MINUTE }), { about: 'its first packet' });
  s.receive('stale', late(2, 61), { about: 'an earlier one' });
  s.receive('accepted', late(3, 59), { about: 'a later one' });
  s.receive('accepted', late(4, 60, { topic: 'iot/hall' }), { topic: 'iot/hall', about: 'another topic' });
  s.receive('accepted', s.again(a, 0, minutesAgo(c, 5, 58, lasting)), { about: 'a fresh packet: by §4' });
  s.receive('replay', late(5, 58), { about: 'that, in an old packet' });
  s.receive('stale', s.packet(c, 6, { kind: lasting, time: NOW - 58 * MINUTE }), { about: 'its time counts for its topic' });
  s.receive('accepted', s.packet(c, 6, { kind: lasting, time: NOW - 57 * MINUTE }), { about: 'a later one, old' });
  s.receive('stale', s.again(a, 1, minutesAgo(c, 6, 57, lasting)), { about: 'and that sealed anew' });
  s.receive('accepted', s.again(a, 1, minutesAgo(c, 7, 57, lasting), { topic: 'iot/hall' }),
    { topic: 'iot/hall', about: 'not above what was handed on as old elsewhere: itself as old' });
  s.receive('stale', s.again(a, 2, minutesAgo(c, 7, 57, lasting), { topic: 'iot/hall' }), { topic: 'iot/hall' });
  s.receive('accepted', s.again(a, 3, minutesAgo(c, 8, 57)), { about: 'of no concern to other kinds' });
  s.receive('future', late(9, -60), { about: 'first ahead' });
  return s;
}

// The packet is at or below its stream's floor, the message is not: handed on as old, and never as new.
function lastingBelow() {
  const s = new Script('again: lasting, by rule 8', { lasting_topics: 16, floor_ms: NOW - MINUTE, streams: 2 });
  const [a, c] = [s.sender('a'), s.sender('c')];
  const first = { stream: c, counter: 0, time: NOW, kind: lasting };
  s.receive('accepted', s.again(a, 0, first, { time: NOW - 2 * MINUTE }), { about: 'its sender set the clock back' });
  s.receive('stale', s.packet(c, 0, { kind: lasting }), { about: 'its first packet, fresh' });
  s.receive('stale', s.again(a, 1, first), { about: 'sealed anew, fresh' });
  s.receive('accepted', s.packet(c, 1, { kind: lasting, time: NOW + 1 }));
  return s;
}

function lastingNotAsked() {
  const s = new Script('again: lasting, not asked for', { floor_ms: NOW - 90 * MINUTE });
  const [a, c] = [s.sender('a'), s.sender('c')];
  const first = minutesAgo(c, 0, 60, lasting);
  s.receive('stale', s.again(a, 0, first, { time: NOW - 30 * MINUTE }));
  s.receive('accepted', s.again(a, 0, first));
  s.receive('replay', s.again(a, 1, first));
  s.receive('replay', s.packet(c, 0, { kind: lasting, time: first.time }));
  s.receive('malformed', s.packet(a, 1, { topic: '~time', kind: KIND.again, payload: be(0, 0) }), { topic: '~time' });
  s.receive('accepted', s.again(a, 1, minutesAgo(c, 1, 60), { body: '', topic: '~time' }), { topic: '~time', about: 'a message' });
  s.receive('accepted', s.packet(a, 2), { topic: TOPIC });
  return s;
}

module.exports = () => [
  order(), malformed(), own(), times(), tableOfOne(), drivenOut(), windows(), lastingAsked(), lastingBelow(),
  lastingNotAsked(),
];
