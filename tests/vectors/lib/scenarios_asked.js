// SPDX-License-Identifier: MIT
'use strict';
// Rule 6 of §4, requests and the time (§6), and lasting messages (§3).

const { bytes, join, be } = require('./bytes');
const { KIND } = require('./packet');
const { Script, NOW, MINUTE, TOPIC } = require('./script');

function replies() {
  const s = new Script('rule 6: replies');
  const [a, b] = [s.sender('a'), s.sender('b')];
  const binding = s.receiver.binding(0);
  s.receiveReply('unasked', s.reply(a, 0, binding), { about: 'before the request' });
  s.request();
  s.wait(100);
  s.receiveReply('accepted', s.reply(a, 0, binding));
  s.receiveReply('replay', s.reply(a, 0, binding), { about: 'each packet once' });
  s.receiveReply('accepted', s.reply(a, 1, binding, { body: 'and' }), { about: 'one answerer, two replies' });
  s.receiveReply('accepted', s.reply(b, 0, binding, { body: '' }), { about: 'another answerer, 16 bytes alone' });
  s.receiveReply('malformed', s.packet(a, 9, {
    topic: s.receiver.replyTopic(), kind: KIND.reply, payload: binding.subarray(0, 15),
  }), { about: '15 bytes' });
  s.receiveReply('malformed', s.packet(a, 9, {
    topic: s.receiver.replyTopic(), kind: KIND.reply, payload: binding.subarray(0, 15), padSize: 50,
  }), { about: '15 bytes and padding' });
  s.receiveReply('malformed', s.packet(a, 9, {
    topic: s.receiver.replyTopic(), kind: KIND.reply, payload: Buffer.alloc(0),
  }), { about: 'no bytes' });
  s.receiveReply('malformed', s.packet(a, 9, {
    topic: s.receiver.replyTopic(), kind: KIND.reply, payload: Buffer.alloc(3), time: 0,
  }), { about: 'short and stale' });
  s.receiveReply('unasked', s.reply(a, 9, s.receiver.binding(1)), { about: 'the next counter, not asked' });
  s.receiveReply('unasked', s.reply(a, 9, join(a, be(0, 4))), { about: "bound to another's stream" });
  s.receiveReply('unasked', s.reply(a, 9, Buffer.alloc(16)), { about: 'bound to nothing' });
  s.receiveReply('unasked', s.reply(a, 9, s.receiver.binding(1), { time: NOW - 60 * MINUTE }), { about: 'and stale' });
  s.receiveReply('unasked', s.reply(a, 9, s.receiver.binding(1), { time: NOW + 60 * MINUTE }), { about: 'and ahead' });
  s.receiveReply('stale', s.reply(a, 9, binding, { time: NOW - 6 * MINUTE }), { about: 'asked, and stale' });
  s.receiveReply('stale', s.reply(a, 9, binding, { time: 0 }), { about: 'asked, by a node without a clock' });
  s.receiveReply('future', s.reply(a, 9, binding, { time: NOW + MINUTE }), { about: 'asked, and ahead' });
  s.receiveReply('accepted', s.reply(a, 9, binding, { padSize: 50 }), { about: 'counter 9 is still free' });
  s.close(binding);
  s.receiveReply('unasked', s.reply(a, 10, binding), { about: 'after closing' });
  s.receive('accepted', s.packet(a, 10));
  return s;
}

function twoRequests() {
  const s = new Script('rule 6: two requests');
  const a = s.sender('a');
  const first = s.request(10000);
  const second = s.request(60000);
  s.wait(500);
  s.receiveReply('accepted', s.reply(a, 0, second));
  s.receiveReply('accepted', s.reply(a, 1, first));
  s.wait(9499);
  s.receiveReply('accepted', s.reply(a, 2, first), { about: 'one millisecond before its end' });
  s.wait(2);
  s.receiveReply('unasked', s.reply(a, 3, first), { about: 'one after' });
  s.receiveReply('accepted', s.reply(a, 3, second), { about: 'the other is open for longer' });
  s.close(first);
  s.receiveReply('accepted', s.reply(a, 4, second));
  s.close(second);
  s.receiveReply('unasked', s.reply(a, 5, second));
  const third = s.request(10000);
  s.receiveReply('unasked', s.reply(a, 5, second), { about: 'an answer to an earlier request' });
  s.receiveReply('accepted', s.reply(a, 5, third));
  return s;
}

