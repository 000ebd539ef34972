// SPDX-License-Identifier: MIT
'use strict';
// Rule 7 of §4: clocks.

const { KIND } = require('./packet');
const { Script, NOW, MINUTE, KEY32 } = require('./script');

function edges(name, options) {
  const s = new Script(name, { floor_ms: NOW - 100 * MINUTE, ...options });
  const { clock_skew_ms: skew, clock_lead_ms: lead } = s.setup;
  const a = s.sender('a');
  const times = [
    ['accepted', 0, 'now'], ['accepted', -skew, 'exactly clock_skew old'], ['stale', -skew - 1, 'one older'],
    ['accepted', lead, 'exactly clock_lead ahead'], ['future', lead + 1, 'one further ahead'],
    ['stale', -10 * skew - 7, 'far too old'], ['future', 10 * lead + 9, 'far ahead'],
  ];
  times.forEach(([want, offset, about], counter) =>
    s.receive(want, s.packet(a, counter, { time: NOW + offset }), { about }));
  s.receive('stale', s.packet(a, 50, { time: 0 }), { about: 'time 0: a sender without a clock' });
  s.receive('stale', s.packet(a, 50, { time: 1 }), { about: 'time 1' });
  s.receive('future', s.packet(a, 50, { time: 2 ** 48 - 1 }), { about: 'the largest time' });
  for (const kind of [KIND.request, KIND.lasting]) {
    s.receive('stale', s.packet(a, 50, { kind, time: NOW - skew - 1 }), { about: `kind ${kind}, stale` });
    s.receive('future', s.packet(a, 50, { kind, time: NOW + lead + 1 }), { about: `kind ${kind}, ahead` });
  }
  const delayed = s.packet(a, 50);
  s.wait(skew);
  s.receive('accepted', delayed, { about: 'delayed by clock_skew' });
  const tooLate = s.packet(a, 51);
  s.wait(skew + 1);
  s.receive('stale', tooLate, { about: 'delayed by one more' });
  return s;
}

// Rule 7 is asked before rule 8, and off_by_ms tells which of them it was.
function bothApply() {
  const s = new Script('rule 7 before rule 8', { floor_ms: NOW - MINUTE });
  const a = s.sender('a');
  s.receive('stale', s.packet(a, 0, { time: NOW - 5 * MINUTE - 3 }), { about: 'rule 7: off by 3' });
  s.receive('stale', s.packet(a, 0, { time: NOW - 5 * MINUTE }), { about: 'rule 8: off by 4 minutes and 1' });
  s.receive('stale', s.packet(a, 0, { time: NOW - MINUTE }), { about: 'rule 8: off by 1' });
  s.receive('accepted', s.packet(a, 0, { time: NOW - MINUTE + 1 }));
  return s;
}

// The receiver's clock goes back: the floor does not.
function back() {
  const s = new Script('rule 7: the clock goes back');
  const a = s.sender('a');
  s.receive('accepted', s.packet(a, 0));
  s.now -= 9 * MINUTE;
  s.receive('future', s.packet(a, 1, { time: NOW }));
  s.receive('accepted', s.packet(a, 1, { time: s.now }), { about: 'still above the floor' });
  s.now -= 2 * MINUTE;
  s.receive('stale', s.packet(a, 2, { time: s.now }), { about: 'below it' });
  s.now = NOW;
  s.receive('accepted', s.packet(a, 2));
  return s;
}

// Small numbers: now - clock_skew is below zero.
function nearZero() {
  const s = new Script('rule 7: a clock near 1970', { floor_ms: 0 });
  const a = s.sender('a');
  s.now = 1000;
  s.receive('stale', s.packet(a, 0, { time: 0 }), { about: 'time 0 is refused even so' });
  s.receive('accepted', s.packet(a, 0, { time: 1 }));
  s.receive('accepted', s.packet(a, 1, { time: 11000 }));
  s.receive('future', s.packet(a, 2, { time: 11001 }));
  s.receive('future', s.packet(a, 2, { time: 2 ** 48 - 1 }));
  return s;
}

// Large numbers: the last milliseconds that a packet can carry.
function nearTheEnd() {
  const end = 2 ** 48 - 1;
  const s = new Script('rule 7: a clock near the largest time', { floor_ms: end - 100 * MINUTE });
  const a = s.sender('a');
  s.now = end - 10001;
  s.receive('future', s.packet(a, 0, { time: end }));
  s.receive('accepted', s.packet(a, 0, { time: end - 1 }));
  s.now = end;
  s.receive('accepted', s.packet(a, 1, { time: end }));
  s.receive('stale', s.packet(a, 2, { time: end - 5 * MINUTE - 1 }));
  return s;
}

function noClock() {
  const s = new Script('rule 7: no clock yet', { floor_ms: null });
  const a = s.sender('a');
  s.now = null;
  s.receive('no_clock', s.packet(a, 0));
  s.receive('no_clock', s.packet(a, 0, { time: 0 }), { about: 'before stale' });
  s.receive('no_clock', s.packet(a, 0, { time: 2 ** 48 - 1 }), { about: 'before future' });
  s.receive('no_clock', s.packet(a, 0, { kind: KIND.lasting }));
  s.receive('no_clock', s.packet(a, 0, { kind: KIND.request }));
  s.receive('unsupported', s.packet(a, 0, { kind: 5 }), { about: 'rule 5 comes first' });
  s.receive('malformed', s.packet(a, 0, { claimed: 50 }), { about: 'rule 5 comes first' });
  s.receive('malformed', s.packet(a, 0, { kind: KIND.reply }), { about: 'rule 6 comes first' });
  s.receive('unasked', s.reply(a, 0, Buffer.alloc(16)), { topic: s.receiver.replyTopic(), about: 'rule 6 comes first' });
  s.receive('forged', s.packet(a, 0), { topic: 'elsewhere' });
  s.receive('own', s.packet(s.receiver.own, 0));
  s.now = NOW;
  s.receive('stale', s.packet(a, 0, { time: NOW }), { about: 'the floor is the time that it learned' });
  s.receive('accepted', s.packet(a, 0, { time: NOW + 1 }));
  s.now = null;
  s.receive('replay', s.packet(a, 0, { time: NOW + 1 }), { about: 'the clock is lost: rule 3 comes first' });
  s.receive('no_clock', s.packet(a, 1, { time: NOW + 1 }));
  return s;
}

module.exports = () => [
  edges('rule 7: edges'),
  edges('rule 7: edges, 15 seconds and 2', { clock_skew_ms: 15000, clock_lead_ms: 2000, key: KEY32 }),
  edges('rule 7: edges, one millisecond each', { clock_skew_ms: 1, clock_lead_ms: 1 }),
  bothApply(), back(), nearZero(), nearTheEnd(), noClock(),
];
