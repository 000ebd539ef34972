#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';
// Writes the JSON files of this directory as tables in C, for vectors.h:
//
//   node tests/vectors/to_c.js vectors.c

const fs = require('node:fs');
const path = require('node:path');
const { bytes, fromHex, hex, sha256 } = require('./lib/bytes');
const toitTables = require('./lib/toit_tables');

const LONGEST_LITERAL = 2000; // C11 §5.2.4.1 promises 4,095

const load = (name) => JSON.parse(fs.readFileSync(path.join(__dirname, `${name}.json`), 'utf8'));

// A string literal. Octal escapes have three digits, so that what follows can't be taken for a part of them.
function literal(buffer) {
  const plain = (byte) => byte >= 0x20 && byte < 0x7f && !'"\\?'.includes(String.fromCharCode(byte));
  const char = (byte) => (plain(byte) ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`);
  return `"${[...buffer].map(char).join('')}"`;
}

const text = (string) => literal(bytes(string));
const run = (buffer) => `{${literal(buffer)}, ${buffer.length}}`;
const runOfHex = (digits) => run(fromHex(digits));
const int64 = (value) => `INT64_C(${value})`;
const struct = (fields) => `{${Object.entries(fields).map(([name, value]) => `.${name} = ${value}`).join(', ')}}`;

// vector_value from fields `name`, or `name_length` and `name_sha256`.
function value(entry, name, decode) {
  if (entry[name] === undefined) return hashed(entry[`${name}_length`], entry[`${name}_sha256`]);
  const whole = decode(entry[name]);
  return whole.length > LONGEST_LITERAL ? hashed(whole.length, hex(sha256(whole)))
    : struct({ whole: run(whole), len: whole.length });
}

const hashed = (length, digest) => struct({ len: length, sha256: runOfHex(digest) });

function payload(given) {
  if (typeof given === 'string') return struct({ whole: runOfHex(given), len: given.length / 2 });
  return struct({ seed: run(bytes(given.seed)), len: given.length });
}

function times(given) {
  if (Buffer.isBuffer(given)) return struct({ text: run(given), times: 1 });
  return typeof given === 'string' ? times(bytes(given)) : struct({ text: run(bytes(given.repeat)), times: given.times });
}

class Writer {
  constructor() {
    this.out = ['/* Written by to_c.js. */', '#include "toit_vectors.h"', ''];
  }

  // `static` tables are parts of others.
  table(type, name, entries, storage = '') {
    if (entries.length === 0) throw new Error(`${name} is empty`);
    this.out.push(`${storage}const ${type} ${name}[] = {`, ...entries.map((entry) => `    ${entry},`), '};');
  }

  counted(type, name, count, entries) {
    this.table(type, name, entries);
    this.out.push(`const size_t ${count} = ${entries.length};`, '');
  }

  part(type, name, entries) {
    this.table(type, name, entries, 'static ');
    return name;
  }
}

function keys(w) {
  const entries = load('keys').keys.map((k, n) => {
    const devices = k.devices.map((d) => struct({ name: run(bytes(d.name)), key: runOfHex(d.key) }));
    const secrets = ['key', 'prk', 'seal', 'mask', 'topic_mac', 'topic_enc', 'stream'];
    return struct({
      ...Object.fromEntries(secrets.map((name) => [name, runOfHex(k[name])])),
      base: text(k.base), fingerprint: text(k.fingerprint),
      devices: w.part('vector_device', `devices_${n}`, devices), device_count: devices.length,
    });
  });
  w.counted('vector_keys', 'vector_keys_table', 'vector_keys_count', entries);
}

function streams(w) {
  w.counted('vector_stream', 'vector_streams', 'vector_stream_count', load('stream').streams.map((s) => struct({
    key: runOfHex(s.key), r: runOfHex(s.R), hint: runOfHex(s.hint), id: runOfHex(s.id), time: int64(s.time),
  })));
}

function padme(w) {
  w.counted('vector_padme', 'vector_padmes', 'vector_padme_count', load('padme').table.map((p) => struct(p)));
}

// The worked example in the form of the other packets.
function examplePacket({ input, stream, seal, mask, packet }) {
  return {
    about: 'the worked example', key: input.key, topic: input.topic, stream: stream.id, counter: input.counter,
    time: input.time, kind: input.kind, payload: input.payload_hex, pad_size: input.pad_size, padme: false,
    nonce: seal.nonce, tag: seal.tag, mask: mask.mask, packet: packet.whole,
  };
}

function packets(w) {
  const all = [examplePacket(load('example')), ...load('packets').packets];
  w.counted('vector_packet', 'vector_packets', 'vector_packet_count', all.map((p) => struct({
    about: text(p.about), key: runOfHex(p.key), topic: text(p.topic), stream: runOfHex(p.stream),
    counter: `${p.counter}u`, time: int64(p.time), kind: p.kind, payload: payload(p.payload), pad_size: p.pad_size,
    padme: p.padme, nonce: runOfHex(p.nonce), tag: runOfHex(p.tag), mask: runOfHex(p.mask),
    packet: value(p, 'packet', fromHex),
  })));
}

function modes(w, { modes: list }) {
  const names = (entries, name) =>
    entries.map((entry) => struct({ name: times(entry[name]), wire: value(entry, 'wire', bytes) }));
  const entries = list.map((mode, n) => struct({
    key: runOfHex(mode.key), base: text(mode.base), plain: mode.plain,
    topics: w.part('vector_name', `topics_${n}`, names(mode.topics, 'topic')), topic_count: mode.topics.length,
    filters: w.part('vector_name', `filters_${n}`, names(mode.filters, 'filter')), filter_count: mode.filters.length,
  }));
  w.counted('vector_mode', 'vector_modes', 'vector_mode_count', entries);
}

// The C interface takes text that ends with a NUL: one within can't even be said.
function badNames(bad, plural, name) {
  const sayable = (given) => typeof given !== 'string' || !given.includes('\0');
  const entry = (given, hidden, plain) => struct({ name: times(given), hidden, plain });
  return [
    ...bad[plural].filter((b) => sayable(b[name])).map((b) => entry(b[name], true, true)),
    ...bad[`${plural}_hidden`].map((b) => entry(b[name], true, false)),
    ...bad[`${plural}_plain`].map((b) => entry(b[name], false, true)),
    ...bad[`${plural}_not_utf8`].map((b) => entry(fromHex(b.hex), true, true)),
  ];
}

function topics(w) {
  const all = load('topics');
  modes(w, all);
  w.counted('vector_bad_name', 'vector_bad_topics', 'vector_bad_topic_count', badNames(all.bad, 'topics', 'topic'));
  w.counted('vector_bad_name', 'vector_bad_filters', 'vector_bad_filter_count', badNames(all.bad, 'filters', 'filter'));
  w.counted('vector_bad_wire', 'vector_bad_wires', 'vector_bad_wire_count', all.bad.wire.map((b) => struct({
    about: text(b.about), key: runOfHex(b.key), base: text(b.base), plain: b.plain,
    wire: b.wire === undefined ? runOfHex(b.wire_hex) : run(bytes(b.wire)),
  })));
  w.counted('vector_match', 'vector_matches', 'vector_match_count', all.matches.map((m) =>
    struct({ filter: text(m.filter), topic: text(m.topic), match: m.match })));
}

const STATUS = { accepted: 'MQTT_E2E_OK' };
const status = (name) => STATUS[name] ?? `MQTT_E2E_${name.toUpperCase()}`;

function expectation(e) {
  const fields = { status: status(e.status), off_by_ms: int64(e.off_by_ms ?? 0), clock_ms: int64(e.clock_ms ?? 0) };
  if (e.status !== 'accepted') return struct(fields);
  return struct({
    ...fields, topic: text(e.topic), kind: e.kind, time: int64(e.time), stream: runOfHex(e.stream),
    counter: `${e.counter}u`, payload: runOfHex(e.payload), padding: e.padding, old: e.old ?? false, again: e.again ?? false,
  });
}

function step(s, n) {
  const clocks = { now_ms: int64(s.now_ms ?? 0), mono_ms: int64(s.mono_ms ?? 0) };
  const about = text(`step ${n}${s.about ? `: ${s.about}` : ''}`);
  if (s.do === undefined) {
    return struct({
      action: 'VECTOR_RECEIVE', about, ...clocks, wire_topic: run(bytes(s.wire_topic)), packet: runOfHex(s.packet),
      expect: expectation(s.expect),
    });
  }
  return struct({
    action: `VECTOR_${s.do.toUpperCase()}`, about, ...clocks, counter: `${s.counter ?? 0}u`,
    timeout_ms: s.timeout_ms ?? 0, ...(s.own_stream && { r: runOfHex(s.own_stream.R) }),
  });
}

function scenarios(w) {
  const entries = load('refusals').scenarios.map((s, n) => struct({
    name: text(s.name), key: runOfHex(s.key), window: s.window, streams: s.streams, lasting_topics: s.lasting_topics,
    clock_skew_ms: s.clock_skew_ms, clock_lead_ms: s.clock_lead_ms, longest_packet: s.longest_packet,
    floor_ms: int64(s.floor_ms ?? -1), plain: s.plain, own_clock: s.own_clock, base: text(s.base),
    own_r: runOfHex(s.own_stream.R), own_time: int64(s.own_stream.time),
    steps: w.part('vector_step', `steps_${n}`, s.steps.map(step)), step_count: s.steps.length,
  }));
  w.counted('vector_scenario', 'vector_scenarios', 'vector_scenario_count', entries);
}

const toit = (w) => toitTables(w, { struct, run, runOfHex, text, int64, value, load });

function main(args) {
  if (args.length !== 1) {
    console.error('usage: node to_c.js FILE');
    return 2;
  }
  const w = new Writer();
  [keys, streams, padme, packets, topics, scenarios, toit].forEach((write) => write(w));
  fs.writeFileSync(args[0], `${w.out.join('\n')}\n`);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
