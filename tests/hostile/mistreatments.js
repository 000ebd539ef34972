// SPDX-License-Identifier: MIT
// What the broker of broker.js does to messages: kinds[NAME](broker, session, message, connection it came on); and packets that a client
// should never be sent.
'use strict';

const kinds = {
  lost: () => {}, // and acknowledged
  delayed: (b, session, m) => b.later(b.rng.below(3000), () => b.send(session, m)),
  reordered: (b, session, m) => b.later(b.rng.below(30), () => b.send(session, m)),
  doubled: (b, session, m) => [0, 0].forEach(() => b.send(session, m)),
  repeated: (b, session, m) => {
    b.send(session, m);
    b.send(session, b.other());
  },
  'repeated from any time': (b, session, m) => {
    b.send(session, m);
    b.send(session, b.old());
  },
  'repeated much later': (b, session, m) => {
    b.send(session, m);
    b.later(b.rng.below(20000), () => b.send(session, m));
  },
  'moved to another topic': (b, session, m) => b.send(session, { ...m, topic: b.other().topic }),
  'another payload on this topic': (b, session, m) => b.send(session, { ...m, payload: b.other().payload }),
  'sent back to its sender': (b, session, m, from) => {
    b.send(session, m);
    if (from.session) b.write(from, { cmd: 'publish', topic: m.topic, payload: m.payload, qos: 0, retain: false, dup: false });
  },
  'a bit flipped': (b, session, m) => {
    const altered = Buffer.from(m.payload);
    if (altered.length > 0) altered[b.rng.below(altered.length)] ^= 1 << b.rng.below(8);
    b.send(session, { ...m, payload: altered });
  },
  cut: (b, session, m) => b.send(session, { ...m, payload: m.payload.subarray(0, b.rng.below(m.payload.length + 1)) }),
  extended: (b, session, m) => b.send(session, { ...m, payload: Buffer.concat([m.payload, Buffer.alloc(1 + b.rng.below(40))]) }),
  junk: (b, session, m) => {
    b.send(session, m);
    b.send(session, { ...m, payload: Buffer.from(Array.from({ length: b.rng.below(200) }, () => b.rng.below(256))) });
  },
  "another key's": (b, session, m) => {
    b.send(session, m);
    if (b.foreign.length > 0) b.send(session, { ...m, payload: b.foreign[b.rng.below(b.foreign.length)].payload });
  },
  'marked as retained': (b, session, m) => b.send(session, { ...m, retain: true }),
  'retain mark stripped': (b, session, m) => b.send(session, { ...m, retain: false }),
  'connection closed': (b, session, m) => {
    b.send(session, m);
    if (session.connection && b.rng.chance(4 * b.breaks)) session.connection.socket.destroy();
  },
  'QoS taken away': (b, session, m) => b.send(session, { ...m, qos: 0 }),
  'too long': (b, session, m) => {
    b.send(session, m);
    b.send(session, { ...m, payload: Buffer.alloc(b.rng.chance(0.02) ? 300000 : 2000) });
  },
  'sent twice as one': (b, session, m) => {
    b.send(session, m);
    b.send(session, { ...m, payload: Buffer.concat([m.payload, m.payload]) });
  },
};

const malformed = [
  [0x30, 0xff, 0xff, 0xff, 0xff, 0xff], // a length of five bytes
  [0x30, 0x00], // a message without a topic
  [0x30, 0x02, 0x00, 0x05], // a topic longer than the packet
  [0x30, 0x02, 0x00, 0x00], // an empty topic
  [0x36, 0x05, 0x00, 0x01, 0x61, 0x00, 0x01], // QoS 3
  [0x32, 0x05, 0x00, 0x01, 0x61, 0x00, 0x00], // packet identifier 0
  [0x32, 0x03, 0x00, 0x01, 0x61], // none
  [0x30, 0x05, 0x00, 0x03, 0x61, 0xc3, 0x28], // not UTF-8
  [0x30, 0x03, 0x00, 0x01, 0x23], // a wildcard
  [0x20, 0x02, 0x00, 0x00], // CONNACK once more
  [0x20, 0x02, 0x00, 0x05], // ... and not authorized now
  [0x40, 0x02, 0x30, 0x39], // acknowledgements of what nobody sent
  [0x50, 0x02, 0x30, 0x39],
  [0x62, 0x02, 0x30, 0x39],
  [0x60, 0x02, 0x30, 0x39], // ... with wrong flags
  [0x70, 0x02, 0x30, 0x39],
  [0x90, 0x03, 0x30, 0x39, 0x01],
  [0xb0, 0x02, 0x30, 0x39],
  [0x40, 0x00],
  [0xd0, 0x00], // PINGRESP
  [0xd0, 0x01, 0x00],
  [0x10, 0x00], // what only clients send
  [0x82, 0x06, 0x00, 0x01, 0x00, 0x01, 0x23, 0x00],
  [0xc0, 0x00],
  [0xe0, 0x00],
  [0xf0, 0x00],
  [0x00, 0x00],
].map((bytes) => Buffer.from(bytes));

module.exports = { kinds, malformed };
