// SPDX-License-Identifier: MIT
// All of tests/vectors/toit.json through `mqtt-e2e open --profile toit` and `seal --profile toit`, which read and write milliseconds:
//
//     node toit_vectors.js MQTT_E2E
'use strict';
const crypto = require('node:crypto');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const program = process.argv[2];
const all = JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'vectors', 'toit.json'), 'utf8'));
const keyFile = path.join(process.cwd(), 'toit.key');
let compared = 0;
let wrong = 0;

function same(where, got, expected) {
    compared++;
    if (JSON.stringify(got) === JSON.stringify(expected)) return;
    if (++wrong < 20) console.log(`${where}: ${JSON.stringify(got)}, not ${JSON.stringify(expected)}`);
}

function run(key, options, input) {
    fs.writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
    const done = spawnSync(program, [...options, '-K', keyFile, '--profile', 'toit'], { input, maxBuffer: 1 << 28 });
    if (done.status !== 0) throw new Error(`exit ${done.status}: ${done.stderr}`);
    return String(done.stdout).trimEnd().split('\n');
}

const milliseconds = (nanoseconds) => String(BigInt(nanoseconds) / 1000000n);
const open = (key, now, lines) => run(key, ['open', '--now', now], `${lines.join('\n')}\n`).map((line) => JSON.parse(line));

// What it sealed.
const ownKey = all.keys[2];
for (const k of [...all.keys, { ...ownKey, packets: all.send_sizes.filter((p) => p.packet) }])
    for (const p of k.packets) {
        const [got] = open(k.key, milliseconds(p.iv_time_ns), [`${k.topic}/s ${p.packet}`]);
        same(`packet of ${p.plaintext_len}`, [got.status, got.topic, got.payload_hex, got.padding, got.stream, String(got.time)],
            ['ok', 's', p.plaintext, p.pad_len, p.iv, milliseconds(p.iv_time_ns)]);
    }

// What its receiver decided. Each with the clock of then; of a sequence, with that of its first step.
const decided = (step) => (step.result === 'accept' ? ['ok', step.message] : ['refused', undefined]);
const ours = (got) => (got.status === 'ok' ? ['ok', got.payload_hex] : ['refused', undefined]);
for (const step of all.receive_fresh) {
    const [got] = open(ownKey.key, milliseconds(step.now_ns), [`${ownKey.topic}/s ${step.packet}`]);
    same(step.name, ours(got), decided(step));
}
const stricter = ['replay after 10 other accepted packets']; // in its last step: 10 nonces are remembered there
for (const { name, steps } of all.receive_sequences) {
    const echo = name.includes('own packet echoed'); // to another session it is none
    const got = open(ownKey.key, milliseconds(steps[0].now_ns), steps.map((s) => `${ownKey.topic}/s ${s.packet}`));
    steps.forEach((step, i) => {
        const refused = stricter.includes(name) && i === steps.length - 1;
        same(`${name}: ${step.name}`, ours(got[i]), refused ? ['refused', undefined] : echo ? ['ok', '7330'] : decided(step));
    });
    if (stricter.includes(name)) same(name, got.at(-1).status, 'replay');
}

// What we seal.
const now = 1795459591440;
const lines = run(ownKey.key, ['seal', '--now', String(now), '-t', 'iot/x', '-l', '--pad', '8'], 'ping\n\na longer one\n');
let last = 0n;
['ping', '', 'a longer one'].forEach((text, i) => {
    const [topic, hex] = lines[i].split(' ');
    const packet = Buffer.from(hex, 'hex');
    const decipher = crypto.createDecipheriv('aes-128-gcm', Buffer.from(ownKey.key, 'hex'), packet.subarray(0, 12));
    decipher.setAAD(Buffer.from(all.aad)).setAuthTag(packet.subarray(-16));
    const clear = Buffer.concat([decipher.update(packet.subarray(12, -16)), decipher.final()]);
    const t = packet.readBigInt64BE(0);
    const padded = Buffer.alloc(Math.max(text.length, 8));
    padded.write(text);
    same('sealed', [topic, clear.toString('hex')],
        [`${ownKey.topic}/iot/x`, `01${text.length.toString(16).padStart(4, '0')}${padded.toString('hex')}`]);
    same('its time', [t > last, i > 0 || t / 1000000n === BigInt(now)], [true, true]);
    last = t;
});

console.log(wrong ? `${wrong} of ${compared} are wrong` : `${compared} are right`);
process.exitCode = wrong ? 1 : 0;
