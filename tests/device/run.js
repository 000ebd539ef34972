// SPDX-License-Identifier: MIT
// The firmware in QEMU holds its conversation 20 times, whatever someone without the key does on the same broker in
// between, and over restarts of the broker; then it is reset, and nothing that was said before counts.
//
//     node tests/device/run.js MQTT_E2E CONTROLLER DIR      (the programs; a folder for key and log)
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { Client } = require('./mqtt.js');
const terminal = require('./terminal.js');
const { run, until, Broker, Board, ask, execFileSync, NAME } = require('./world.js');

const [cli, controller, dir] = process.argv.slice(2);
const key = path.join(dir, 'key');
const header = path.join(dir, 'key.h');
const log = path.join(dir, 'firmware.log');
const CONVERSATION = ['ping', 'status', 'led on', 'status', 'led off'];
const LONGEST = 512; // bytes of a packet that the firmware has room for

let broker, board, attacker, timeSource;
let asked = 0; // since the last reset
let sent = 0; // packets on its topics that it must refuse, since the last reset
const retained = new Set();
const heard = []; // what was said in conversations: {topic, payload}
let recording = false;
const wire = {}; // topics as the broker sees them

// Junk is the same in each run.
let seed = 20;
const random = (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
};
const randomBytes = (length) => Buffer.from(Array.from({ length }, () => random(256)));

// ---- Steps ---------------------------------------------------------------------------------------------

const conversation = async () => {
    await board.until('connected', 20, () => board.connected);
    recording = true;
    const answers = await ask(controller, key, CONVERSATION);
    recording = false;
    asked += CONVERSATION.length;
    const status = (led) => new RegExp(`^${NAME}: up \\d+:\\d\\d h, [1-9]\\d* kB free, led ${led}$`);
    assert.strictEqual(answers[0], `${NAME}: pong`);
    assert.match(answers[1], status('off'));
    assert.strictEqual(answers[2], `${NAME}: led is on`);
    assert.match(answers[3], status('on'));
    assert.strictEqual(answers[4], `${NAME}: led is off`);
    assert.strictEqual(answers.length, 5);
};

const listen = async () => {
    attacker = await Client.connect(broker.port, (topic, payload) => recording && heard.push({ topic, payload }));
    await attacker.subscribe('#');
};

const restartBroker = async (logType) => {
    await broker.stop();
    await board.until('the broker is gone', 10, () => !board.connected);
    const before = board.connects;
    assert.ok(await broker.start(logType), 'the broker starts again');
    await listen();
    for (const topic of retained) await retain(topic);
    await board.until('connected again', 30, () => board.connects > before && board.connected);
};

// A retained packet is refused each time that the firmware subscribes; how often that is, is not ours to say.
const retain = async (topic) => {
    const { payload } = heard.find((packet) => packet.topic === topic);
    retained.add(topic);
    await attacker.publish(topic, payload, true);
};

const publishAll = async (packets) => {
    await Promise.all(packets.map(({ topic, payload }) => attacker.publish(topic, payload)));
    sent += packets.length;
};

// All that was sent is refused, and nothing was answered.
const untilRefused = async (what) => {
    await board.until(`refused all: ${what}`, 20, () => board.total() >= sent);
    assert.strictEqual(board.answered, asked, `answered only what was asked, after: ${what}`);
};

const toDevice = () => heard.filter(({ topic }) => topic === wire.own);
const fromDevice = () => heard.filter(({ topic }) => topic !== wire.own);

// ---- What someone without the key does -----------------------------------------------------------------

const attacks = {
    'random bytes': async () => {
        const lengths = [0, 1, 16, 42, 43, 60, 93, 200, 300, LONGEST - 1, LONGEST, LONGEST + 1];
        await publishAll(lengths.map((n, i) => ({ topic: i % 2 ? wire.own : wire.all, payload: randomBytes(n) })));
    },
    'truncated, lengthened and altered packets': async () => {
        const whole = toDevice()[0].payload;
        const cut = [1, 20, 42, 43, whole.length - 1].map((n) => whole.subarray(0, n));
        const altered = [0, 12, 30, whole.length - 1].map((at) => Buffer.from(whole.map((byte, i) => (i === at ? byte ^ 1 : byte))));
        const longer = [1, 100, 1000].map((n) => Buffer.concat([whole, Buffer.alloc(n)]));
        await publishAll([...cut, ...altered, ...longer].map((payload) => ({ topic: wire.own, payload })));
    },
    'oversize packets': async () => {
        for (const length of [1400, 1500, 5000, 100000, 5000]) {
            await publishAll([{ topic: wire.own, payload: randomBytes(length) }, { topic: wire.all, payload: randomBytes(60) }]);
        }
    },
    'all over again': async () => {
        await publishAll(toDevice());
    },
    'its own answers, and packets on another topic': async () => {
        await publishAll(fromDevice().slice(-10).map(({ payload }) => ({ topic: wire.own, payload })));
        await publishAll(toDevice().slice(-10).map(({ payload }) => ({ topic: wire.all, payload })));
    },
};

