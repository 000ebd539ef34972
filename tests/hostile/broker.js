// SPDX-License-Identifier: MIT
// A broker that does what it likes, by a plan that follows from a seed: loses, holds back, doubles, repeats, moves, alters, invents
// messages, acknowledges what it did not deliver, breaks connections at any byte, falls silent. It keeps sessions and retained messages as
// an honest one does, so that clients have all the chances that the standard gives them. MQTT 3.1.1 and 5.
'use strict';
const net = require('node:net');
const mqtt = require('mqtt-packet');

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

const KEPT = 5000; // packets that it can repeat
const RECEIVE_MAXIMUM = 20; // in flight, in honest times

class Broker {
  // `foreign` are packets of other keys: {topic, payload}.
  constructor({ seed, foreign = [] }) {
    Object.assign(this, { rng: random(seed), foreign, sessions: new Map(), retained: new Map(), memory: [], connections: new Set() });
    this.faults = 0;
    this.made = {}; // by kind
    this.honest = true;
    this.rate = 0.5; // of messages that something happens to
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

  // Breaks off after some bytes, for which there is no packet that is too short.
  write(c, packet) {
    if (c.silent || c.socket.destroyed) return;
    const bytes = mqtt.generate(packet, { protocolVersion: c.version });
    if (!this.honest && this.rng.chance(0.004)) {
      this.fault('connection broken within a packet');
      c.socket.end(bytes.subarray(0, this.rng.below(bytes.length)));
      return;
    }
    if (!this.honest && this.rng.chance(0.001)) {
      this.fault('garbage instead of MQTT');
      c.socket.write(Buffer.from(Array.from({ length: 1 + this.rng.below(60) }, () => this.rng.below(256))));
      this.later(500, () => c.socket.destroy());
      return;
    }
    if (!this.honest && this.rng.chance(0.002)) {
      this.fault('silence');
      c.silent = true;
      this.later(200 + this.rng.below(2000), () => c.socket.destroy());
      return;
    }
    c.socket.write(bytes);
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
  }

  /* ---- Messages ---- */

  published(c, p) {
    const m = { topic: p.topic, payload: p.payload, qos: p.qos, retain: p.retain };
    if (p.qos === 1) this.write(c, { cmd: 'puback', messageId: p.messageId });
    if (p.qos === 2) this.write(c, { cmd: 'pubrec', messageId: p.messageId });
    if (p.retain) this.retained.set(p.topic, m);
    if (this.memory.length < KEPT) this.memory.push(m);
    else this.memory[this.rng.below(KEPT)] = m;
    this.route(m, c);
  }

  route(m, from) {
    for (const session of this.sessions.values()) {
      if (this.honest || !this.rng.chance(this.rate)) this.send(session, m);
      else this.mistreat(session, m, from);
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

  other(m) {
    return this.memory[this.rng.below(this.memory.length)] || m;
  }

  mistreat(session, m, from) {
    const rng = this.rng;
    const altered = Buffer.from(m.payload);
    const kinds = {
      lost: () => {},
      delayed: () => this.later(rng.below(3000), () => this.send(session, m)),
      reordered: () => this.later(rng.below(30), () => this.send(session, m)),
      doubled: () => [0, 0].forEach(() => this.send(session, m)),
      repeated: () => {
        this.send(session, m);
        this.send(session, this.other(m));
      },
      'repeated much later': () => {
        this.send(session, m);
        this.later(rng.below(20000), () => this.send(session, m));
      },
      'moved to another topic': () => this.send(session, { ...m, topic: this.other(m).topic }),
      'another payload on this topic': () => this.send(session, { ...m, payload: this.other(m).payload }),
      'sent back to its sender': () => {
        this.send(session, m);
        if (from.session) this.write(from, { cmd: 'publish', topic: m.topic, payload: m.payload, qos: 0, retain: false, dup: false });
      },
      'a bit flipped': () => {
        if (altered.length > 0) altered[rng.below(altered.length)] ^= 1 << rng.below(8);
        this.send(session, { ...m, payload: altered });
      },
      cut: () => this.send(session, { ...m, payload: altered.subarray(0, rng.below(altered.length + 1)) }),
      extended: () => this.send(session, { ...m, payload: Buffer.concat([altered, Buffer.alloc(1 + rng.below(40))]) }),
      junk: () => {
        this.send(session, m);
        this.send(session, { ...m, payload: Buffer.from(Array.from({ length: rng.below(200) }, () => rng.below(256))) });
      },
      "another key's": () => {
        this.send(session, m);
        if (this.foreign.length > 0) this.send(session, { ...m, payload: this.foreign[rng.below(this.foreign.length)].payload });
      },
      'marked as retained': () => this.send(session, { ...m, retain: true }),
      'retain mark stripped': () => this.send(session, { ...m, retain: false }),
      'connection closed': () => {
        this.send(session, m);
        if (session.connection && rng.chance(0.1)) session.connection.socket.destroy();
      },
      'QoS taken away': () => this.send(session, { ...m, qos: 0 }),
      'too long': () => {
        this.send(session, m);
        this.send(session, { ...m, payload: Buffer.alloc(rng.chance(0.02) ? 300000 : 2000) });
      },
      'sent twice as one': () => {
        this.send(session, m);
        this.send(session, { ...m, payload: Buffer.concat([altered, altered]) });
      },
    };
    const names = Object.keys(kinds);
    const name = names[rng.below(names.length)];
    this.fault(name);
    kinds[name]();
  }
}

module.exports = { Broker, random };
