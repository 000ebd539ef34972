// SPDX-License-Identifier: MIT
'use strict';
// One refusal scenario: a receiver, and what reaches it step by step. Each step says which status its author means,
// and the model must agree.

const { bytes, fromHex, hex, join, be, seeded } = require('./bytes');
const { schedule } = require('./keys');
const { KIND, firstBytes, seal } = require('./packet');
const { wireTopic } = require('./topics');
const { Receiver } = require('./receiver');

const NOW = 1795459591440;
const MINUTE = 60000;
const START = NOW - 10 * MINUTE; // the receiver has been up for ten minutes
const KEY16 = '000102030405060708090a0b0c0d0e0f';
const KEY32 = hex(seeded('refusals: 32 byte key', 32));
const TOPIC = 'iot/kitchen';

const ownStream = (label, time) => ({ R: hex(seeded(`own ${label}`, 32)), time, hint: '' });

class Script {
  constructor(name, options = {}) {
    this.setup = {
      name,
      key: KEY16,
      window: 64,
      clock_skew_ms: 5 * MINUTE,
      clock_lead_ms: 10000,
      streams: 8,
      floor_ms: START,
      longest_packet: 1024,
      plain: false,
      base: schedule(fromHex(options.key ?? KEY16)).base,
      lasting: (options.lasting_topics ?? 0) > 0,
      lasting_topics: 0,
      own_clock: false,
      ...options,
    };
    this.setup.own_stream = ownStream(name, this.setup.floor_ms === null ? 0 : START);
    this.receiver = new Receiver(this.setup);
    this.keys = this.receiver.keys;
    this.now = NOW; // null: no clock
    this.mono = 1000; // a clock of the receiver's own, for those that learn the time
    this.steps = [];
  }

  // A sender is no more than a stream id.
  sender(label) {
    return seeded(`stream ${label}`, 12);
  }

  packet(stream, counter, message = {}) {
    const payload = message.payload ?? bytes(`${counter}`);
    return seal(message.keys ?? this.keys, {
      stream, counter, payload, topic: TOPIC, kind: KIND.message, time: this.now ?? NOW, ...message,
    }).packet;
  }

  // A reply is `binding ‖ body`.
  reply(stream, counter, binding, message = {}) {
    const payload = join(binding, bytes(message.body ?? 'yes'));
    return this.packet(stream, counter, { topic: this.receiver.replyTopic(), kind: KIND.reply, payload, ...message });
  }

  // `first` is {stream, counter, time, kind} of the first packet, which the receiver may have had or not.
  again(stream, counter, first, message = {}) {
    const payload = join(firstBytes({ kind: KIND.message, ...first }), bytes(message.body ?? `${first.counter}`));
    return this.packet(stream, counter, { kind: KIND.again, payload, ...message });
  }

  wire(topic) {
    return wireTopic(this.receiver.mode, topic);
  }

  // `want` is the status that the author expects; `topic` or `wire` say where the packet arrives.
  receive(want, packet, { topic = TOPIC, wire = this.wire(topic), about } = {}) {
    const at = { now: this.now, mono: this.mono, wire, packet };
    const expect = this.receiver.receive(at);
    if (expect.status !== want) {
      const where = `${this.setup.name}, step ${this.steps.length} (${about ?? ''})`;
      throw new Error(`${where}: meant ${want}, the model says ${JSON.stringify(expect)}`);
    }
    this.steps.push({ ...(about && { about }), ...this.clocks(), wire_topic: wire, packet: hex(packet), expect });
    return expect;
  }

  receiveReply(want, packet, options = {}) {
    return this.receive(want, packet, { topic: this.receiver.replyTopic(), ...options });
  }

  clocks() {
    return { now_ms: this.now, ...(this.setup.own_clock && { mono_ms: this.mono }) };
  }

  // Both clocks go on together.
  wait(ms) {
    if (this.now !== null) this.now += ms;
    this.mono += ms;
  }

  // Returns the binding of the request that the receiver sends.
  request(timeout = 10000) {
    const counter = this.receiver.request(this.now, timeout);
    this.steps.push({ do: 'request', ...this.clocks(), timeout_ms: timeout, counter });
    return this.receiver.binding(counter);
  }

  close(binding) {
    const counter = binding.readUInt32BE(12);
    this.receiver.close(counter);
    this.steps.push({ do: 'close', counter });
  }

  askTime() {
    const counter = this.receiver.askTime(this.mono);
    this.steps.push({ do: 'ask_time', ...this.clocks(), counter });
    return this.receiver.binding(counter);
  }

  renew() {
    const own_stream = ownStream(`${this.setup.name} renewed`, this.now);
    this.receiver.renew(this.now, own_stream);
    this.steps.push({ do: 'renew', ...this.clocks(), own_stream });
  }

  json() {
    return { ...this.setup, steps: this.steps };
  }
}

module.exports = { Script, NOW, MINUTE, KEY16, KEY32, TOPIC };
