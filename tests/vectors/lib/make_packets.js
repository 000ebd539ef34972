// SPDX-License-Identifier: MIT
'use strict';
// packets.json, padme.json, example.json

const { bytes, fromHex, hex, join, b64u, be, sha256, seeded } = require('./bytes');
const { schedule, streamId } = require('./keys');
const { KIND, padme, firstBytes, seal } = require('./packet');
const { wireTopic, syntheticIv, padded, token } = require('./topics');
const { KEY16, KEY32, TOPIC, NOW } = require('./script');

const WHOLE = 320; // bytes up to which values are given whole; beyond, their SHA-256
const STREAM = { R: seeded('packets: R', 32), time: NOW, hint: seeded('packets: hint', 4) };

function whole(name, value) {
  if (value.length <= WHOLE) return { [name]: hex(value) };
  return { [`${name}_length`]: value.length, [`${name}_sha256`]: hex(sha256(value)) };
}

// A payload that is not given whole is made from its seed, as `seeded` in lib/bytes.js says.
function payloadFields({ seed, payload }) {
  return payload.length <= WHOLE ? { payload: hex(payload) } : { payload: { seed, length: payload.length } };
}

function packet(about, message) {
  const { key, topic = TOPIC, counter = 0, time = NOW, kind = KIND.message } = message;
  const { padSize = 50, usePadme = false } = message;
  const seed = `payload ${about}`;
  const payload = message.payload ?? seeded(seed, message.length ?? 20);
  const keys = schedule(fromHex(key));
  const stream = message.stream ?? streamId(keys, STREAM);
  const made = seal(keys, { topic, stream, counter, time, kind, payload, padSize, usePadme });
  return {
    about, key, topic, stream: hex(stream), counter, time, kind, ...payloadFields({ seed, payload }),
    pad_size: padSize, padme: usePadme, ...whole('inner', made.inner), nonce: hex(made.nonce), tag: hex(made.tag),
    mask: hex(made.mask), ...whole('packet', made.packet),
  };
}

const LENGTHS = [0, 1, 19, 49, 50, 51, 100, 1000, 16384];

function byShape(key) {
  const shapes = [[0, false], [1, false], [50, false], [200, false], [50, true], [0, true]];
  return LENGTHS.flatMap((length) => shapes.map(([padSize, usePadme]) =>
    packet(`${length} bytes, pad ${padSize}${usePadme ? ', padme' : ''}`, { key, length, padSize, usePadme })))
    .concat([0, 51, 16384].map((length) => packet(`${length} bytes, pad 65535`, { key, length, padSize: 65535 })));
}

function byField(key) {
  const counters = [0, 1, 63, 64, 255, 256, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 3, 2 ** 32 - 2];
  const topics = ['a', 'a//b', '/a', 'a/', 'Küche/台所', 'x'.repeat(100), 'a/b/c/d/e/f/g/h', '$SYS/x', 'a/~x', 'a b/c'];
  return [
    ...counters.map((counter) => packet(`counter ${counter}`, { key, counter })),
    ...Object.entries(KIND).filter(([name]) => name !== 'again').map(([name, kind]) => packet(`kind: ${name}`, { key, kind, length: 30 })),
    ...[1, NOW, 2 ** 32, 2 ** 47, 2 ** 48 - 1].map((time) => packet(`time ${time}`, { key, time })),
    ...topics.map((topic, n) => packet(`topic ${n}`, { key, topic, payload: bytes('ping') })),
    packet('stream of zeros', { key, stream: Buffer.alloc(12), counter: 2 ** 31 + 1 }),
    packet('stream of ones', { key, stream: Buffer.alloc(12, 255), counter: 2 ** 31 + 1 }),
  ];
}

// §6: what a reply and the question for the time look like.
function byRequest(key) {
  const keys = schedule(fromHex(key));
  const asker = streamId(keys, STREAM);
  const answerer = streamId(keys, { ...STREAM, R: seeded('packets: answerer', 32) });
  const topic = `~reply/${b64u(asker)}`;
  const reply = (about, counter, body, more) => ({
    ...packet(about, {
      key, topic, stream: answerer, kind: KIND.reply, payload: join(asker, be(counter, 4), body), ...more,
    }),
    binding: hex(join(asker, be(counter, 4))),
    body: hex(body),
  });
  return [
    packet('request', { key, kind: KIND.request, counter: 4, payload: bytes('how warm?') }),
    reply('reply', 4, bytes('21')),
    reply('reply, a second one', 4, bytes('22'), { counter: 1 }),
    reply('reply without a body', 4, Buffer.alloc(0), { counter: 2 }),
    reply('reply, pad 0', 2 ** 32 - 2, bytes('21'), { counter: 3, padSize: 0 }),
    reply('reply of 50 bytes with its binding', 4, seeded('reply', 34), { counter: 4 }),
    reply('reply of 51 bytes with its binding', 4, seeded('reply', 35), { counter: 5 }),
    packet('time request', { key, topic: '~time', time: 0, kind: KIND.request, payload: Buffer.alloc(0) }),
    reply('time reply', 0, Buffer.alloc(0), { counter: 6 }),
  ];
}

