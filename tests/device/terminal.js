// SPDX-License-Identifier: MIT
// What the firmware answers in parts, asked for by `mqtt-e2e run`: longer than all that it can have under way, at the pace of a slow
// reader, over a restart of the broker, until it is stopped; and what became of it after a reset.
'use strict';
const assert = require('node:assert');
const { run, until, NAME } = require('./world.js');

const READINGS = 420;
const reading = (n) =>
    `${String(n).padStart(5, '0')}  ${18 + ((n * 7) % 10)}.${(n * 3) % 10} degrees Celsius, all is well so far`;

// Lines of output, and others, of a program that is given no input.
const start = (command, args) => {
    const child = { output: [], words: [] };
    child.process = run(command, args, (line) => (/^\d{5} /.test(line) ? child.output : child.words).push(line));
    child.process.stdin.end();
    return child;
};

const expect = async (child, code, count) => {
    assert.strictEqual(await child.process.ended, code, child.words.join('; '));
    assert.ok(child.output.length >= count, `${child.output.length} lines, not ${count}`);
    child.output.forEach((line, n) => assert.strictEqual(line, reading(n)));
};

const says = (child, text) => assert.ok(child.words.some((line) => line.includes(text)), `${text}: not in ${child.words.join('; ')}`);

// `world`: cli and key, and how to restart the broker and reset the board.
module.exports = async ({ cli, key, restartBroker, resetBoard }) => {
    const ask = (...words) => start(cli, ['run', '-K', key, NAME, ...words]);
    const follow = async () => {
        const child = ask('log', 'follow');
        await until('a few lines', 20, () => child.output.length >= 5);
        return child;
    };
    const stop = async (child) => {
        const count = child.output.length;
        await until('more lines', 60, () => child.output.length >= count + 5);
        child.process.kill('SIGINT');
        await expect(child, 130, count + 5);
        says(child, 'was stopped, by signal 2');
    };

    const began = Date.now();
    const whole = ask('log');
    await expect(whole, 0, READINGS);
    assert.strictEqual(whole.output.length, READINGS);
    console.log(`note: an answer of ${whole.output.length * 48} bytes in parts of 512: ${((Date.now() - began) / 1000).toFixed(1)} s`);

    const slow = start('sh', ['-c', '"$0" run -K "$1" "$2" log </dev/null | { sleep 4 && cat; }', cli, key, NAME]);
    await expect(slow, 0, READINGS);

    const first = await follow();
    const second = ask('log');
    await expect(second, 126, 0);
    says(second, 'the log is being read');
    await restartBroker();
    await stop(first);

    const lost = await follow();
    await resetBoard();
    await expect(lost, 255, 5);
    says(lost, 'the device was started since then');

    const announced = start(cli, ['sub', '-K', key, '-t', `device/${NAME}`, '-d', '-C', '1', '-W', '30']);
    await until('a subscription', 10, () => announced.words.some((line) => line.includes('subscribed to')));
    const all = start(cli, ['run', '-K', key, '--all', 'ping']);
    await expect(all, 0, 0);
    says(all, `${NAME}: pong`);
    await expect(announced, 0, 0);
    says(announced, 'here 60 mqtt-e2e firmware');
};
