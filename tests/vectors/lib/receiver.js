// SPDX-License-Identifier: MIT
'use strict';
// The receiver of §4 as plainly as it can be written: every stream remembers every counter that it accepted, so
// the window decides only what is refused for age. Nothing here is meant to be fast or small.

const { hex, b64u, be, fromBe, join } = require('./bytes');
const { schedule, streamId } = require('./keys');
const { OVERHEAD, KIND, unmask, open, parseInner } = require('./packet');
const { logicalTopic } = require('./topics');

const BINDING = 16; // stream id and counter of the request that a reply answers
const FIRST = 23; // stream id, counter, time and kind of the first packet of a message sealed anew
const TIME_REPLY_WITHIN = 4000;

class Receiver {
  // floor_ms is null for a node without a clock: its floor is the time that it learns.
  constructor(setup) {
    this.keys = schedule(Buffer.from(setup.key, 'hex'));
    this.mode = { keys: this.keys, base: setup.base ?? this.keys.base, plain: setup.plain };
    this.setup = setup;
    this.floor = setup.floor_ms;
    this.table = new Map();
    this.requests = new Map(); // binding in hex → when it ends; Infinity for none
    this.timeRequest = null; // {binding, at} by the monotonic clock
    this.lastLasting = new Map(); // topic → newest time handed on
    this.newestOld = 0; // of those handed on though older than clock_skew
    this.everAccepted = new Set(); // proof that nothing is accepted twice
    this.counter = 0;
    this.startStream(setup.own_stream);
  }

  startStream({ R, time, hint }) {
    const input = { R: Buffer.from(R, 'hex'), time, hint: Buffer.from(hint, 'hex') };
    this.own = streamId(this.keys, input);
    this.counter = 0;
  }

  binding(counter) {
    return join(this.own, be(counter, 4));
  }

  replyTopic() {
    return `~reply/${b64u(this.own)}`;
  }

  // Sends a request; the packet itself is of no interest here. Returns its counter.
  request(now, timeout) {
    this.requests.set(hex(this.binding(this.counter)), now + timeout);
    return this.counter++;
  }

  close(counter) {
    this.requests.delete(hex(this.binding(counter)));
  }

  askTime(mono) {
    this.timeRequest = { binding: hex(this.binding(this.counter)), at: mono };
    return this.counter++;
  }

  learnTime(now) {
    this.floor ??= now;
  }

  // Rules 0 to 9 in order. Returns what the receiver says of the packet.
  receive({ now, mono, wire, packet }) {
    if (now !== null) this.learnTime(now);
    const topic = logicalTopic(this.mode, wire);
    if (topic === null) return { status: 'forged' }; // 0
    if (packet.length < OVERHEAD || packet.length > this.setup.longest_packet) return { status: 'malformed' }; // 1

    const { stream, counter } = unmask(this.keys, packet);
    if (stream.equals(this.own)) return { status: 'own' }; // 2
    const known = this.table.get(hex(stream));
    if (known && this.alreadySeen(known, counter)) return { status: 'replay' }; // 3
    const inner = open(this.keys, { topic, stream, counter, packet });
    if (inner === null) return { status: 'forged' }; // 4

    const text = parseInner(inner);
    if (text.kind > KIND.again) return { status: 'unsupported' }; // 5
    if (text.length > text.room) return { status: 'malformed' };
    const payload = text.rest.subarray(0, text.length);
    const message = {
      status: 'accepted', topic, kind: text.kind, time: text.time, stream: hex(stream), counter,
      payload: hex(payload), padding: text.room - text.length,
    };
    if (isTimeRequest(message)) return { status: 'time_asked', stream: message.stream, counter }; // §6
    if (text.kind === KIND.reply) { // 6
      if (payload.length < BINDING) return { status: 'malformed' };
      const binding = hex(payload.subarray(0, BINDING));
      if (this.timeRequest?.binding === binding) return this.takeTime(message, mono);
      if (!this.isOpen(binding, now)) return { status: 'unasked' };
    }
    if (text.kind === KIND.again) {
      const status = this.readFirst(payload, message);
      if (status !== null) return { status };
    }
    const refusal = this.refuseByClock(message, now) ?? this.refuseByFloor(message); // 7, 8
    if (refusal) return this.oldLasting(message, refusal, now) ?? refusal;
    this.proveNew(packet, message); // 9
    if (message.again) this.accept({ stream: message.first_stream, counter: message.first_counter, time: timeOf(message) });
    this.accept(message);
    if (message.kind === KIND.lasting) this.rememberLasting(message);
    return message;
  }

  // The first packet of a message that was sealed anew. Returns why it is refused, or null.
  readFirst(payload, message) {
    if (payload.length < FIRST) return 'malformed';
    const [stream, counter, time, kind] = [[0, 12], [12, 16], [16, 22], [22, 23]].map(([a, b]) => payload.subarray(a, b));
    if (![KIND.message, KIND.lasting].includes(fromBe(kind)) || fromBe(time) === 0) return 'malformed';
    Object.assign(message, {
      kind: fromBe(kind), again: true, first_stream: hex(stream), first_counter: fromBe(counter), first_time: fromBe(time),
    });
    if (stream.equals(this.own)) return 'own';
    const known = this.table.get(hex(stream));
    return known && this.alreadySeen(known, fromBe(counter)) ? 'replay' : null;
  }

