// SPDX-License-Identifier: MIT
// offers.js: a broker that offers a packet of 256 MB, as MQTT allows, to clients that set no limit; some at once, some slowly, some after other
// packets. libmosquitto allocates what the length says before anybody is asked. Wanted: the connection is closed within a second, memory
// has grown by 1 MiB at most, and the client, which says what happened, goes on. MQTT_E2E names the program.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const program = process.env.MQTT_E2E || 'mqtt-e2e';
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-e2e-offers.'));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const HEADER = Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f, 0x00, 0x01, 0x61]); // PUBLISH of 268,435,455 bytes on the topic a
const CHUNK = Buffer.alloc(65536); // zeros: no properties either
const GENUINE = 20;
const wrong = [];

const status = (pid) => {
  const text = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return (key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(text)[1]);
};

// As fast as the socket takes it, until it is closed.
const pour = (socket) => {
  while (!socket.destroyed && socket.write(CHUNK));
  if (!socket.destroyed) socket.once('drain', () => pour(socket));
};

// Each is called with the socket of a client that has been let in, the first time that it comes.
const ways = {
  'at once': (s) => {
    s.write(HEADER);
    pour(s);
  },
  'the length alone': (s) => s.write(HEADER),
  'a byte at a time': async (s) => {
    for (const byte of HEADER) {
      s.write(Buffer.from([byte]));
      await sleep(20);
    }
    pour(s);
  },
  'after other packets': async (s) => {
    for (let i = 0; i < 200; i++) s.write(Buffer.concat([Buffer.from([0x30, 104, 0, 1, 0x61, 0]), Buffer.alloc(100, i)]));
    s.write(HEADER);
    pour(s);
  },
};

class Broker {
  constructor(way, version) {
    Object.assign(this, { way, version, offered: 0, closed: 0, comes: 0 });
    this.server = net.createServer((socket) => this.accept(socket));
  }

  accept(socket) {
    const mine = ++this.comes;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.once('data', async () => {
      socket.on('data', (data) => this.answer(socket, data));
      socket.write(Buffer.from(this.version === 5 ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0]));
      if (mine > 1) return;
      await sleep(500);
      this.before = status(this.child.pid);
      socket.once('close', () => (this.closed = Date.now()));
      this.offered = Date.now();
      this.way(socket);
    });
  }

  answer(socket, data) {
    if ((data[0] & 0xf0) === 0x80) socket.write(Buffer.from(this.version === 5 ? [0x90, 4, data[2], data[3], 0, 0] : [0x90, 3, data[2], data[3], 0]));
    if (data[0] === 0xc0) socket.write(Buffer.from([0xd0, 0]));
  }
}

const run = async (name, command, version) => {
  const broker = new Broker(ways[name], version);
  await new Promise((resolve) => broker.server.listen(0, '127.0.0.1', resolve));
  const args = { sub: ['-t', '#', '--state', 'none'], pub: ['-t', 'a', '-l'], request: ['-t', 'a', '-m', 'x', '-W', '8'] }[command];
  const child = spawn(program, [command, '-K', `${dir}/key`, '-h', '127.0.0.1', '-p', broker.server.address().port, '-V', version === 5 ? '5' : '311', ...args],
    { stdio: ['pipe', 'ignore', 'pipe'] });
  let told = '';
  let gone = null;
  broker.child = child;
  child.stderr.on('data', (data) => (told += data));
  const exit = new Promise((resolve) => child.on('exit', (code, signal) => resolve((gone = signal || code))));
  for (let i = 0; i < 100 && !(broker.closed && broker.comes > 1) && gone === null; i++) await sleep(50);
  const what = `${command}, MQTT ${version === 5 ? '5' : '3.1.1'}, ${name}`;
  const took = broker.closed && broker.closed - broker.offered;
  if (gone !== null) wrong.push(`${what}: it ended: ${gone}: ${told}`);
  else {
    const grown = status(child.pid)('VmHWM') - broker.before('VmHWM');
    console.log(`${what}: closed after ${took} ms, memory up by ${grown} KiB; ${told.trim().split('\n')[0]}`);
    if (!broker.closed || took > 1000) wrong.push(`${what}: ${broker.closed ? `closed after ${took} ms` : 'not closed'}`);
    if (grown > 1024) wrong.push(`${what}: memory up by ${grown} KiB`);
    if (broker.comes < 2) wrong.push(`${what}: it did not come back: ${told}`);
    if (!/packet/.test(told)) wrong.push(`${what}: does not say why: ${told}`);
  }
  child.kill('SIGTERM');
  await exit;
  broker.server.close();
};

const main = async () => {
  if (fs.readFileSync(program).includes('__asan_init')) {
    console.log('skipped: the address sanitizer stops a program that is refused memory, so that there is no limit');
    process.exit(77);
  }
  fs.writeFileSync(`${dir}/key`, '000102030405060708090a0b0c0d0e0f\n', { mode: 0o600 });
  for (const name of Object.keys(ways)) for (const version of [4, 5]) await run(name, 'sub', version);
  await run('at once', 'pub', 4);
  await run('at once', 'request', 4);
  fs.rmSync(dir, { recursive: true });
  for (const text of wrong) console.log(`WRONG ${text}`);
  process.exit(wrong.length > 0 ? 1 : 0);
};

main();
