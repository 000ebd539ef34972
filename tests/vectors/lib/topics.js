// SPDX-License-Identifier: MIT
'use strict';
// Topics (§5): hiding, reading back, what is refused, and which filter matches what.

const { createCipheriv } = require('node:crypto');
const { bytes, join, b64u, be } = require('./bytes');
const { hmac } = require('./keys');

const MOST_LEVELS = 256;
const LONGEST = 65535;

const ctr = (keys, s, data) =>
  createCipheriv(`aes-${keys.size * 8}-ctr`, keys.topicEnc, join(s, Buffer.alloc(8))).update(data);

const syntheticIv = (keys, depth, level) => hmac(keys.topicMac, join(be(depth, 1), level)).subarray(0, 8);

const padded = (level) => join(level, Buffer.alloc((8 - (level.length % 8)) % 8));

// `plaintext` is the padded level, unless a test wants a token that no sender makes.
function token(keys, depth, level, plaintext = padded(level)) {
  const s = syntheticIv(keys, depth, level);
  return b64u(join(s, ctr(keys, s, plaintext)));
}

function hideLevel(keys, depth, level) {
  return level === '' ? '' : token(keys, depth, bytes(level));
}

function isUtf8(buffer) {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(buffer);
    return true;
  } catch {
    return false;
  }
}

// The level's name, or null if the token does not read back.
function readLevel(keys, depth, tokenText) {
  if (tokenText === '') return '';
  if (depth >= MOST_LEVELS) return null;
  const sealed = Buffer.from(tokenText, 'base64url');
  if (sealed.length < 16) return null;
  const plaintext = ctr(keys, sealed.subarray(0, 8), sealed.subarray(8));
  let end = plaintext.length;
  while (end > 0 && plaintext[end - 1] === 0) end--;
  const name = plaintext.subarray(0, end);
  if (end === 0 || !isUtf8(name) || /[\0/+#]/.test(name.toString())) return null;
  return token(keys, depth, name) === tokenText ? name.toString() : null;
}

const withBase = (base, rest) => (base === '' ? rest : `${base}/${rest}`);

// `mode` is {keys, base, plain}. Returns null for what must not be sent.
function wireTopic(mode, topic) {
  const levels = topic.split('/');
  if (topic === '' || /[+#\0]/.test(topic) || levels.length > MOST_LEVELS) return null;
  const sent = mode.plain ? levels : levels.map((level, depth) => hideLevel(mode.keys, depth, level));
  return fitting(withBase(mode.base, sent.join('/')));
}

const fitting = (wire) => (Buffer.byteLength(wire) > LONGEST ? null : wire);

// {group, filter} of `$share/group/filter`; group is '' when not shared; null when `$share/` is used wrongly. `$share`
// alone is a filter like any other (MQTT 5.0 §4.8.2).
function splitShare(filter) {
  if (!filter.startsWith('$share/')) return { group: '', filter };
  const parts = /^\$share\/([^/+#]+)\/(.+)$/s.exec(filter);
  return parts && { group: parts[1], filter: parts[2] };
}

function goodFilterLevels(levels) {
  return levels.length <= MOST_LEVELS && levels.every((level, i) => {
    if (level === '#') return i === levels.length - 1;
    return level === '+' || !/[+#\0]/.test(level);
  });
}

function wireFilter(mode, filter) {
  const shared = splitShare(filter);
  if (!shared || shared.filter === '') return null;
  const levels = shared.filter.split('/');
  if (!goodFilterLevels(levels)) return null;
  const isWildcard = (level) => level === '+' || level === '#';
  const hide = (level, depth) => (isWildcard(level) ? level : hideLevel(mode.keys, depth, level));
  const wire = withBase(mode.base, (mode.plain ? levels : levels.map(hide)).join('/'));
  return fitting(shared.group === '' ? wire : `$share/${shared.group}/${wire}`);
}

// The logical topic, or null for a topic outside the base or one that does not read back.
function logicalTopic(mode, wire) {
  const prefix = mode.base === '' ? '' : `${mode.base}/`;
  if (!wire.startsWith(prefix)) return null;
  const levels = wire.slice(prefix.length).split('/');
  if (levels.length > MOST_LEVELS || levels.join() === '') return null; // nothing is no topic
  if (mode.plain) return /[\0+#]/.test(wire.slice(prefix.length)) ? null : levels.join('/');
  const names = levels.map((level, depth) => readLevel(mode.keys, depth, level));
  return names.includes(null) ? null : names.join('/');
}

// MQTT 5.0 §4.7, and our rule for `~`, on logical topics.
function matches(filter, topic) {
  const shared = splitShare(filter);
  const f = shared.filter.split('/');
  const t = topic.split('/');
  if (/^[+#]$/.test(f[0]) && /^[$~]/.test(t[0])) return false;
  for (let i = 0; i < f.length; i++) {
    if (f[i] === '#') return true; // also the parent level: t may end just before
    if (i >= t.length) return false;
    if (f[i] !== '+' && f[i] !== t[i]) return false;
  }
  return f.length === t.length;
}

module.exports = { token, syntheticIv, hideLevel, wireTopic, wireFilter, logicalTopic, matches, padded, MOST_LEVELS };
