// SPDX-License-Identifier: MIT
'use strict';
// Rules 0 to 5 of §4: every cause, and which one wins where two apply.

const { bytes, flip, seeded, xor, join, be, fromHex } = require('./bytes');
const { schedule } = require('./keys');
const { KIND, OVERHEAD, maskOf } = require('./packet');
const { token, hideLevel } = require('./topics');
const { Script, MINUTE, KEY32, TOPIC } = require('./script');

const OTHER = 'iot/cellar';

function topics() {
  const s = new Script('rule 0: topics that do not read back');
  const [a, own] = [s.sender('a'), s.receiver.own];
  const [base, iot, kitchen] = s.wire(TOPIC).split('/');
  const good = s.packet(a, 0);
  const bad = {
    'another base': `${base.slice(0, -1)}!/${iot}/${kitchen}`,
    'no base': `${iot}/${kitchen}`,
    'base alone': base,
    'plain levels': `${base}/${TOPIC}`,
    'levels change places': `${base}/${kitchen}/${iot}`,
    'a letter of a token altered': `${base}/${iot}/${kitchen[0] === 'A' ? 'B' : 'A'}${kitchen.slice(1)}`,
    'a token of another key': `${base}/${iot}/${hideLevel(schedule(fromHex(KEY32)), 1, 'kitchen')}`,
    'a token of a name with a slash': `${base}/${token(s.keys, 0, bytes(TOPIC))}`,
  };
  for (const [about, wire] of Object.entries(bad)) s.receive('forged', good, { wire, about });
  const wire = bad['plain levels'];
  s.receive('forged', Buffer.alloc(0), { wire, about: 'before rule 1: an empty packet' });
  s.receive('forged', s.packet(own, 0), { wire, about: 'before rule 2: own stream' });
  s.receive('accepted', good, { about: 'none of that changed the state' });
  s.receive('forged', good, { wire, about: 'before rule 3: a replay' });
  return s;
}

function lengths() {
  const s = new Script('rule 1: lengths', { longest_packet: 200 });
  const [a, own] = [s.sender('a'), s.receiver.own];
  const ofLength = (stream, counter, n) => s.packet(stream, counter, { payload: seeded('length', n - OVERHEAD) });
  const smallest = ofLength(a, 0, OVERHEAD);
  for (const n of [0, 1, 16, 27, 42]) {
    s.receive('malformed', smallest.subarray(0, n), { about: `${n} bytes` });
  }
  s.receive('forged', seeded('noise', OVERHEAD), { about: '43 bytes of noise' });
  s.receive('accepted', smallest, { about: '43 bytes' });
  s.receive('malformed', smallest.subarray(0, 42), { about: 'a replay cut by one byte' });
  s.receive('accepted', ofLength(a, 1, 199), { about: 'one below the limit' });
  s.receive('accepted', ofLength(a, 2, 200), { about: 'the limit' });
  s.receive('malformed', ofLength(a, 3, 201), { about: 'one above the limit' });
  s.receive('malformed', ofLength(own, 0, 201), { about: 'before rule 2: own stream' });
  s.receive('own', ofLength(own, 0, 200), { about: 'own stream at the limit' });
  s.receive('accepted', ofLength(a, 3, 200), { about: 'counter 3 is still free' });
  return s;
}

// A packet with a chosen tag, whose header unmasks to the stream and counter: no key holder sealed it.
function withTag(s, stream, counter, tag, ciphertext) {
  const sealed = s.packet(stream, counter);
  const sealedTag = sealed.subarray(-16);
  if (tag.equals(sealedTag)) throw new Error('choose another tag');
  return join(xor(join(stream, be(counter, 4)), maskOf(s.keys, tag)), ciphertext, tag);
}

