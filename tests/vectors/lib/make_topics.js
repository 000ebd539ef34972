// SPDX-License-Identifier: MIT
'use strict';
// topics.json

const { bytes, fromHex, join, b64u, hex, sha256 } = require('./bytes');
const { schedule } = require('./keys');
const topics = require('./topics');
const { KEY16, KEY32 } = require('./script');
const { MATCHES } = require('./match_table');

const keys16 = schedule(fromHex(KEY16));
const keys32 = schedule(fromHex(KEY32));
const CUSTOM = { default: undefined, 'one level': 'home', 'two levels': 'site/a', 'odd': 'Büro 1', empty: '' };

// A topic given as {repeat, times} is that text so many times over.
const spelled = (topic) => (typeof topic === 'string' ? topic : topic.repeat.repeat(topic.times));
const over = (repeat, times) => ({ repeat, times });

const TOPICS = [
  'iot/kitchen', 'a', 'a/b', 'a/a', 'a//b', '/a', 'a/', '/', '//', 'a///', ' ', 'a b', 'x'.repeat(7), 'x'.repeat(8),
  'x'.repeat(9), 'x'.repeat(15), 'x'.repeat(16), 'x'.repeat(17), `${'x'.repeat(100)}/y`, 'Küche/Licht', 'Ku\u0308che',
  '台所/\u{1f373}', '\ufeffbom', '\u{10ffff}/\uffff', '$SYS/uptime', '~reply/AAAAAAAAAAAAAAAA', '~time', 'a/~b',
  'a/$share/b', '\u0001\u007f', over('a/', 255), over('/', 255), over('abcdefgh/', 255),
];
const LONG_HIDDEN = over('a', 49128); // token of 65,515 characters, 65,528 with the default base
const LONG_PLAIN = over('a', 65522); // 65,535 with the default base

const FILTERS = [
  '#', '+', '+/+', 'iot/#', 'iot/+', '+/kitchen', 'iot/+/temp/#', '+/+/#', '/#', '/+', 'a//+', 'iot/kitchen', '+/', '~reply/+',
  '$SYS/#', '$share/g/iot/#', '$share/g/#', '$share/g/+', '$share/group 2/iot/kitchen', '$share/g//a', '$share/ü/a/+',
  '$share/$x/$share/y/z', '$shared/g/a', '$share', over('+/', 255), over('a/', 255), `${'a/'.repeat(255)}#`,
  `$share/g/${'+/'.repeat(255)}+`,
];

// Wire topics of 65 kB are given by their SHA-256.
function entry(name, given, wire) {
  if (wire === null) throw new Error(`${JSON.stringify(given)} should be good`);
  if (wire.length <= 8000) return { [name]: given, wire };
  return { [name]: given, wire_length: Buffer.byteLength(wire), wire_sha256: hex(sha256(bytes(wire))) };
}

function modes() {
  const list = Object.values(CUSTOM).flatMap((base) => [false, true].map((plain) =>
    ({ key: KEY16, keys: keys16, base: base ?? keys16.base, plain })));
  return list.concat({ key: KEY32, keys: keys32, base: keys32.base, plain: false });
}

function good() {
  return modes().map((mode) => {
    const own = mode.base !== mode.keys.base; // other bases: a few are enough
    const table = { key: mode.key, base: mode.base, plain: mode.plain, topics: [], filters: [] };
    for (const topic of own ? TOPICS.slice(0, 9) : [...TOPICS, mode.plain ? LONG_PLAIN : LONG_HIDDEN]) {
      const wire = topics.wireTopic(mode, spelled(topic));
      if (topics.logicalTopic(mode, wire) !== spelled(topic)) throw new Error(`${wire} does not read back`);
      table.topics.push(entry('topic', topic, wire));
    }
    for (const filter of own ? FILTERS.slice(0, 19) : FILTERS) {
      const wire = topics.wireFilter(mode, spelled(filter));
      table.filters.push(entry('filter', filter, wire));
    }
    return table;
  });
}

const INVALID_UTF8 = {
  'a lone continuation byte': '80', 'a cut sequence': '61c3', 'a cut sequence of three': 'e282',
  'a sequence broken off': 'c361', 'overlong slash': 'c0af', 'overlong NUL': 'c080', 'overlong DEL': 'c1bf',
  'overlong in three bytes': 'e080af', 'overlong in four': 'f08080af', 'a high surrogate': 'eda080',
  'a low surrogate': 'edbfbf', 'a pair of surrogates': 'eda081edb080', 'beyond U+10FFFF': 'f4908080',
  'five bytes': 'f888808080', 'two heads': 'c3c3', 'a head in place of the third byte': 'e282c3',
  'a head in place of the fourth': 'f09f8dc3', 'byte fe': 'fe', 'byte ff': '61ff62',
};

