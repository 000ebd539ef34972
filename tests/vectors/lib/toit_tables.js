// SPDX-License-Identifier: MIT
'use strict';
// toit.json as tables in C, for toit_vectors.h. It was recorded from the Toit library itself: see README.md.

const { bytes, fromHex } = require('./bytes');

// What the library calls it, as a status. What ours calls something else is told in the test.
const CAUSES = [
  [/future/, 'FUTURE'], [/older/, 'STALE'], [/Replay/, 'REPLAY'], [/INVALID_SIGNATURE/, 'FORGED'],
  [/OUT_OF_BOUNDS|bogus/, 'MALFORMED'], [/version is unknown/, 'UNSUPPORTED'],
];

function cause(step) {
  if (step.result === 'accept') return 'MQTT_E2E_OK';
  const found = CAUSES.find(([pattern]) => pattern.test(step.error));
  if (!found) throw new Error(`no status for '${step.error}'`);
  return `MQTT_E2E_${found[1]}`;
}

const milliseconds = (nanoseconds) => (BigInt(nanoseconds) / 1000000n).toString();

module.exports = function toit(w, { struct, run, runOfHex, text, int64, value, load }) {
  const all = load('toit');
  const key = all.keys[2].key; // of all that does not name its own

  const step = (s) => struct({
    name: text(s.name), packet: runOfHex(s.packet), now_ms: int64(milliseconds(s.now_ns)), status: cause(s),
    ...(s.result === 'accept' && { topic: run(bytes(s.topic)), message: runOfHex(s.message) }),
  });
  // One of 4,000 bytes was recorded by its tag and clear text only, those above by their hash.
  const whole = (p) => (p.packet || p.packet_sha256
    ? value({ packet: p.packet ?? undefined, packet_length: p.packet_len, packet_sha256: p.packet_sha256 }, 'packet', fromHex)
    : struct({ len: p.packet_len }));
  const sent = (of) => (p) => struct({
    key: runOfHex(of), nonce: runOfHex(p.iv), len: p.plaintext_len, pad_size: p.pad_size, size_field: p.size_field,
    time_ms: int64(milliseconds(p.iv_time_ns)), tag: runOfHex(p.tag), packet: whole(p),
    ...(p.plaintext_rule === undefined && p.plaintext_len <= 2000 && { payload: runOfHex(p.plaintext) }),
  });

  w.counted('toit_topic', 'toit_topics', 'toit_topic_count', [...all.keys, ...all.topics].map((t) =>
    struct({ key: runOfHex(t.key), topic: text(t.topic) })));
  w.counted('toit_packet', 'toit_packets', 'toit_packet_count',
    [...all.keys.flatMap((k) => k.packets.map(sent(k.key))), ...all.send_sizes.map(sent(key))]);
  w.counted('toit_step', 'toit_fresh', 'toit_fresh_count', all.receive_fresh.map(step));
  const sequences = all.receive_sequences.map((s, n) => struct({
    name: text(s.name), steps: w.part('toit_step', `toit_steps_${n}`, s.steps.map(step)), step_count: s.steps.length,
  }));
  w.counted('toit_sequence', 'toit_sequences', 'toit_sequence_count', sequences);
  w.out.push(`const mqtt_e2e_bytes toit_key = ${runOfHex(key)};`);
};
