// SPDX-License-Identifier: MIT
// The receivers of tests/vectors/refusals.json, step by step, through `mqtt-e2e open`: those whose clock stands still
// while they listen, as --now has it, and the sealed packets of packets.json.
//
//     node open_vectors.js MQTT_E2E
'use strict';
const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const program = process.argv[2];
const read = (name) => JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'vectors', name), 'utf8'));
const kinds = ['message', 'request', 'reply', 'lasting'];
const FIRST = 2 * 23; // digits of what a message sealed anew has before its payload
const keyFile = path.join(process.cwd(), 'vectors.key');
let lines = 0;
let wrong = 0;

// Runs the lines through one session, and gives the objects that come out.
function open(key, options, input) {
    fs.writeFileSync(keyFile, key + '\n', { mode: 0o600 });
    const run = spawnSync(program, ['open', '-K', keyFile, ...options], { input, maxBuffer: 1 << 28 });
    if (run.status !== 0) throw new Error(`exit ${run.status}: ${run.stderr}`);
    return String(run.stdout).trimEnd().split('\n').map((line) => JSON.parse(line));
}

function same(where, got, expected) {
    lines++;
    for (const [name, value] of Object.entries(expected)) {
        if (value === undefined || got[name] === value) continue;
        if (++wrong < 20) console.log(`${where}: ${name} is ${got[name]}, not ${value}`);
    }
}

// As `open` prints it. A refusal's topic, stream and time are looked at where the vectors tell them.
function printed(expect) {
    const ok = ['accepted', 'time_asked'].includes(expect.status);
    const hex = expect.again ? expect.payload.slice(FIRST) : expect.payload;
    return {
        status: ok ? 'ok' : expect.status.replace(' ', '_'),
        topic: expect.topic,
        kind: expect.kind === undefined ? undefined : kinds[expect.kind],
        time: expect.time,
        stream: expect.stream,
        counter: expect.counter,
        off_by_ms: expect.off_by_ms,
        old: expect.old || undefined,
        again: expect.again,
        first_stream: expect.first_stream,
        first_counter: expect.first_counter,
        first_time: expect.first_time,
        time_request: expect.status === 'time_asked' || undefined,
        payload_hex: ok ? hex : undefined,
        padding: ok ? expect.padding : undefined,
    };
}

const plainSteps = (s) => s.steps.every((step) => step.wire_topic !== undefined && step.packet !== undefined &&
    step.now_ms === s.steps[0].now_ms && step.now_ms > 0 && step.expect && step.expect.status !== 'own' &&
    step.packet.length / 2 <= s.longest_packet && !step.wire_topic.includes('\n') && step.wire_topic !== '');

let scenarios = 0;
for (const s of read('refusals.json').scenarios) {
    if (s.own_clock || s.lasting !== (s.lasting_topics === 1024) || !plainSteps(s)) continue;
    const options = ['--now', s.steps[0].now_ms, '--window', s.window, '--streams', s.streams, '--floor', s.floor_ms,
        '--clock-skew', `${s.clock_skew_ms}ms`, '--clock-lead', `${s.clock_lead_ms}ms`, '--base', s.base];
    if (s.plain) options.push('--plain-topics');
    if (s.lasting) options.push('--lasting');
    const got = open(s.key, options, s.steps.map((step) => `${step.wire_topic} ${step.packet}\n`).join(''));
    s.steps.forEach((step, i) => same(`${s.name}, step ${i + 1}`, got[i], printed(step.expect)));
    scenarios++;
}

// Sealed packets: each in a session of its own time. Replies are to nobody's request here.
const bases = new Map(read('keys.json').keys.map((k) => [k.key, k.base]));
const wires = new Map(read('topics.json').modes.filter((m) => !m.plain && m.base === bases.get(m.key))
    .flatMap((m) => m.topics.map((t) => [`${m.key} ${t.topic}`, t.wire])));
let packets = 0;
for (const p of read('packets.json').packets) {
    const wire = wires.get(`${p.key} ${p.topic}`);
    if (!wire || !p.packet || p.time < 1 || p.time >= 2 ** 48 || p.kind === 2) continue;
    const got = open(p.key, ['--now', p.time], `${wire} ${p.packet.toUpperCase()}\n`)[0];
    same(`packet '${p.about}'`, got, {
        status: 'ok', topic: p.topic, kind: kinds[p.first?.kind ?? p.kind], time: p.time, stream: p.stream, counter: p.counter,
        payload_hex: p.body ?? p.payload, again: p.first && true, first_stream: p.first?.stream,
        first_counter: p.first?.counter, first_time: p.first?.time, padding: p.inner.length / 2 - 11 - p.payload.length / 2,
    });
    packets++;
}
fs.unlinkSync(keyFile);
console.log(`${scenarios} scenarios, ${packets} packets, ${lines} lines, ${wrong} wrong`);
process.exitCode = wrong > 0 || scenarios < 30 || packets < 60 ? 1 : 0;
