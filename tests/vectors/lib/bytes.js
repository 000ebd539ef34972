// SPDX-License-Identifier: MIT
'use strict';
// Bytes in and out: hex, big-endian integers, base64url, and test inputs that look random.

const { createHash } = require('node:crypto');

const bytes = (text) => Buffer.from(text, 'utf8');
const fromHex = (hex) => Buffer.from(hex, 'hex');
const hex = (buffer) => buffer.toString('hex');
const join = (...parts) => Buffer.concat(parts);
const b64u = (buffer) => buffer.toString('base64url');
const sha256 = (data) => createHash('sha256').update(data).digest();

// Unsigned big-endian integer of `size` bytes. Everything here fits in 53 bits.
function be(value, size) {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** (8 * size)) {
    throw new RangeError(`${value} does not fit in ${size} bytes`);
  }
  const out = Buffer.alloc(size);
  for (let i = size - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) out[i] = rest % 256;
  return out;
}

function fromBe(buffer) {
  return buffer.reduce((value, byte) => value * 256 + byte, 0);
}

function xor(a, b) {
  return Buffer.from(a.map((byte, i) => byte ^ b[i]));
}

// A copy with some bits of one byte flipped; a negative place counts from the end.
function flip(buffer, place, bits = 1) {
  const out = Buffer.from(buffer);
  out[place < 0 ? out.length + place : place] ^= bits;
  return out;
}

// The same seed gives the same bytes everywhere: SHA-256(seed ‖ block number (4 bytes)), block after block.
function seeded(seed, length) {
  const blocks = [];
  for (let i = 0; i * 32 < length; i++) blocks.push(sha256(join(bytes(seed), be(i, 4))));
  return join(...blocks).subarray(0, length);
}

module.exports = { bytes, fromHex, hex, join, b64u, sha256, be, fromBe, xor, flip, seeded };
