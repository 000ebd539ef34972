// SPDX-License-Identifier: MIT
// A private broker, the firmware in QEMU, and programs that hold the key. What was started ends with us.
'use strict';
const { spawn, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const NAME = 'sim';
const children = new Set();

const run = (command, args, onLine, options = {}) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    children.add(child);
    child.ended = new Promise((resolve) => {
        child.on('exit', (code, signal) => {
            children.delete(child);
            resolve(code ?? signal);
        });
        child.on('error', (error) => {
            children.delete(child);
            resolve(error.message);
        });
    });
    for (const stream of [child.stdout, child.stderr]) {
        let rest = '';
        stream.on('data', (data) => {
            const lines = (rest + data).split('\n');
            rest = lines.pop();
            lines.forEach(onLine);
        });
    }
    return child;
};

process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const until = async (what, seconds, condition) => {
    const end = Date.now() + seconds * 1000;
    while (!condition()) {
        if (Date.now() > end) throw new Error(`${seconds} s passed without: ${what}`);
        await sleep(20);
    }
};

class Broker {
    // At a port that is free, and stays ours over restarts.
    static async first(dir) {
        for (let tries = 0; tries < 5; tries++) {
            const broker = Object.assign(new Broker(), { dir, port: 32768 + Math.floor(Math.random() * 16384) });
            if (await broker.start()) return broker;
        }
        throw new Error('no broker starts');
    }

    async start(logType = 'error') {
        const conf = path.join(this.dir, 'broker.conf');
        const lines = [`listener ${this.port} 127.0.0.1`, 'allow_anonymous true', 'set_tcp_nodelay true', 'persistence false',
            'log_dest stderr', 'log_type notice', 'log_type information', `log_type ${logType}`];
        fs.writeFileSync(conf, `${lines.join('\n')}\n`);
        let state = '';
        this.pings = 0;
        this.child = run('mosquitto', ['-c', conf], (line) => {
            if (/ running$/.test(line)) state = 'running';
            if (/Received PINGREQ from e[0-9a-f]{16}$/.test(line)) this.pings++;
        });
        this.child.ended.then(() => (state ||= 'ended'));
        await until('a word of the broker', 10, () => state);
        return state === 'running';
    }

    async stop() {
        this.child.kill('SIGTERM');
        await this.child.ended;
    }

    hang(yes) {
        this.child.kill(yes ? 'SIGSTOP' : 'SIGCONT');
    }
}

// The firmware, and what its log tells.
class Board {
    constructor(header, log) {
        Object.assign(this, { connected: false, connects: 0, buffers: 0, answered: 0, timeKnown: false, refused: {}, over: null });
        this.child = run('ports/cortex-m-qemu/run', [header, NAME], (line) => {
            fs.appendFileSync(log, `${line}\n`);
            this.read(line);
        });
        this.child.ended.then((code) => (this.over = code));
    }

    read(line) {
        const connected = /: connected, (\d+) buffers in use$/.exec(line);
        const refused = /: refused so far: (.*)$/.exec(line);
        const answered = /: answered a request \((\d+)\)$/.exec(line);
        if (connected) {
            this.connected = true;
            this.connects++;
            this.buffers = Number(connected[1]);
        } else if (line.endsWith(': not connected, trying again')) this.connected = false;
        else if (line.endsWith(': time learnt')) this.timeKnown = true;
        else if (answered) this.answered = Number(answered[1]);
        else if (refused) {
            for (const [, count, cause] of refused[1].matchAll(/(\d+) ([a-z_ ]+)/g)) this.refused[cause] = Number(count);
        }
    }

    count(cause) {
        return this.refused[cause] || 0;
    }

    total() {
        return Object.values(this.refused).reduce((sum, count) => sum + count, 0);
    }

    until(what, seconds, condition) {
        return until(`firmware: ${what}`, seconds, () => {
            if (this.over !== null) throw new Error(`the firmware ended: ${this.over}`);
            return condition();
        });
    }

    async reset() {
        this.child.kill('SIGKILL');
        await this.child.ended;
    }
}

// Holds a conversation, and returns the answers. Throws if one is missing. The clock of a device that learnt the time over a
// busy machine is behind by some milliseconds, and what was sealed before it started, a controller refuses.
const ask = async (controller, key, commands) => {
    const answers = [];
    const child = run(controller, [key], (line) => answers.push(line));
    await sleep(300);
    child.stdin.end(commands.map((command) => `@${NAME} ${command}\n`).join(''));
    const code = await child.ended;
    if (code !== 0) throw new Error(`controller ended with ${code}: ${answers.join('; ')}`);
    return answers;
};

module.exports = { NAME, run, until, sleep, Broker, Board, ask, execFileSync };