const flood = async () => {
    const junk = Array.from({ length: 64 }, () => randomBytes(93));
    const flooder = await Client.connect(broker.port);
    const started = Date.now();
    const count = await flooder.flood(3000, [wire.own, wire.all], () => junk[random(junk.length)]);
    flooder.close();
    const over = Date.now();
    for (let answers; !answers;) {
        assert.ok(Date.now() < over + 45000, 'answers again within 45 s after a flood');
        answers = await ask(controller, key, ['ping']).catch(() => undefined);
    }
    const back = Date.now() - over;
    // What the broker still had queued comes first. Of requests in between some were lost, and some answered too late.
    let [total, since] = [board.total(), Date.now()];
    await board.until('all of the flood refused', 60, () => {
        if (board.total() !== total) [total, since] = [board.total(), Date.now()];
        return Date.now() - since > 1000;
    });
    const last = board.answered;
    await conversation();
    await until('the log', 10, () => board.answered >= last + CONVERSATION.length);
    asked = board.answered;
    sent = board.total();
    console.log(`note: flood of ${count} packets in ${((over - started) / 1000).toFixed(1)} s, answers again ${(back / 1000).toFixed(1)} s after it`);
};

// ---- The test ------------------------------------------------------------------------------------------

const startTimeSource = () => {
    timeSource = run(cli, ['sub', '-K', key, '-t', 'nothing/here', '--time-source'], () => {});
};

const findTopics = async () => {
    const question = async (topic) => {
        heard.length = 0;
        recording = true;
        execFileSync(cli, ['request', '-K', key, '-t', topic, '-m', 'ping', '-W', '5']);
        asked++;
        await until('the request is seen', 5, () => heard.length >= 1);
        recording = false;
        return heard[0].topic;
    };
    wire.all = await question('command/all');
    wire.own = await question(`command/${NAME}`);
    heard.length = 0;
};

const start = async () => {
    fs.rmSync(dir, { recursive: true, force: true });
    fs.mkdirSync(dir, { recursive: true });
    broker = await Broker.first(dir);
    execFileSync(cli, ['keygen', '-h', '127.0.0.1', '-p', String(broker.port), '-o', key], { stdio: 'ignore' });
    execFileSync(cli, ['key', 'c', '-K', key, '-o', header], { stdio: 'ignore' });
    startTimeSource();
    board = new Board(header, log);
    await listen();
    await board.until('connected, and the time learnt', 30, () => board.connected && board.timeKnown);
};

const twentyConversations = async () => {
    const names = Object.keys(attacks);
    for (let round = 1; round <= 20; round++) {
        await conversation();
        const name = names[(round - 1) % names.length];
        await attacks[name]();
        if (round === 3) await retain(wire.own);
        if (round % 4 === 0) await restartBroker();
        else await untilRefused(name);
    }
    assert.ok(board.connects >= 6, 'five restarts of the broker');
};

const showCounts = (what) => {
    const counts = Object.entries(board.refused).map(([cause, count]) => `${count} ${cause}`);
    console.log(`note: ${what}: answered ${board.answered}, refused ${counts.join(', ')}`);
};

// Streams that are not in its table any more are stale: they are not newer than its floor.
const replayEverything = async (...causes) => {
    const packets = toDevice();
    const count = () => causes.reduce((sum, cause) => sum + board.count(cause), 0);
    const before = count();
    await publishAll(packets);
    await board.until(`all ${packets.length} old packets are refused: ${causes}`, 20, () => count() >= before + packets.length);
    assert.strictEqual(board.answered, asked, 'nothing is answered twice');
};

const resetBoard = async () => {
    timeSource.kill('SIGTERM');
    await timeSource.ended;
    await board.reset();
    board = new Board(header, log);
    asked = 0;
    sent = 0;
    await board.until('connected after the reset', 20, () => board.connected);
    await replayEverything('no_clock');
    startTimeSource();
    await board.until('the time learnt after the reset', 60, () => board.timeKnown);
    await replayEverything('stale');
    await conversation(); // which begins with the LED off
    await replayEverything('replay', 'stale');
    assert.deepStrictEqual(await ask(controller, key, ['status']).then((answers) => answers.map((text) => /led \w+$/.exec(text)[0])), ['led off']);
    asked++;
};

const keepAlive = async () => {
    await board.until('it keeps its connection alive', 30, () => broker.pings > 0);
    await conversation();
    assert.strictEqual(board.connects, 1, 'it kept its connection');
    broker.hang(true);
    await board.until('it notices that the broker hangs', 30, () => !board.connected);
    broker.hang(false);
    await conversation();
    await board.until('the log', 5, () => board.answered === asked);
};

const startAgain = async () => {
    await board.reset();
    board = new Board(header, log);
    await board.until('connected, and the time learnt, after a reset', 60, () => board.connected && board.timeKnown);
};

const main = async () => {
    await start();
    await findTopics();
    await twentyConversations();
    await replayEverything('replay', 'stale');
    showCounts('20 conversations');
    await flood();
    showCounts('with the flood');
    await restartBroker('debug');
    assert.ok(board.buffers <= 4, `${board.buffers} receive buffers are in use after all that: some are lost`);
    await resetBoard();
    await keepAlive();
    showCounts('after the reset');
    await terminal({ cli, key, restartBroker, resetBoard: startAgain });
};

main().then(
    () => process.exit(0),
    (error) => {
        console.error(error.stack);
        if (fs.existsSync(log)) console.error(fs.readFileSync(log, 'utf8').split('\n').slice(-30).join('\n'));
        process.exit(1);
    },
);
