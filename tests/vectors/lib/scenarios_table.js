// SPDX-License-Identifier: MIT
'use strict';
// Rules 8 and 9 of §4: the floor, the table of streams, and who leaves it.

const { Script, NOW, MINUTE } = require('./script');

const T = NOW - 4 * MINUTE; // within clock_skew of NOW, above every floor

function startFloor() {
  const s = new Script('rule 8: the floor at the start', { floor_ms: NOW });
  const [a, b] = [s.sender('a'), s.sender('b')];
  s.receive('stale', s.packet(a, 0, { time: NOW - 1000 }), { about: 'sealed before the receiver started' });
  s.receive('stale', s.packet(a, 0, { time: NOW }), { about: 'in the same millisecond' });
  s.receive('accepted', s.packet(a, 0, { time: NOW + 1 }), { about: 'one later' });
  s.receive('stale', s.packet(a, 1, { time: NOW }), { about: "the stream's own floor" });
  s.receive('accepted', s.packet(a, 1, { time: NOW + 1 }), { about: 'the same time as counter 0' });
  s.wait(2 * MINUTE);
  s.receive('stale', s.packet(b, 0, { time: NOW }), { about: 'the floor stays' });
  s.receive('accepted', s.packet(b, 0, { time: NOW + 2 }));
  return s;
}

function strictStart() {
  const s = new Script('rule 8: strict start', { floor_ms: NOW + 10000 });
  const a = s.sender('a');
  s.receive('stale', s.packet(a, 0, { time: NOW + 10000 }), { about: 'the furthest that the clock allows' });
  s.receive('future', s.packet(a, 0, { time: NOW + 10001 }), { about: 'rule 7 comes first' });
  s.wait(10001);
  s.receive('stale', s.packet(a, 0, { time: NOW + 10000 }));
  s.receive('accepted', s.packet(a, 0, { time: NOW + 10001 }));
  return s;
}

function tableOfOne() {
  const s = new Script('rule 9: a table of one', { streams: 1 });
  const [a, b, c] = ['a', 'b', 'c'].map((label) => s.sender(label));
  const a0 = s.packet(a, 0, { time: T + 100 });
  const b0 = s.packet(b, 0, { time: T + 50 });
  s.receive('accepted', a0);
  s.receive('accepted', b0, { about: 'a goes, the floor rises to its newest time, b is older than that' });
  s.receive('replay', b0);
  s.receive('stale', s.packet(b, 1, { time: T + 90 }), { about: "not above b's own floor" });
  s.receive('stale', s.packet(b, 1, { time: T + 100 }), { about: 'exactly the floor' });
  s.receive('stale', a0, { about: 'a again: unknown, and not above the floor' });
  s.receive('accepted', s.packet(b, 1, { time: T + 101 }));
  s.receive('stale', s.packet(a, 1, { time: T + 100 }));
  s.receive('accepted', s.packet(a, 1, { time: T + 102 }), { about: 'a is back, with an empty map; b goes' });
  s.receive('stale', a0, { about: 'counter 0 is not in the map, its time is too low' });
  s.receive('stale', s.packet(a, 0, { time: T + 101 }));
  s.receive('accepted', s.packet(a, 0, { time: T + 103 }), { about: 'the same counter, sealed later: not accepted before' });
  s.receive('stale', b0);
  s.receive('stale', s.packet(c, 0, { time: T + 101 }), { about: 'a new one must be above the floor' });
  s.receive('accepted', s.packet(c, 0, { time: T + 102 }), { about: "above the floor, below the newest of a, which goes" });
  s.receive('stale', s.packet(c, 1, { time: T + 103 }));
  s.receive('accepted', s.packet(c, 1, { time: T + 104 }));
  return s;
}

function tableOfTwo() {
  const s = new Script('rule 9: a table of two', { streams: 2 });
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((label) => s.sender(label));
  s.receive('accepted', s.packet(a, 0, { time: T + 10 }));
  s.receive('accepted', s.packet(b, 0, { time: T + 20 }));
  s.receive('accepted', s.packet(a, 1, { time: T + 30 }), { about: 'a is now the newer one' });
  s.receive('accepted', s.packet(a, 2, { time: T + 5 }), { about: 'newest is a maximum: this one is older' });
  s.receive('accepted', s.packet(c, 0, { time: T + 15 }), { about: 'b goes, the floor is 20' });
  s.receive('replay', s.packet(a, 1, { time: T + 30 }), { about: 'a is still there' });
  s.receive('accepted', s.packet(a, 3, { time: T + 12 }), { about: "a's own floor did not rise" });
  s.receive('stale', s.packet(b, 0, { time: T + 20 }));
  s.receive('stale', s.packet(d, 0, { time: T + 20 }));
  s.receive('stale', s.packet(c, 1, { time: T + 20 }), { about: "c's own floor is the risen one" });
  s.receive('accepted', s.packet(d, 0, { time: T + 21 }), { about: 'c goes; its newest, 15, does not lower the floor' });
  s.receive('stale', s.packet(c, 0, { time: T + 15 }));
  s.receive('stale', s.packet(c, 1, { time: T + 20 }));
  s.receive('accepted', s.packet(c, 1, { time: T + 22 }), { about: 'd goes, the floor is 21' });
  s.receive('stale', s.packet(d, 1, { time: T + 21 }));
  s.receive('accepted', s.packet(a, 4, { time: T + 11 }), { about: "a's own floor is that of the start" });
  return s;
}