  alreadySeen(stream, counter) {
    return stream.full || counter <= stream.highest - this.setup.window || stream.accepted.has(counter);
  }

  isOpen(binding, now) {
    const ends = this.requests.get(binding);
    return ends !== undefined && (now === null || now < ends);
  }

  refuseByClock(message, now) {
    if (now === null) return { status: 'no_clock' };
    const earliest = now - this.setup.clock_skew_ms;
    const latest = now + this.setup.clock_lead_ms;
    const newer = Math.max(message.time, timeOf(message));
    if (newer > latest) return { status: 'future', off_by_ms: newer - latest };
    if (message.time < earliest) return { status: 'stale', off_by_ms: earliest - message.time };
    return null;
  }

  // §8: what was handed on as old is in no table. It could pass as new after the clock was set back, or sealed anew.
  refuseByFloor(message) {
    const floorOf = (stream) => this.table.get(stream)?.ownFloor ?? this.floor;
    const below = [floorOf(message.stream) - message.time];
    if (message.again) below.push(floorOf(message.first_stream) - message.first_time);
    if (message.kind === KIND.lasting) below.push(this.newestOld - timeOf(message));
    return Math.max(...below) >= 0 ? { status: 'stale', off_by_ms: Math.max(...below) + 1 } : null;
  }

  // The exception for lasting messages (§3): state stays as it is, but for the topic's newest time.
  oldLasting(message, refusal, now) {
    if (message.kind !== KIND.lasting || refusal.status !== 'stale') return null;
    const newest = this.lastLasting.get(message.topic);
    const time = timeOf(message);
    if (newest !== undefined && time <= newest) return null;
    if (time === 0 || !this.rememberLasting(message)) return null;
    if (message.again || this.refuseByClock(message, now)) this.newestOld = Math.max(this.newestOld, time);
    return { ...message, old: true, off_by_ms: refusal.off_by_ms };
  }

  rememberLasting(message) {
    const { topic } = message;
    const time = timeOf(message);
    const newest = this.lastLasting.get(topic);
    if (newest === undefined && this.lastLasting.size >= this.setup.lasting_topics) return false;
    this.lastLasting.set(topic, Math.max(newest ?? time, time));
    return true;
  }

  // What the protocol promises: no packet is accepted twice, and no message, whichever packet it comes in.
  proveNew(packet, m) {
    const name = m.again ? `${m.first_stream} ${m.first_counter} ${m.first_time}` : `${m.stream} ${m.counter} ${m.time}`;
    for (const what of [hex(packet), name]) {
      if (this.everAccepted.has(what)) throw new Error(`${what} accepted twice: the protocol is broken`);
      this.everAccepted.add(what);
    }
  }

  accept({ stream, counter, time }) {
    const entry = this.table.get(stream) ?? this.enter(stream, { full: false, accepted: new Set(), highest: counter, newest: time });
    entry.accepted.add(counter);
    entry.highest = Math.max(entry.highest, counter);
    entry.newest = Math.max(entry.newest, time);
  }

  // The floor rises before the new stream takes it as its own.
  enter(stream, entry) {
    if (this.table.size === this.setup.streams) this.evict();
    entry.ownFloor = this.floor;
    this.table.set(stream, entry);
    return entry;
  }

  evict() {
    const byAge = [...this.table].sort(([, a], [, b]) => a.newest - b.newest);
    const [stream, { newest }] = byAge[0];
    if (byAge[1]?.[1].newest === newest) throw new Error('which one goes is not specified: change the scenario');
    this.table.delete(stream);
    this.floor = Math.max(this.floor, newest);
  }

  // A new stream of our own; the former one stays in the table as full.
  renew(now, input) {
    this.enter(hex(this.own), { full: true, accepted: new Set(), highest: 0, newest: now });
    this.startStream(input);
  }

  // §6: one reply, within 4 s, sets the clock to the reply's time plus half the round trip.
  takeTime(message, mono) {
    const trip = mono - this.timeRequest.at;
    if (trip > TIME_REPLY_WITHIN) return { status: 'unasked' };
    if (message.time === 0 || message.payload.length !== 2 * BINDING) return { status: 'malformed' };
    this.timeRequest = null;
    const clock = message.time + trip / 2;
    this.learnTime(clock);
    return { status: 'time_set', time: message.time, clock_ms: clock };
  }
}

// A message keeps the time of its first packet.
const timeOf = (message) => (message.again ? message.first_time : message.time);

function isTimeRequest({ topic, kind, time, payload }) {
  return topic === '~time' && kind === KIND.request && time === 0 && payload === '';
}

module.exports = { Receiver };
