// SPDX-License-Identifier: MIT
'use strict';
// Does the generator itself compute right? Answers from the standards, and Node's own HKDF as a second opinion.

const assert = require('node:assert');
const { createCipheriv, hkdfSync } = require('node:crypto');
const { bytes, fromHex, hex, b64u, be, fromBe, seeded } = require('./bytes');
const { hmac, hkdfExtract, hkdfExpand, schedule } = require('./keys');
const { padme, seal, unmask, open, parseInner } = require('./packet');

function rfc5869() { // A.1
  const prk = hkdfExtract(fromHex('000102030405060708090a0b0c'), Buffer.alloc(22, 0x0b));
  assert.equal(hex(prk), '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
  assert.equal(hex(hkdfExpand(prk, fromHex('f0f1f2f3f4f5f6f7f8f9'), 42)),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865');
}

function rfc4231() { // test case 2
  assert.equal(hex(hmac(bytes('Jefe'), bytes('what do ya want for nothing?'))),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
}

function hkdfAgain() {
  for (const length of [16, 32]) {
    const key = seeded('known answers', length);
    const again = hkdfSync('sha256', key, 'mqtt-e2e/1', 'seal', length);
    assert.equal(hex(schedule(key).seal), hex(Buffer.from(again)));
  }
}

function fips197() { // appendix C.1 and C.3: the block cipher under mask and topic
  const block = fromHex('00112233445566778899aabbccddeeff');
  const known = { 16: '69c4e0d86a7b0430d8cdb78070b4c55a', 32: '8ea2b7ca516745bfeafc49904b496089' };
  for (const [length, want] of Object.entries(known)) {
    const key = Buffer.from(Array.from({ length: Number(length) }, (_, n) => n));
    const cipher = createCipheriv(`aes-${length * 8}-ecb`, key, null).setAutoPadding(false);
    assert.equal(hex(cipher.update(block)), want);
  }
}

function sp80038a() { // F.5.1, first block: the IV is the whole first counter block
  const cipher = createCipheriv('aes-128-ctr', fromHex('2b7e151628aed2a6abf7158809cf4f3c'),
    fromHex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'));
  assert.equal(hex(cipher.update(fromHex('6bc1bee22e409f96e93d7e117393172a'))), '874d6191b620e3261bef6864990db6ce');
}

function gcm() { // McGrew and Viega, test cases 4 and 16
  const text = fromHex('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525'
    + 'b16aedf5aa0de657ba637b39');
  const aad = fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
  const key = fromHex('feffe9928665731c6d6a8f9467308308');
  const tags = { 128: '5bc94fbc3221a5db94fae95ae7121a47', 256: '76fc6ece0f4e1768cddf8853bb2d551b' };
  for (const [bits, want] of Object.entries(tags)) {
    const cipher = createCipheriv(`aes-${bits}-gcm`, bits === '128' ? key : Buffer.concat([key, key]),
      fromHex('cafebabefacedbaddecaf888')).setAAD(aad);
    cipher.update(text);
    cipher.final();
    assert.equal(hex(cipher.getAuthTag()), want);
  }
}

function encodings() {
  assert.equal(b64u(fromHex('fbff')), '-_8'); // RFC 4648 §5, no padding
  assert.equal(hex(be(0x0102030405, 6)), '000102030405');
  assert.equal(fromBe(be(2 ** 48 - 1, 6)), 2 ** 48 - 1);
}

function padmePaper() { // overhead at most 1/(2 log2 L); 9 becomes 10, as in the paper's figure
  assert.deepEqual([0, 1, 2, 3, 8, 9, 10, 11, 17, 100, 1000, 1025].map(padme),
    [0, 1, 2, 3, 8, 10, 10, 12, 18, 104, 1024, 1088]);
}

function roundTrip() {
  const keys = schedule(seeded('round trip', 32));
  const sent = { topic: 'a/b', stream: seeded('round trip', 12), counter: 2 ** 31, kind: 0, time: 5, payload: bytes('x') };
  const { packet } = seal(keys, sent);
  const header = unmask(keys, packet);
  assert.deepEqual(header, { stream: sent.stream, counter: sent.counter });
  const inner = open(keys, { topic: 'a/b', ...header, packet });
  assert.deepEqual(parseInner(inner), { kind: 0, time: 5, length: 1, room: 1, rest: bytes('x') });
  assert.equal(open(keys, { topic: 'a/c', ...header, packet }), null);
}

module.exports = () =>
  [rfc5869, rfc4231, hkdfAgain, fips197, sp80038a, gcm, encodings, padmePaper, roundTrip].forEach((test) => test());