// §3: what was sealed before, sealed anew.
function byAgain(key) {
  const first = streamId(schedule(fromHex(key)), { ...STREAM, R: seeded('packets: an earlier run', 32) });
  const again = (about, { body = bytes('21'), ...more } = {}, message = {}) => {
    const names = { stream: first, counter: 7, time: NOW - 3600000, kind: KIND.message, ...more };
    return {
      ...packet(`again: ${about}`, { key, kind: KIND.again, payload: join(firstBytes(names), body), ...message }),
      first: { ...names, stream: hex(names.stream) },
      body: hex(body),
    };
  };
  return [
    again('a message of an hour ago'), again('a lasting one', { kind: KIND.lasting }),
    again('of the same stream', { stream: streamId(schedule(fromHex(key)), STREAM), counter: 0 }, { counter: 1 }),
    again('empty', { body: Buffer.alloc(0) }), again('empty, pad 0', { body: Buffer.alloc(0) }, { padSize: 0 }),
    again('50 bytes with what it names', { body: seeded('again', 27) }),
    again('51 bytes with what it names', { body: seeded('again', 28) }),
    again('100 bytes, padme', { body: seeded('again', 77) }, { usePadme: true }),
    again('the first ever', { counter: 0, time: 1 }), again('the last counter', { counter: 2 ** 32 - 2 }),
  ];
}

function packets() {
  return {
    about: 'Sealed packets: PROTOCOL.md §3 and §6.',
    from_stream: { R: hex(STREAM.R), time: STREAM.time, hint: hex(STREAM.hint) },
    packets: [KEY16, KEY32].flatMap((key) => {
      const own = hex(streamId(schedule(fromHex(key)), STREAM));
      return [...byShape(key), ...byField(key), ...byRequest(key), ...byAgain(key)].map((entry) =>
        ({ ...entry, from_stream: entry.stream === own }));
    }),
  };
}

function padmeTable() {
  const lengths = new Set(Array.from({ length: 301 }, (_, n) => n));
  for (let power = 9; power <= 27; power++) [-1, 0, 1].forEach((d) => lengths.add(2 ** power + d));
  for (let n = 0; n < 100; n++) {
    const random = seeded(`padme ${n}`, 5);
    lengths.add(random.readUInt32BE(0) % 2 ** (9 + (random[4] % 19)));
  }
  lengths.delete(2 ** 27 + 1);
  const table = [...lengths].sort((x, y) => x - y).map((length) => ({ length, padded: padme(length) }));
  return { about: 'Padmé: length of the payload, and of payload and padding together.', table };
}

// The key, times and bytes that the documentation's worked example uses.
function example() {
  const key = fromHex(KEY16);
  const keys = schedule(key);
  const stream = { R: Buffer.from(Array.from({ length: 32 }, (_, n) => 0x20 + n)), time: NOW, hint: Buffer.alloc(0) };
  const id = streamId(keys, stream);
  const message = { topic: TOPIC, stream: id, counter: 0, kind: 0, time: NOW, payload: bytes('ping'), padSize: 50 };
  const made = seal(keys, message);
  return {
    about: 'One message, with every value on the way.',
    input: {
      key: hex(key), topic: TOPIC, topic_hex: hex(bytes(TOPIC)), payload: 'ping', payload_hex: hex(bytes('ping')),
      pad_size: 50, R: hex(stream.R), time: NOW, hint: '', counter: 0, kind: 0,
    },
    keys: {
      prk: hex(keys.prk), seal: hex(keys.seal), mask: hex(keys.mask), topic_mac: hex(keys.topicMac),
      topic_enc: hex(keys.topicEnc), stream: hex(keys.stream), base: keys.base, fingerprint: keys.fingerprint,
    },
    stream: { hmac_input: hex(join(stream.R, be(NOW, 8))), id: hex(id) },
    topic: exampleTopic(keys),
    inner: {
      kind: hex(made.inner.subarray(0, 1)), time: hex(made.inner.subarray(1, 7)),
      length: hex(made.inner.subarray(7, 11)), payload: hex(made.inner.subarray(11, 15)),
      padding: hex(made.inner.subarray(15)), whole: hex(made.inner),
    },
    seal: { nonce: hex(made.nonce), aad: hex(bytes(TOPIC)), ciphertext: hex(made.ciphertext), tag: hex(made.tag) },
    mask: { mask: hex(made.mask), header: hex(made.header), masked: hex(made.masked) },
    packet: {
      masked_stream: hex(made.packet.subarray(0, 12)), masked_counter: hex(made.packet.subarray(12, 16)),
      ciphertext: hex(made.packet.subarray(16, -16)), tag: hex(made.packet.subarray(-16)),
      length: made.packet.length, whole: hex(made.packet),
    },
  };
}

function exampleTopic(keys) {
  const levels = TOPIC.split('/').map((name, depth) => {
    const level = bytes(name);
    const text = token(keys, depth, level);
    const sealed = Buffer.from(text, 'base64url');
    return {
      name, depth, hmac_input: hex(join(be(depth, 1), level)), s: hex(syntheticIv(keys, depth, level)),
      iv: hex(join(syntheticIv(keys, depth, level), Buffer.alloc(8))), padded: hex(padded(level)),
      ciphertext: hex(sealed.subarray(8)), token: text,
    };
  });
  return { levels, wire: wireTopic({ keys, base: keys.base, plain: false }, TOPIC) };
}

module.exports = { packets, padmeTable, example };