function own() {
  const s = new Script('rule 2: own stream');
  const mine = s.receiver.own;
  s.receive('own', s.packet(mine, 0), { about: 'an echo' });
  s.receive('own', s.packet(mine, 0), { about: 'again' });
  s.receive('own', s.packet(mine, 7), { about: 'a counter not used yet' });
  s.receive('own', s.packet(mine, 2 ** 32 - 1), { about: 'the last counter' });
  s.receive('own', s.packet(mine, 0, { topic: OTHER }), { about: 'moved to another topic' });
  s.receive('own', flip(s.packet(mine, 0), 20), { about: 'before rule 4: ciphertext altered' });
  s.receive('own', withTag(s, mine, 3, seeded('tag', 16), seeded('ciphertext', 20)), { about: 'a tag made up' });
  s.receive('own', s.packet(mine, 0, { kind: 9 }), { about: 'before rule 5: unknown kind' });
  s.receive('own', s.packet(mine, 0, { time: s.now - 60 * MINUTE }), { about: 'before rule 7: an old one' });
  s.receive('forged', flip(s.packet(mine, 0), -1), { about: 'tag altered: the header unmasks to another stream' });
  s.receive('forged', flip(s.packet(mine, 0), 11), { about: 'another stream that differs in the last byte' });
  s.receive('accepted', s.packet(flip(mine, 11), 0), { about: 'such a stream, sealed with the key' });
  s.receive('accepted', s.packet(flip(mine, 0, 0x80), 0), { about: 'and one that differs in the first bit' });
  return s;
}

function replay() {
  const s = new Script('rule 3: replay');
  const a = s.sender('a');
  const first = s.packet(a, 5);
  s.receive('accepted', first);
  s.receive('replay', first, { about: 'again' });
  s.receive('replay', first, { topic: OTHER, about: 'before rule 4: on another topic' });
  s.receive('replay', flip(first, 20), { about: 'before rule 4: ciphertext altered' });
  s.receive('replay', withTag(s, a, 5, seeded('tag', 16), seeded('ciphertext', 20)), { about: 'a tag made up' });
  s.receive('replay', s.packet(a, 5, { kind: 9 }), { about: 'before rule 5: unknown kind' });
  s.receive('replay', s.packet(a, 5, { claimed: 99 }), { about: 'before rule 5: length too large' });
  s.receive('replay', s.packet(a, 5, { time: s.now - 60 * MINUTE }), { about: 'before rule 7: stale' });
  s.receive('replay', s.packet(a, 5, { time: s.now + 60 * MINUTE }), { about: 'before rule 7: future' });
  s.receive('forged', flip(s.packet(a, 6), 20), { about: 'counter 6, altered' });
  s.receive('accepted', s.packet(a, 6), { about: 'it is still free' });
  s.receive('replay', flip(s.packet(a, 4), 15, 1), { about: 'the masked counter changed from 4 to 5' });
  s.receive('accepted', s.packet(a, 4));
  s.wait(6 * MINUTE);
  s.receive('replay', first, { about: 'six minutes later, before rule 7: stale' });
  s.now = null;
  s.receive('replay', first, { about: 'before rule 7: no clock' });
  return s;
}

function forged() {
  const s = new Script('rule 4: forged');
  const a = s.sender('a');
  const good = s.packet(a, 0);
  for (let place = 0; place < good.length; place += 3) {
    s.receive('forged', flip(good, place, 1 << (place % 8)), { about: `a bit of byte ${place} altered` });
  }
  s.receive('forged', good.subarray(0, -1), { about: 'last byte cut' });
  s.receive('forged', join(good, Buffer.alloc(1)), { about: 'a zero byte more' });
  s.receive('forged', good, { topic: OTHER, about: 'another topic' });
  s.receive('forged', good, { topic: `${TOPIC}/`, about: 'an empty level more' });
  s.receive('forged', good, { topic: 'iot', about: 'a level less' });
  s.receive('forged', s.packet(a, 0, { keys: schedule(fromHex(KEY32)) }), { about: 'another key' });
  s.receive('forged', flip(s.packet(a, 0, { kind: 9 }), 16), { about: 'before rule 5: kind' });
  s.receive('forged', s.packet(a, 0, { kind: 9 }), { topic: OTHER, about: 'before rule 5: unknown kind' });
  s.receive('forged', s.packet(a, 0, { claimed: 99 }), { topic: OTHER, about: 'before rule 5: length' });
  s.receive('forged', s.packet(a, 0, { time: 1 }), { topic: OTHER, about: 'before rule 7: stale' });
  s.receive('accepted', good, { about: 'the good one at last' });
  return s;
}

