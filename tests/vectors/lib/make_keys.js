// SPDX-License-Identifier: MIT
'use strict';
// keys.json, stream.json

const { fromHex, hex, seeded } = require('./bytes');
const { schedule, deviceKey, streamId } = require('./keys');
const { KEY16 } = require('./script');

const KEYS = [
  KEY16, '00'.repeat(16), 'ff'.repeat(16), hex(seeded('key 1', 16)), hex(seeded('key 2', 16)),
  '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', '00'.repeat(32), 'ff'.repeat(32),
  hex(seeded('key 3', 32)), hex(seeded('key 4', 32)),
];

// The last one but one is decomposed: names are never normalised.
const NAMES = ['kitchen', 'a', 'device 7', 'iot/kitchen', 'Küche', 'Ku\u0308che', '台所\u{1f373}', 'x'.repeat(255)];

function keys() {
  return {
    about: 'Key schedule: PROTOCOL.md §2.',
    keys: KEYS.map((keyHex) => {
      const key = fromHex(keyHex);
      const made = schedule(key);
      return {
        key: keyHex,
        prk: hex(made.prk),
        seal: hex(made.seal),
        mask: hex(made.mask),
        topic_mac: hex(made.topicMac),
        topic_enc: hex(made.topicEnc),
        stream: hex(made.stream),
        base: made.base,
        fingerprint: made.fingerprint,
        devices: NAMES.map((name) => ({ name, key: hex(deviceKey(key, name)) })),
      };
    }),
  };
}

const TIMES = [0, 1, 1795459591440, 2 ** 32, 2 ** 48 - 1];
const HINTS = [Buffer.alloc(0), seeded('hint', 1), seeded('hint', 8), seeded('hint', 24), seeded('hint', 32)];

function stream() {
  const streams = [KEYS[0], KEYS[5]].flatMap((key) => TIMES.flatMap((time, i) => HINTS.map((hint, j) => {
    const R = i + j === 0 ? Buffer.alloc(32) : seeded(`R ${i} ${j}`, 32);
    const id = streamId(schedule(fromHex(key)), { R, time, hint });
    return { key, R: hex(R), time, hint: hex(hint), id: hex(id) };
  })));
  return { about: 'Stream ids: PROTOCOL.md §3. Time is in milliseconds.', streams };
}

module.exports = { keys, stream };