const BAD_TOPICS = [
  '', '+', '#', 'a/+', 'a/#', '+/a', 'a+', 'a/b#', '#/a', over('a/', 256), over('/', 256), 'a\0b', '\0',
];
const BAD_FILTERS = [
  '', 'a#', 'a/#/b', '#/a', '##', 'a+', '+a/b', '++', 'a/b#', 'a/#/', 'a/#b', 'a/+b/c', over('+/', 256),
  over('/', 256), `${'a/'.repeat(256)}#`, `$share/g/${'+/'.repeat(256)}+`, '$share/', '$share/g',
  '$share/g/', '$share//a', '$share/+/a', '$share/g#/a', '$share/g/a#', '$share/g/#/a', 'a\0b',
];

function badNames(list, name, isBad) {
  return list.map((given) => {
    for (const plain of [false, true]) {
      if (!isBad({ keys: keys16, base: keys16.base, plain }, spelled(given))) throw new Error(`${given} should be bad`);
    }
    return { [name]: given };
  });
}

const invalid = () => Object.entries(INVALID_UTF8).map(([about, h]) => ({ about, hex: h }));

function bad() {
  return {
    topics: badNames(BAD_TOPICS, 'topic', (mode, topic) => topics.wireTopic(mode, topic) === null),
    topics_hidden: [{ topic: over('a', 49129), about: 'a wire topic of over 65,535 bytes' }],
    topics_plain: [{ topic: over('a', 65523), about: 'a wire topic of over 65,535 bytes' }],
    topics_not_utf8: invalid(),
    filters: badNames(BAD_FILTERS, 'filter', (mode, filter) => topics.wireFilter(mode, filter) === null),
    filters_hidden: [{ filter: over('a', 49129), about: 'a wire topic of over 65,535 bytes' }],
    filters_plain: [{ filter: over('a', 65523), about: 'a wire topic of over 65,535 bytes' }],
    filters_not_utf8: invalid(),
    wire: badWire(),
  };
}

// Wire topics that no sender makes. `rest` is what stands after the base.
function badWire() {
  const { base } = keys16;
  const token = (name, depth = 0) => topics.token(keys16, depth, Buffer.isBuffer(name) ? name : bytes(name));
  const of = (rest) => `${base}/${rest}`;
  const plain16 = topics.padded(bytes('kitchen'));
  const list = {
    'base missing': token('a'),
    'base alone': base,
    'base and slash alone': `${base}/`,
    'base cut': of(token('a')).slice(1),
    'base longer': `${base}x/${token('a')}`,
    'base of another key': `${keys32.base}/${token('a')}`,
    'base in other case': `${base.toLowerCase()}/${token('a')}`,
    'a slash before': `/${of(token('a'))}`,
    'a plain level': of('kitchen'),
    'a plain level of sixteen letters': of('kitchenkitchenki'),
    'token of another key': of(topics.token(keys32, 0, bytes('a'))),
    'token of depth 1 at 0': of(token('a', 1)),
    'token of depth 0 at 1': of(`${token('a')}/${token('a')}`),
    'an empty level first': of(`/${token('a')}`),
    'token too short: 15 bytes': of(token('a').slice(0, 20)),
    'token too short: 8 bytes': of(b64u(Buffer.from(token('a'), 'base64url').subarray(0, 8))),
    'one letter': of('A'),
    'a letter cut': of(token('kitchen').slice(0, -1)),
    'a letter more': of(`${token('kitchen')}A`),
    'a letter more than 24 bytes': of(`${token('living room')}A`),
    'two tokens in one': of(token('kitchen') + token('kitchen')),
    'base64 padding': of(`${token('kitchen')}==`),
    'a space at the end': of(`${token('kitchen')} `),
    'a dot within': of(token('kitchen').replace(/^..../, '$&.')),
    'padding longer than needed': of(topics.token(keys16, 0, bytes('kitchen'), join(plain16, Buffer.alloc(8)))),
    'padding where none is needed': of(topics.token(keys16, 0, bytes('kitchens'), bytes('kitchens\0\0\0\0\0\0\0\0'))),
    'padding that is not zeros': of(topics.token(keys16, 0, bytes('a'), bytes('a\0\0\0\0\0\0b'))),
    'padding shorter than needed': of(topics.token(keys16, 0, bytes('kitch'), bytes('kitch'))),
    'token of an empty name, 8 bytes': of(topics.token(keys16, 0, bytes(''), Buffer.alloc(0))),
    'token of an empty name, padded': of(topics.token(keys16, 0, bytes(''), Buffer.alloc(8))),
    'token of the name a/b': of(token('a/b')),
    'token of the name /': of(token('/')),
    'token of the name +': of(token('+')),
    'token of the name #': of(token('#')),
    'token of the name a+': of(token('a+')),
    'token of a name with NUL': of(token('a\0b')),
    'token of NUL alone': of(topics.token(keys16, 0, bytes('\0'), Buffer.alloc(8))),
    '257 levels, empty ones': of('/'.repeat(256)),
  };
  for (const [place, letter] of [...token('kitchen')].entries()) {
    const other = letter === 'A' ? 'B' : 'A';
    list[`letter ${place} altered`] = of(token('kitchen').slice(0, place) + other + token('kitchen').slice(place + 1));
  }
  const [before, after] = withLetterA(token);
  for (const letter of '.=+@[`{Á') list[`${letter} in place of A`] = of(before + letter + after);
  for (const name of ['kitchen', 'x'.repeat(17)]) {
    for (const text of otherTrailingBits(token(name))) list[`not canonical: …${text.slice(-3)}`] = of(text);
  }
  for (const [about, h] of Object.entries(INVALID_UTF8)) list[`token of a name with ${about}`] = of(token(fromHex(h)));
  return Object.entries(list).map(([about, wire]) => {
    if (topics.logicalTopic({ keys: keys16, base, plain: false }, wire) !== null) throw new Error(`${about} reads back`);
    return { about, key: KEY16, base, plain: false, wire };
  }).concat(badWireElsewhere(), badPlainWire());
}