function inner(name, options) {
  const s = new Script(name, options);
  const a = s.sender('a');
  const long = s.now - 60 * MINUTE;
  for (const kind of [5, 6, 127, 128, 255]) s.receive('unsupported', s.packet(a, 0, { kind }), { about: `kind ${kind}` });
  s.receive('unsupported', s.packet(a, 0, { kind: 5, claimed: 99 }), { about: 'before length too large' });
  s.receive('unsupported', s.packet(a, 0, { kind: 5, time: long }), { about: 'before rule 7: stale' });
  const payload = seeded('payload', 20);
  const shapes = [
    ['accepted', 20, 0, 'length exact'], ['malformed', 21, 0, 'one too large'], ['malformed', 2 ** 32 - 1, 0, '2^32-1'],
    ['malformed', 2 ** 31, 0, '2^31'], ['malformed', 256, 0, '256'], ['malformed', 2 ** 24, 0, '2^24'],
    ['accepted', 20, 50, 'padded'], ['accepted', 0, 50, 'length 0 with 50 bytes there'],
    ['accepted', 50, 50, 'length takes in the padding'], ['malformed', 51, 50, 'one beyond the padding'],
    ['malformed', 2 ** 32 - 1, 50, '2^32-1 with padding'], ['malformed', 2 ** 32 - 11, 50, '2^32-11'],
    ['malformed', 2 ** 32 - 43, 50, '2^32-43'],
  ];
  shapes.forEach(([want, claimed, padSize, about], counter) =>
    s.receive(want, s.packet(a, counter, { payload, claimed, padSize }), { about }));
  s.receive('malformed', s.packet(a, 90, { claimed: 99, time: long }), { about: 'before rule 7: stale' });
  s.receive('malformed', s.packet(a, 90, { claimed: 99, kind: KIND.reply }), { about: 'a reply, length too large' });
  s.receive('accepted', s.packet(a, 90), { about: 'counter 90 is still free' });
  for (const [n, kind] of [KIND.message, KIND.request, KIND.lasting].entries()) {
    s.receive('accepted', s.packet(a, 91 + n, { kind }), { about: `kind ${kind}` });
  }
  s.receive('accepted', s.packet(a, 95, { payload: Buffer.alloc(0) }), { about: 'no payload' });
  return s;
}

// Padding is ignored by receivers: it need not be zeros.
function padding() {
  const s = new Script('rule 5: padding that is not zeros');
  const payload = join(bytes('short'), seeded('not zeros', 45));
  s.receive('accepted', s.packet(s.sender('a'), 0, { payload, claimed: 5 }));
  return s;
}

// Topics as seen by receivers with other bases and modes.
function modes() {
  const scripts = [['plain', { plain: true }], ['own base', { base: 'site/a' }], ['no base', { base: '' }],
    ['plain without base', { plain: true, base: '' }], ['32 byte key, plain', { plain: true, key: KEY32 }]];
  return scripts.map(([name, options]) => {
    const s = new Script(`modes: ${name}`, options);
    const a = s.sender('a');
    const good = s.packet(a, 0);
    const wire = s.wire(TOPIC);
    if (s.setup.base !== '') {
      const rest = wire.slice(s.setup.base.length + 1);
      s.receive('forged', good, { wire: `${s.setup.base}x/${rest}`, about: 'a longer base' });
      s.receive('forged', good, { wire: rest, about: 'no base' });
      s.receive('forged', good, { wire: `/${wire}`, about: 'a slash before' });
      s.receive('forged', good, { wire: s.setup.base, about: 'base alone' });
    }
    s.receive('forged', good, { topic: OTHER, about: 'another topic' });
    s.receive('accepted', good);
    s.receive('replay', good);
    s.receive('accepted', s.packet(a, 1, { topic: 'küche//x/' }), { topic: 'küche//x/', about: 'empty levels' });
    return s;
  });
}

module.exports = () => [
  topics(), lengths(), own(), replay(), forged(), inner('rule 5: kind and length'),
  inner('rule 5: kind and length, 32 byte key', { key: KEY32 }), padding(), ...modes(),
];