// The binding alone says whom a reply answers: neither kind nor topic is refused for what it is not.
function elsewhere() {
  const s = new Script('rule 6: only the binding counts');
  const a = s.sender('a');
  const binding = s.request();
  s.receive('accepted', s.reply(a, 0, binding, { topic: 'elsewhere' }), { topic: 'elsewhere' });
  s.receiveReply('accepted', s.packet(a, 1, { topic: s.receiver.replyTopic() }), { about: 'kind 0 on the reply topic' });
  return s;
}

// A node without a clock: its own counts from its start, and its floor is the time that it learns.
const LEARNER = { floor_ms: null, own_clock: true };

function learnsTime() {
  const s = new Script('~time: the asker', LEARNER);
  const [a, b] = [s.sender('a'), s.sender('b')];
  s.now = null;
  const answer = (counter, binding, time) => s.reply(a, counter, binding, { body: '', time });
  s.receiveReply('unasked', answer(0, s.receiver.binding(0), NOW), { about: 'before the request' });
  const binding = s.askTime();
  s.mono += 300;
  s.receiveReply('unasked', answer(0, s.receiver.binding(1), NOW), { about: 'not to this request' });
  s.receiveReply('malformed', answer(0, binding, 0), { about: 'time 0 in the reply' });
  s.receiveReply('malformed', s.reply(a, 0, binding, { body: '!' }), { about: 'a byte more than the 16' });
  s.receive('no_clock', s.packet(b, 0));
  s.mono += 100;
  s.receiveReply('time_set', answer(0, binding, NOW), { about: 'time plus half of 400 ms' });
  s.now = NOW + 200;
  s.receiveReply('unasked', answer(1, binding, NOW), { about: 'a later reply' });
  s.receive('stale', s.packet(b, 0, { time: NOW + 200 }), { about: 'the floor is the time that it learned' });
  s.receive('accepted', s.packet(b, 0, { time: NOW + 201 }));
  return s;
}

function learnsTooLate() {
  const s = new Script('~time: a reply after four seconds', LEARNER);
  const a = s.sender('a');
  s.now = null;
  const first = s.askTime();
  s.mono += 4002;
  s.receiveReply('unasked', s.reply(a, 0, first, { body: '' }));
  const second = s.askTime();
  s.mono += 3998;
  s.receiveReply('unasked', s.reply(a, 0, first, { body: '' }));
  s.receiveReply('time_set', s.reply(a, 0, second, { body: '' }));
  return s;
}

// Whoever hears it: nothing is handed on, and neither table nor floor change.
function asksUs() {
  const s = new Script('~time: the request', { streams: 1 });
  const [a, b] = [s.sender('a'), s.sender('b')];
  const topic = '~time';
  const like = { topic, kind: KIND.request, time: 0, payload: Buffer.alloc(0) };
  s.receive('time_asked', s.packet(a, 0, like), { topic });
  s.receive('time_asked', s.packet(a, 0, like), { topic, about: 'over again: how often to answer is another matter' });
  s.receive('time_asked', s.packet(a, 1, { ...like, padSize: 50 }), { topic, about: 'padded' });
  s.receive('forged', s.packet(a, 0, { ...like, topic: TOPIC }), { topic, about: 'sealed for another topic' });
  s.receive('own', s.packet(s.receiver.own, 0, like), { topic });
  s.receive('accepted', s.packet(b, 0));
  s.receive('time_asked', s.packet(a, 2, like), { topic, about: 'a does not enter the table' });
  s.receive('replay', s.packet(b, 0));
  s.receive('replay', s.packet(b, 0, like), { topic, about: 'rule 3 holds' });
  s.receive('time_asked', s.packet(b, 1, like), { topic, about: 'of a stream in the table' });
  s.receive('accepted', s.packet(b, 1), { about: 'its counter 1 is still free' });
  return s;
}

