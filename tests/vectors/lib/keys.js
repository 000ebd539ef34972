// SPDX-License-Identifier: MIT
'use strict';
// Key schedule (§2) and stream ids (§3).

const { createHmac } = require('node:crypto');
const { bytes, hex, join, b64u, be } = require('./bytes');

const hmac = (key, data) => createHmac('sha256', key).update(data).digest();

// RFC 5869, written out, so that it can be checked against its own test vectors.
const hkdfExtract = (salt, ikm) => hmac(salt, ikm);

function hkdfExpand(prk, info, length) {
  let out = Buffer.alloc(0);
  let block = Buffer.alloc(0);
  for (let i = 1; out.length < length; i++) {
    block = hmac(prk, join(block, info, be(i, 1)));
    out = join(out, block);
  }
  return out.subarray(0, length);
}

function schedule(key) {
  const prk = hkdfExtract(bytes('mqtt-e2e/1'), key);
  const derive = (info, length) => hkdfExpand(prk, bytes(info), length);
  return {
    size: key.length,
    prk,
    seal: derive('seal', key.length),
    mask: derive('mask', key.length),
    topicMac: derive('topic mac', 32),
    topicEnc: derive('topic enc', key.length),
    stream: derive('stream', 32),
    base: b64u(derive('base', 9)),
    fingerprint: hex(derive('fingerprint', 8)),
  };
}

function deviceKey(key, name) {
  const prk = hkdfExtract(bytes('mqtt-e2e/1'), key);
  return hkdfExpand(prk, join(bytes('device'), be(0, 1), bytes(name)), key.length);
}

function streamId(keys, { R, time, hint }) {
  return hmac(keys.stream, join(R, be(time, 8), hint)).subarray(0, 12);
}

module.exports = { hmac, hkdfExtract, hkdfExpand, schedule, deviceKey, streamId };