function badPlainWire() {
  const { base } = keys16;
  const list = { 'base alone': base, 'base and slash alone': `${base}/`, 'another base': `${keys32.base}/a` };
  for (const rest of ['+', 'a/+', 'a+', '#', 'a/#', 'a\0b', '\0', '/'.repeat(256)]) list[`plain: ${rest.slice(0, 9)}`] = `${base}/${rest}`;
  const text = Object.entries(list).map(([about, wire]) => {
    if (topics.logicalTopic({ keys: keys16, base, plain: true }, wire) !== null) throw new Error(`${about} reads back`);
    return { about, key: KEY16, base, plain: true, wire };
  });
  const notText = Object.entries(INVALID_UTF8).map(([about, h]) =>
    ({ about, key: KEY16, base, plain: true, wire_hex: hex(bytes(`${base}/`)) + h }));
  return [...text, ...notText];
}

// What stands before and after an A (six zero bits) in a token that has one: a decoder may take other things for it.
function withLetterA(token) {
  for (let n = 0; ; n++) {
    const text = token(`room ${n}`);
    const place = text.indexOf('A');
    if (place > 0) return [text.slice(0, place), text.slice(place + 1)];
  }
}

// The letters that decode to the same bytes as the last one.
function otherTrailingBits(text) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const decoded = Buffer.from(text, 'base64url');
  return [...letters].map((letter) => text.slice(0, -1) + letter)
    .filter((other) => other !== text && Buffer.from(other, 'base64url').equals(decoded));
}

function badWireElsewhere() {
  const list = [
    ['site/a', 'site/a', 'own base alone'], ['site/a', 'site', 'half of the base'], ['home', 'homes', 'base longer'],
    ['site/a', 'site/b', 'another base'], ['', 'home', 'a plain level before, with no base'],
  ];
  return list.map(([base, before, about]) => {
    const end = before === base && base !== '' ? '' : `/${topics.token(keys16, base === '' ? 1 : 0, bytes('a'))}`;
    const wire = before + end;
    if (topics.logicalTopic({ keys: keys16, base, plain: false }, wire) !== null) throw new Error(`${about} reads back`);
    return { about, key: KEY16, base, plain: false, wire };
  });
}

function filterMatches() {
  return MATCHES.map(([filter, topic, match]) => {
    if (topics.matches(filter, topic) !== match) throw new Error(`${filter} and ${topic}: meant ${match}`);
    return { filter, topic, match };
  });
}

module.exports = () => ({
  about: 'Topics: PROTOCOL.md §5.',
  modes: good(), bad: bad(), matches: filterMatches(),
});
