// SPDX-License-Identifier: MIT
// A broker that does what it likes, by a plan that follows from a seed: loses, holds back, doubles, repeats, moves, alters, invents
// messages, acknowledges what it did not deliver, breaks connections at any byte, falls silent. It keeps sessions and retained messages as
// an honest one does, so that clients have all the chances that the standard gives them. MQTT 3.1.1 and 5. What it does to messages is in
// mistreatments.js.
'use strict';
const net = require('node:net');
const mqtt = require('mqtt-packet');
const { kinds, malformed } = require('./mistreatments.js');

const names = Object.keys(kinds);

// xorshift32: the same plan for the same seed on every machine.
const random = (seed) => {
  let x = seed >>> 0 || 1;
  const next = () => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x;
  };
  return { below: (n) => next() % n, chance: (p) => next() / 2 ** 32 < p };
};

const matches = (filter, topic) => {
  const f = filter.split('/');
  const t = topic.split('/');
  for (let i = 0; i < f.length; i++) {
    if (f[i] === '#') return true;
    if (i >= t.length || (f[i] !== '+' && f[i] !== t[i])) return false;
  }
  return f.length === t.length;
};

const KEPT = 5000; // packets that it can repeat, of late; and as many of all times
const RECEIVE_MAXIMUM = 20; // in flight, in honest times

class Broker {
  // `foreign` are packets of other keys: {topic, payload}.
  constructor({ seed, foreign = [], breaks = 0.005 }) {
    Object.assign(this, { rng: random(seed), foreign, sessions: new Map(), retained: new Map(), memory: [], archive: [], connections: new Set() });
    this.faults = 0;
    this.made = {}; // by kind
    this.honest = true;
    this.rate = 0.5; // of messages that something happens to
    this.breaks = breaks; // the same for packets after which a connection is of no use any more
    this.passed = 0;
    this.tags = new Set(); // of all packets that passed: their last 16 bytes
    this.news = null; // once it behaves: those that it sees for the first time
    this.timers = new Set();
  }