function refusedEntersNot() {
  const s = new Script('rule 9: what is refused does not enter the table', { streams: 1 });
  const [a, b] = [s.sender('a'), s.sender('b')];
  s.receive('accepted', s.packet(a, 0, { time: T + 10 }));
  s.receive('forged', s.packet(b, 0, { time: T + 20 }), { topic: 'elsewhere' });
  s.receive('unsupported', s.packet(b, 0, { kind: 77 }));
  s.receive('malformed', s.packet(b, 0, { claimed: 77 }));
  s.receive('unasked', s.reply(b, 0, Buffer.alloc(16)), { topic: s.receiver.replyTopic() });
  s.receive('stale', s.packet(b, 0, { time: NOW - 6 * MINUTE }));
  s.receive('stale', s.packet(b, 0, { time: 0 }));
  s.receive('future', s.packet(b, 0, { time: NOW + MINUTE }));
  s.receive('own', s.packet(s.receiver.own, 0));
  s.receive('replay', s.packet(a, 0, { time: T + 10 }), { about: 'a is still there' });
  s.receive('accepted', s.packet(a, 1, { time: T + 1 }), { about: 'and its floor has not risen' });
  return s;
}

// Twenty streams through a table of eight: the eight with the newest times stay.
function tableOfEight() {
  const s = new Script('rule 9: a table of eight', { streams: 8 });
  const order = [3, 17, 5, 11, 2, 19, 7, 13, 1, 20, 9, 12, 16, 4, 18, 6, 10, 15, 8, 14];
  const sent = order.map((n) => s.packet(s.sender(`n${n}`), n, { time: T + 100 * n }));
  let floor = s.setup.floor_ms;
  const table = []; // times, which tell the streams apart here
  order.forEach((n, i) => {
    const time = T + 100 * n;
    const accepted = time > floor;
    s.receive(accepted ? 'accepted' : 'stale', sent[i], { about: `stream ${n}` });
    if (!accepted) return;
    if (table.length === 8) floor = Math.max(floor, table.sort((x, y) => x - y).shift());
    table.push(time);
  });
  order.forEach((n, i) => s.receive(table.includes(T + 100 * n) ? 'replay' : 'stale', sent[i], { about: `${n} again` }));
  return s;
}

// Ids that an index may confuse: alike in their first or last bytes.
function alike() {
  const s = new Script('rule 3: streams with like ids', { streams: 8 });
  const a = s.sender('a');
  const ids = [a];
  for (const place of [0, 3, 4, 7, 8, 11]) {
    const id = Buffer.from(a);
    id[place] ^= 1;
    ids.push(id);
  }
  ids.forEach((id, n) => s.receive('accepted', s.packet(id, n, { time: T + n + 1 }), { about: `id ${n}` }));
  ids.forEach((id, n) => s.receive('replay', s.packet(id, n, { time: T + n + 1 }), { about: `id ${n} again` }));
  ids.forEach((id, n) => s.receive('accepted', s.packet(id, n + 1, { time: T + n + 20 }), { about: `id ${n}, next` }));
  s.receive('accepted', s.packet(Buffer.alloc(12), 0, { time: T + 40 }), { about: 'an id of zeros' });
  s.receive('replay', s.packet(Buffer.alloc(12), 0, { time: T + 40 }));
  s.receive('accepted', s.packet(Buffer.alloc(12, 255), 0, { time: T + 41 }), { about: 'an id of ones; one leaves' });
  s.receive('stale', s.packet(ids[0], 1, { time: T + 20 }), { about: 'it is the first' });
  s.receive('replay', s.packet(ids[1], 2, { time: T + 21 }));
  return s;
}

// A stream that goes on for long is never too old itself.
function slowly() {
  const s = new Script('rule 9: one stream for long', { streams: 2 });
  const [a, b, c] = ['a', 'b', 'c'].map((label) => s.sender(label));
  const kept = [];
  for (let n = 0; n < 8; n++) {
    kept.push(s.packet(a, n));
    s.receive('accepted', kept[n]);
    s.wait(2 * MINUTE);
  }
  s.receive('accepted', s.packet(b, 0));
  s.receive('accepted', s.packet(c, 0, { time: s.now - 1 }), { about: 'a, two minutes silent, goes' });
  s.receive('stale', kept[7], { about: 'its last is within clock_skew, and not above the floor' });
  s.receive('stale', kept[0], { about: 'its first is stale by rule 7' });
  return s;
}

function renewed() {
  const s = new Script('own streams: a former one stands as full', { streams: 2 });
  const mine = s.receiver.own;
  s.receive('own', s.packet(mine, 0));
  s.renew();
  s.receive('replay', s.packet(mine, 0), { about: 'an echo of the former stream' });
  s.receive('replay', s.packet(mine, 2 ** 32 - 1), { about: 'any counter' });
  s.receive('own', s.packet(s.receiver.own, 0), { about: 'the new one' });
  s.receive('accepted', s.packet(s.sender('a'), 0, { time: s.now - 10 }));
  s.receive('accepted', s.packet(s.sender('b'), 0, { time: s.now - 5 }), { about: 'a goes: it is older' });
  s.receive('replay', s.packet(mine, 1));
  s.wait(1000);
  s.receive('accepted', s.packet(s.sender('b'), 1));
  s.receive('accepted', s.packet(s.sender('c'), 0), { about: 'the former one goes, with the time of its end' });
  s.receive('stale', s.packet(mine, 1, { time: s.now - 1000 }));
  return s;
}

module.exports = () => [
  startFloor(), strictStart(), tableOfOne(), tableOfTwo(), refusedEntersNot(), tableOfEight(), alike(), slowly(),
  renewed(),
];