// What is not exactly the request for the time gets no exception.
function notQuiteTime() {
  const s = new Script('~time: not the request');
  const a = s.sender('a');
  const topic = '~time';
  s.receive('stale', s.packet(a, 0, { topic, time: 0 }), { topic, about: 'a message' });
  s.receive('stale', s.packet(a, 0, { topic, time: 0, kind: KIND.request }), { topic, about: 'a request with a payload' });
  s.receive('stale', s.packet(a, 0, { topic, time: 0, kind: KIND.lasting, payload: Buffer.alloc(0) }), { topic });
  const like = { kind: KIND.request, time: 0, payload: Buffer.alloc(0) };
  for (const near of ['~time/', 'time', '~time/x', '~times', '~Time']) {
    s.receive('stale', s.packet(a, 0, { topic: near, ...like }), { topic: near, about: near });
  }
  s.receive('malformed', s.packet(a, 0, { topic, ...like, kind: KIND.again }), { topic, about: 'an empty one sealed anew' });
  s.receive('unsupported', s.packet(a, 0, { topic, ...like, kind: 5 }), { topic });
  s.receive('malformed', s.packet(a, 0, { topic, ...like, claimed: 1 }), { topic });
  s.receive('accepted', s.packet(a, 0));
  return s;
}

function lasting() {
  const s = new Script('lasting: asked for', { lasting_topics: 16, streams: 2, floor_ms: NOW - MINUTE });
  const [a, b, c] = ['a', 'b', 'c'].map((label) => s.sender(label));
  const kind = KIND.lasting;
  const old = (stream, counter, minutes, more) => s.packet(stream, counter, { kind, time: NOW - minutes * MINUTE, ...more });
  s.receive('stale', old(a, 0, 60, { kind: KIND.message }), { about: 'a message is not lasting' });
  s.receive('stale', old(a, 0, 60, { kind: KIND.request }), { about: 'nor is a request' });
  s.receive('accepted', old(a, 0, 60), { about: 'an hour old' });
  s.receive('stale', old(a, 0, 60), { about: 'over again' });
  s.receive('stale', old(a, 1, 60), { about: 'another of the same time' });
  s.receive('stale', old(b, 0, 61), { about: 'an older one of another stream' });
  s.receive('accepted', s.packet(a, 1, { kind, time: NOW - 60 * MINUTE + 1 }), { about: 'one millisecond later' });
  s.receive('accepted', old(b, 0, 2), { about: 'by rule 8' });
  s.receive('stale', old(c, 0, 2), { about: 'not later' });
  s.receive('accepted', old(a, 0, 60, { topic: 'iot/hall' }), { topic: 'iot/hall', about: 'another topic' });
  s.receive('future', s.packet(a, 2, { kind, time: NOW + MINUTE }), { about: 'ahead' });
  s.receive('accepted', s.packet(a, 2, { kind }), { about: 'a fresh one: by §4, the state changes' });
  s.receive('replay', s.packet(a, 2, { kind }), { about: 'over again' });
  s.receive('replay', old(a, 2, 60), { about: 'rule 3 comes first' });
  s.receive('stale', old(b, 0, 2), { about: 'not later than the fresh one' });
  s.receive('accepted', s.packet(b, 1, { kind, time: NOW - 10 }), { about: 'fresh though older than the other: by §4' });
  s.receive('replay', s.packet(a, 2, { kind }), { about: 'a is still in the table of two' });
  s.receive('accepted', old(c, 0, 3, { topic: 'iot/bath' }), { topic: 'iot/bath', about: 'c does not enter the table' });
  s.receive('replay', s.packet(a, 2, { kind }));
  s.receive('replay', s.packet(b, 1, { kind, time: NOW - 10 }));
  s.receive('forged', old(c, 0, 1), { topic: 'iot/bath' });
  s.receive('accepted', s.packet(c, 1, { kind, time: NOW - 5 }), { about: 'c enters, b goes, the floor rises' });
  s.receive('stale', s.packet(b, 2, { kind, time: NOW - 10 }), { about: 'rule 8, not later than the newest' });
  s.wait(10 * MINUTE);
  s.receive('stale', s.packet(c, 2, { kind, time: NOW - 2 }), { about: 'the newest is not the one accepted last' });
  s.receive('accepted', s.packet(c, 2, { kind, time: NOW + 2 }), { about: 'later than the newest' });
  s.now = null;
  s.receive('no_clock', old(c, 2, 60, { topic: 'iot/attic' }), { topic: 'iot/attic' });
  return s;
}

