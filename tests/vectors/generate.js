#!/usr/bin/env node
// SPDX-License-Identifier: MIT
'use strict';
// Test vectors for the wire protocol, made from its text alone by an implementation of its own, which shares no code
// with the library.
//
//   node tests/vectors/generate.js           writes *.json beside this file
//   node tests/vectors/generate.js --check   exits 1, and says where, if they are not what it would write

const fs = require('node:fs');
const path = require('node:path');
const { keys, stream } = require('./lib/make_keys');
const { packets, padmeTable, example } = require('./lib/make_packets');
const topics = require('./lib/make_topics');
const knownAnswers = require('./lib/known_answers');

const SCENARIOS = ['order', 'window', 'table', 'clock', 'asked', 'again', 'traffic'];

function refusals() {
  const scenarios = SCENARIOS.flatMap((name) => require(`./lib/scenarios_${name}`)()).map((script) => script.json());
  return { about: 'Receivers, step by step: PROTOCOL.md §4; the format is explained in README.md.', scenarios };
}

const FILES = {
  'keys.json': keys, 'stream.json': stream, 'topics.json': topics, 'packets.json': packets, 'padme.json': padmeTable,
  'refusals.json': refusals, 'example.json': example,
};

// JSON with short values on one line, so that files stay readable and differences small; each entry of some lists
// is on one line whatever its length.
const LISTS_OF_LINES = new Set(['steps', 'topics', 'filters', 'wire']);

function print(value, indent = '', name = '') {
  const flat = JSON.stringify(value);
  if (flat.length + indent.length <= 100 || typeof value !== 'object' || value === null) return flat;
  const inner = `${indent}  `;
  const printItem = LISTS_OF_LINES.has(name) ? (item) => JSON.stringify(item) : (item) => print(item, inner);
  const items = Array.isArray(value)
    ? value.map((item) => inner + printItem(item))
    : Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${print(item, inner, key)}`);
  const [left, right] = Array.isArray(value) ? '[]' : '{}';
  return `${left}\n${items.join(',\n')}\n${indent}${right}`;
}

// Lists the places where two JSON values differ, as `packets[3].tag`.
function differences(want, found, place = '') {
  const isObject = (value) => typeof value === 'object' && value !== null;
  if (!isObject(want) || !isObject(found) || Array.isArray(want) !== Array.isArray(found)) {
    return want === found ? [] : [{ place, want, found }];
  }
  const names = [...new Set([...Object.keys(want), ...Object.keys(found)])];
  const step = (name) => (Array.isArray(want) ? `${place}[${name}]` : place === '' ? name : `${place}.${name}`);
  return names.flatMap((name) => differences(want[name], found[name], step(name)));
}

const short = (value) => {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

function checkFile(name, want) {
  const file = path.join(__dirname, name);
  if (!fs.existsSync(file)) return [`${name}: missing`];
  const text = fs.readFileSync(file, 'utf8');
  if (text === `${print(want)}\n`) return [];
  let found;
  try {
    found = JSON.parse(text);
  } catch (error) {
    return [`${name}: not JSON: ${error.message}`];
  }
  const list = differences(want, found);
  if (list.length === 0) return [`${name}: same values, other layout`];
  const lines = list.slice(0, 5).map((d) => `${name}: ${d.place}: expected ${short(d.want)}, found ${short(d.found)}`);
  return list.length > 5 ? [...lines, `${name}: and ${list.length - 5} more`] : lines;
}

function main(args) {
  if (args.length > 1 || (args.length === 1 && args[0] !== '--check')) {
    console.error('usage: node generate.js [--check]');
    return 2;
  }
  knownAnswers();
  const made = Object.entries(FILES).map(([name, make]) => [name, make()]);
  if (args.length === 0) {
    made.forEach(([name, value]) => fs.writeFileSync(path.join(__dirname, name), `${print(value)}\n`));
    return 0;
  }
  const faults = made.flatMap(([name, value]) => checkFile(name, value));
  faults.forEach((fault) => console.error(fault));
  return faults.length === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