  listen() {
    this.server = net.createServer((socket) => this.accept(socket));
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve(this.server.address().port)));
  }

  close() {
    for (const timer of this.timers) clearTimeout(timer);
    for (const c of this.connections) c.socket.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }

  // Honest from now on: what it holds back is gone, what it was silent on is broken off, and of what it sent before, more
  // than its clients allowed, nothing is sent again.
  behave() {
    this.honest = true;
    this.news = new Set();
    for (const session of this.sessions.values()) {
      session.inflight.clear();
      session.waiting = [];
    }
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    for (const c of this.connections) c.socket.destroy();
  }

  fault(kind) {
    this.faults++;
    this.made[kind] = (this.made[kind] || 0) + 1;
  }

  later(ms, what) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      what();
    }, ms);
    this.timers.add(timer);
  }

  /* ---- Connections ---- */

  accept(socket) {
    const c = { socket, session: null, silent: false, version: 4 };
    this.connections.add(c);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.connections.delete(c);
      if (c.session && c.session.connection === c) c.session.connection = null;
      if (c.session && c.session.clean && c.session.connection === null) this.sessions.delete(c.session.id);
    });
    const parser = mqtt.parser();
    parser.on('packet', (packet) => !c.silent && this.handle(c, packet, parser));
    parser.on('error', () => socket.destroy());
    socket.on('data', (data) => parser.parse(data));
    if (!this.honest && this.rng.chance(0.02)) {
      this.fault('silent from the start');
      c.silent = true;
      this.later(3000, () => socket.destroy());
    }
  }

  // Now and then it is the last that the connection sees: broken off after some bytes (there is no packet that is too short), something
  // that is no MQTT, or nothing, from then on.
  write(c, packet) {
    if (c.silent || c.socket.destroyed) return;
    const bytes = mqtt.generate(packet, { protocolVersion: c.version });
    if (this.honest || !this.rng.chance(this.breaks)) {
      c.socket.write(bytes);
      return;
    }
    switch (this.rng.below(4)) {
      case 0:
        this.fault('connection broken within a packet');
        c.socket.end(bytes.subarray(0, this.rng.below(bytes.length)));
        return;
      case 1:
        this.fault('garbage instead of MQTT');
        c.socket.write(Buffer.from(Array.from({ length: 1 + this.rng.below(60) }, () => this.rng.below(256))));
        this.later(500, () => c.socket.destroy());
        return;
      case 2:
        this.fault('malformed or unasked MQTT');
        c.socket.write(Buffer.concat([malformed[this.rng.below(malformed.length)], bytes]));
        return;
      default:
        this.fault('silence');
        c.silent = true;
        this.later(200 + this.rng.below(2000), () => c.socket.destroy());
    }
  }

  handle(c, p) {
    switch (p.cmd) {
      case 'connect':
        return this.connect(c, p);
      case 'subscribe':
        return this.subscribe(c, p);
      case 'unsubscribe':
        for (const filter of p.unsubscriptions) c.session.filters.delete(filter);
        return this.write(c, { cmd: 'unsuback', messageId: p.messageId, granted: p.unsubscriptions.map(() => 0) });
      case 'publish':
        return this.published(c, p);
      case 'pubrel':
        return this.write(c, { cmd: 'pubcomp', messageId: p.messageId });
      case 'pubrec':
        return this.write(c, { cmd: 'pubrel', messageId: p.messageId });
      case 'puback':
      case 'pubcomp':
        return this.acknowledged(c.session, p.messageId);
      case 'pingreq':
        return this.write(c, { cmd: 'pingresp' });
      case 'disconnect':
        return c.socket.end();
    }
  }

  connect(c, p) {
    const before = this.sessions.get(p.clientId);
    const kept = before && !p.clean;
    if (before && before.connection) before.connection.socket.destroy();
    c.version = p.protocolVersion;
    c.session = kept ? before : { id: p.clientId, filters: new Map(), inflight: new Map(), waiting: [], next: 0 };
    Object.assign(c.session, { clean: p.clean, connection: c });
    this.sessions.set(p.clientId, c.session);
    this.write(c, { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: !!kept });
    for (const packet of c.session.inflight.values()) this.write(c, { ...packet, dup: true });
  }

  subscribe(c, p) {
    for (const s of p.subscriptions) c.session.filters.set(s.topic, s.qos);
    this.write(c, { cmd: 'suback', messageId: p.messageId, granted: p.subscriptions.map((s) => s.qos) });
    for (const [topic, m] of this.retained)
      if (p.subscriptions.some((s) => matches(s.topic, topic))) this.send(c.session, { ...m, retain: true });
    if (this.honest || this.memory.length === 0 || !this.rng.chance(0.5)) return;
    this.fault('repeated after a restart');
    for (let i = 0; i < 50; i++) this.send(c.session, i % 2 ? this.other() : this.old());
  }

  // A node that does not come back.
  forget(id) {
    this.sessions.delete(id);
  }

  /* ---- Messages ---- */

  published(c, p) {
    const m = { topic: p.topic, payload: p.payload, qos: p.qos, retain: p.retain };
    this.acknowledge(c, p);
    if (p.retain) this.retained.set(p.topic, m);
    if (this.memory.length < KEPT) this.memory.push(m);
    else this.memory[this.rng.below(KEPT)] = m;
    this.passed++; // of all that passed, each is as likely to be in the archive
    const place = this.passed <= KEPT ? this.archive.length : this.rng.below(this.passed);
    if (place < KEPT) this.archive[place] = m;
    const tag = m.payload.subarray(-16).toString('latin1');
    if (this.news && !this.tags.has(tag)) this.news.add(tag);
    this.tags.add(tag);
    this.route(m, c);
  }

  acknowledge(c, p) {
    const cmd = [null, 'puback', 'pubrec'][p.qos];
    if (!cmd) return;
    if (this.honest || !this.rng.chance(0.01)) {
      this.write(c, { cmd, messageId: p.messageId });
      return;
    }
    const how = this.rng.below(3);
    this.fault(['not acknowledged', 'acknowledged twice', 'acknowledged what was not sent'][how]);
    if (how === 1) this.write(c, { cmd, messageId: p.messageId });
    if (how > 0) this.write(c, { cmd, messageId: how === 1 ? p.messageId : 1 + this.rng.below(65535) });
    // A sender that waits for the word on a few is not to stop for good.
    if (how !== 1) this.later(2000, () => c.socket.destroyed || this.write(c, { cmd, messageId: p.messageId }));
  }

  route(m, from) {
    for (const session of this.sessions.values()) {
      if (![...session.filters.keys()].some((f) => matches(f, m.topic))) continue;
      if (this.honest || !this.rng.chance(this.rate)) {
        this.send(session, m);
        continue;
      }
      const name = names[this.rng.below(names.length)];
      this.fault(name);
      kinds[name](this, session, m, from);
    }
  }

  // To a session, if it subscribes to the topic.
  send(session, m) {
    const qos = [...session.filters].filter(([f]) => matches(f, m.topic)).map(([, q]) => q);
    if (qos.length === 0) return;
    const packet = { cmd: 'publish', topic: m.topic, payload: m.payload, qos: Math.min(m.qos, Math.max(...qos)), retain: !!m.retain, dup: false };
    if (packet.qos === 0) {
      if (session.connection) this.write(session.connection, packet);
    } else if (this.honest && session.inflight.size >= RECEIVE_MAXIMUM) session.waiting.push(packet);
    else this.begin(session, packet);
  }

  begin(session, packet) {
    session.next = (session.next % 65535) + 1;
    packet.messageId = session.next;
    if (session.inflight.size < 2000) session.inflight.set(packet.messageId, packet);
    if (session.connection) this.write(session.connection, packet);
  }

  acknowledged(session, messageId) {
    session.inflight.delete(messageId);
    if (session.waiting.length > 0 && session.inflight.size < RECEIVE_MAXIMUM) this.begin(session, session.waiting.shift());
  }

  // What passed of late, and at any time.
  other() {
    return this.memory[this.rng.below(this.memory.length)];
  }

  old() {
    return this.archive[this.rng.below(this.archive.length)];
  }
}

module.exports = { Broker, random };