// What was handed on as old is not accepted as new when the clock is set back.
function lastingSetback() {
  const s = new Script('lasting: the clock is set back', { lasting_topics: 16, floor_ms: NOW - 90 * MINUTE });
  const [a, b] = [s.sender('a'), s.sender('b')];
  const send = (want, stream, counter, time, topic = TOPIC, kind = KIND.lasting) =>
    s.receive(want, s.packet(stream, counter, { kind, time, topic }), { topic });
  const hourAgo = NOW - 60 * MINUTE;
  send('accepted', a, 0, hourAgo); // old
  s.now = hourAgo;
  send('stale', a, 0, hourAgo);
  send('stale', a, 1, hourAgo - 1);
  send('accepted', a, 1, hourAgo - 1, 'iot/hall'); // as old, and on another topic
  send('stale', a, 1, hourAgo - 1, 'iot/hall');
  send('accepted', b, 0, hourAgo - 1, TOPIC, KIND.message); // of no concern to other kinds
  send('accepted', a, 2, hourAgo + 1);
  send('replay', a, 2, hourAgo + 1);
  send('stale', a, 3, 0, 'iot/attic'); // time 0 is never handed on
  return s;
}

// The memory is bounded: old ones of further topics stay refused.
function lastingFull() {
  const s = new Script('lasting: more topics than are remembered', { lasting_topics: 2 });
  const a = s.sender('a');
  const send = (want, counter, topic, minutes, about) =>
    s.receive(want, s.packet(a, counter, { topic, kind: KIND.lasting, time: NOW - minutes * MINUTE }), { topic, about });
  send('accepted', 0, 'one', 60);
  send('accepted', 1, 'two', 60);
  send('stale', 2, 'three', 60, 'no room');
  send('stale', 3, 'three', 30, 'no room');
  send('accepted', 4, 'one', 50, 'a topic that is remembered');
  send('stale', 5, 'one', 55);
  send('accepted', 6, 'three', 0, 'a fresh one is accepted all the same');
  s.wait(10 * MINUTE);
  send('stale', 7, 'three', -1, 'still no room');
  send('accepted', 8, 'two', -1);
  send('stale', 9, 'two', -1);
  return s;
}

function lastingNotAsked() {
  const s = new Script('lasting: not asked for', { floor_ms: NOW - MINUTE });
  const a = s.sender('a');
  const kind = KIND.lasting;
  s.receive('stale', s.packet(a, 0, { kind, time: NOW - 60 * MINUTE }));
  s.receive('stale', s.packet(a, 0, { kind, time: NOW - MINUTE }));
  s.receive('accepted', s.packet(a, 0, { kind }));
  s.receive('replay', s.packet(a, 0, { kind }));
  return s;
}

module.exports = () => [
  replies(), twoRequests(), elsewhere(), learnsTime(), learnsTooLate(), asksUs(), notQuiteTime(), lasting(),
  lastingSetback(), lastingFull(), lastingNotAsked(),
];
