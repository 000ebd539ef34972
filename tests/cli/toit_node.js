// SPDX-License-Identifier: MIT
// Stand-ins for the example programs of the Toit library mqtt-e2e 0.0.1, written from its conventions and from what was recorded of it
// (tests/vectors/toit.json), and from nothing of this project's C:
//
//     node toit_node.js check                      decides as the library does, by all that was recorded
//     node toit_node.js device PORT KEY NAME       obeys ping and status, on controller; answers on iot/NAME
//     node toit_node.js controller PORT KEY        sends lines of standard input, and prints what comes on iot/#
//
// KEY is in hex. Its receiver has the library's gaps too: it remembers 10 nonces.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

const AAD = Buffer.from('1234567812345678');
const WINDOW_NS = 15_000_000_000n;
const REMEMBERED = 10;
const PAD = 60; // as in the examples; receivers take any

class Refused extends Error {}

// ---- The library ------------------------------------------------------------------------------------

function baseOf(key) {
    const cipher = crypto.createCipheriv('aes-128-gcm', key, Buffer.alloc(12, '@'));
    const sealed = Buffer.concat([cipher.update(Buffer.alloc(16, '#')), cipher.final(), cipher.getAuthTag()]);
    return sealed.toString('base64').slice(0, 12).replaceAll('+', 'a').replaceAll('/', 'b');
}

function seal(key, nonce, text, pad) {
    const clear = Buffer.alloc(3 + Math.max(text.length, pad));
    clear[0] = 1;
    clear.writeUInt16BE(text.length & 0xffff, 1);
    text.copy(clear, 3);
    const cipher = crypto.createCipheriv('aes-128-gcm', key, nonce).setAAD(AAD);
    return Buffer.concat([nonce, cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key, packet) {
    if (packet.length < 12 + 16) throw new Refused('OUT_OF_BOUNDS');
    try {
        const decipher = crypto.createDecipheriv('aes-128-gcm', key, packet.subarray(0, 12)).setAAD(AAD);
        decipher.setAuthTag(packet.subarray(-16));
        return Buffer.concat([decipher.update(packet.subarray(12, -16)), decipher.final()]);
    } catch {
        throw new Refused('INVALID_SIGNATURE');
    }
}

class Engine {
    constructor(key) {
        this.key = key;
        this.seen = [];
    }

    send(text, now) {
        const nonce = Buffer.concat([Buffer.alloc(8), crypto.randomBytes(4)]);
        nonce.writeBigInt64BE(now);
        this.seen.push(nonce.toString('hex'));
        return seal(this.key, nonce, text, PAD);
    }

    receive(packet, now) {
        if (packet.length < 12) throw new Refused('OUT_OF_BOUNDS');
        const nonce = packet.subarray(0, 12).toString('hex');
        if (this.seen.includes(nonce)) throw new Refused('Replay');
        const age = BigInt.asIntN(64, now - packet.readBigInt64BE(0));
        if (age > WINDOW_NS) throw new Refused('The message is older than 15s');
        if (age < -WINDOW_NS) throw new Refused('The message is coming from the future, more than 15s');
        const clear = decrypt(this.key, packet);
        if (clear.length < 1) throw new Refused('OUT_OF_BOUNDS');
        if (clear[0] !== 1) throw new Refused('Packet version is unknown');
        if (clear.length < 3) throw new Refused('OUT_OF_BOUNDS');
        const length = clear.readUInt16BE(1);
        if (length > clear.length - 2) throw new Refused('bogus'); // one too few
        this.seen.push(nonce);
        if (this.seen.length > REMEMBERED) this.seen.shift();
        if (length > clear.length - 3) throw new Refused('OUT_OF_BOUNDS');
        return clear.subarray(3, 3 + length);
    }
}

// ---- Whether that is the library ---------------------------------------------------------------------

let wrong = 0;

function same(where, got, expected) {
    if (got === expected) return;
    wrong++;
    console.log(`${where}: ${got}, not ${expected}`);
}

function decide(engine, step) {
    const expected = step.result === 'accept' ? `accept ${step.message}` : step.error.includes('bogus') ? 'bogus' : step.error;
    let got;
    try {
        got = `accept ${engine.receive(Buffer.from(step.packet, 'hex'), BigInt(step.now_ns)).toString('hex')}`;
    } catch (error) {
        got = error instanceof Refused ? error.message : error.stack;
    }
    same(step.name, got, expected);
}

function check() {
    const all = JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'vectors', 'toit.json'), 'utf8'));
    const key = Buffer.from(all.keys[2].key, 'hex');
    for (const t of [...all.keys, ...all.topics]) same('topic', baseOf(Buffer.from(t.key, 'hex')), t.topic);
    for (const k of all.keys)
        for (const p of k.packets)
            same('packet', seal(Buffer.from(k.key, 'hex'), Buffer.from(p.iv, 'hex'), Buffer.from(p.plaintext, 'hex'), p.pad_size).toString('hex'), p.packet);
    for (const step of all.receive_fresh) decide(new Engine(key), step);
    for (const sequence of all.receive_sequences) {
        const engine = new Engine(key);
        if (sequence.steps[0].replay_list_before > 0) engine.seen.push(sequence.steps[0].packet.slice(0, 24)); // its own
        for (const step of sequence.steps) decide(engine, step);
    }
    console.log(wrong ? `${wrong} are wrong` : 'as the library');
    process.exitCode = wrong ? 1 : 0;
}

// ---- The examples ------------------------------------------------------------------------------------

const nanoseconds = () => BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n);

async function connect(port, key, publishSuffix, subscribeSuffix, onMessage) {
    const { Client } = require('../device/mqtt.js');
    const engine = new Engine(key);
    const base = baseOf(key);
    const client = await Client.connect(port, (topic, packet) => {
        try {
            onMessage(topic, engine.receive(packet, nanoseconds()).toString().trim());
        } catch (error) {
            console.log(`refused: ${error.message}`);
        }
    });
    await client.subscribe(`${base}/${subscribeSuffix}`);
    console.log('ready');
    return (text) => client.send({
        cmd: 'publish', topic: `${base}/${publishSuffix}`, payload: engine.send(Buffer.from(text), nanoseconds()), qos: 0, retain: false, dup: false,
    });
}

async function device(port, key, name) {
    const send = await connect(port, key, `iot/${name}`, 'controller', (topic, command) => {
        if (command === 'ping') send('pong');
        else if (command === 'status') send(`Name=${name}\nUptime=12s\nFreemem = 100000\ntemp=xyz`);
        else console.log(`discarding ${command}`);
    });
}

async function controller(port, key) {
    const send = await connect(port, key, 'controller', 'iot/#', (topic, text) => console.log(`Incoming message: ${topic} ${text}`));
    readline.createInterface({ input: process.stdin }).on('line', (line) => send(line.trim()));
}

const [what, port, key, name] = process.argv.slice(2);
const roles = { check, device, controller };
roles[what](Number(port), Buffer.from(key ?? '', 'hex'), name);
