// SPDX-License-Identifier: MIT
'use strict';
// Packets (§3): seal, open, and every value in between.

const { createCipheriv, createDecipheriv } = require('node:crypto');
const { bytes, join, be, fromBe, xor } = require('./bytes');

const HEADER = 16; // stream id and counter
const TAG = 16;
const INNER = 11; // kind, time, length
const OVERHEAD = HEADER + INNER + TAG;

const KIND = { message: 0, request: 1, reply: 2, lasting: 3, again: 4 };

// Padmé, as the PURBs paper writes it: keep the top bits of the length, round the others up.
function padme(length) {
  if (length < 2) return length;
  const floorLog2 = (n) => 31 - Math.clz32(n);
  const exponent = floorLog2(length);
  const kept = floorLog2(exponent) + 1;
  const unit = 2 ** (exponent - kept);
  return Math.ceil(length / unit) * unit;
}

function paddedLength(length, padSize, usePadme) {
  if (length <= padSize) return padSize;
  return usePadme ? padme(length) : length;
}

// `claimed` is a length field that need not be true.
function innerText({ kind, time, payload, padSize = 0, usePadme = false, claimed = payload.length }) {
  const padding = paddedLength(payload.length, padSize, usePadme) - payload.length;
  return join(be(kind, 1), be(time, 6), be(claimed, 4), payload, Buffer.alloc(padding));
}

// What a message sealed anew has before its own payload: its first packet.
const firstBytes = ({ stream, counter, time, kind }) => join(stream, be(counter, 4), be(time, 6), be(kind, 1));

const nonceOf = (stream, counter) => join(stream.subarray(0, 8), xor(stream.subarray(8), be(counter, 4)));

function maskOf(keys, tag) {
  const cipher = createCipheriv(`aes-${keys.size * 8}-ecb`, keys.mask, null).setAutoPadding(false);
  return join(cipher.update(tag), cipher.final());
}

// All intermediate values of sealing one inner text.
function sealInner(keys, { topic, stream, counter, inner }) {
  const nonce = nonceOf(stream, counter);
  const cipher = createCipheriv(`aes-${keys.size * 8}-gcm`, keys.seal, nonce);
  cipher.setAAD(bytes(topic));
  const ciphertext = join(cipher.update(inner), cipher.final());
  const tag = cipher.getAuthTag();
  const mask = maskOf(keys, tag);
  const header = join(stream, be(counter, 4));
  const masked = xor(header, mask);
  return { inner, nonce, ciphertext, tag, mask, header, masked, packet: join(masked, ciphertext, tag) };
}

const seal = (keys, message) => sealInner(keys, { ...message, inner: innerText(message) });

function unmask(keys, packet) {
  const header = xor(packet.subarray(0, HEADER), maskOf(keys, packet.subarray(-TAG)));
  return { stream: header.subarray(0, 12), counter: fromBe(header.subarray(12)) };
}

// The inner text, or null if the tag is wrong.
function open(keys, { topic, stream, counter, packet }) {
  const decipher = createDecipheriv(`aes-${keys.size * 8}-gcm`, keys.seal, nonceOf(stream, counter));
  decipher.setAAD(bytes(topic));
  decipher.setAuthTag(packet.subarray(-TAG));
  const inner = decipher.update(packet.subarray(HEADER, -TAG));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return inner;
}

function parseInner(inner) {
  return {
    kind: inner[0],
    time: fromBe(inner.subarray(1, 7)),
    length: fromBe(inner.subarray(7, INNER)),
    room: inner.length - INNER,
    rest: inner.subarray(INNER),
  };
}

module.exports = {
  OVERHEAD, KIND, padme, innerText, firstBytes, seal, sealInner, maskOf, unmask, open, parseInner,
};
