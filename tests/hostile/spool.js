// SPDX-License-Identifier: MIT
// spool.js [--rounds N] [--seed S]: a sender keeps its messages in a spool (mqtt-e2e pub --spool), and is killed with -9 again and again,
// while its link refuses it, loses all acknowledgements, or breaks in the middle of a packet; some outages are longer than
// the clock skew. Every message that went into the spool must arrive, once. MQTT_E2E names the program.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`);
  return i > 0 ? Number(process.argv[i + 1]) : fallback;
};
const rounds = option('rounds', 12);
const seed = option('seed', Date.now() % 1e9);
const program = process.env.MQTT_E2E || 'mqtt-e2e';
const SKEW_S = 3;
const PER_ROUND = 40;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-e2e-spool.'));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const children = new Set();

let state = seed >>> 0;
const below = (n) => { // mulberry32
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
};

const start = (command, args, stdio) => {
  const child = spawn(command, args, { stdio });
  children.add(child);
  child.done = new Promise((resolve) => child.on('exit', (code, signal) => {
    children.delete(child);
    resolve(signal || code);
  }));
  return child;
};

const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const accepts = (port) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('connect', () => { socket.destroy(); resolve(true); });
  socket.on('error', () => resolve(false));
});

const startBroker = async () => {
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort();
    fs.writeFileSync(`${dir}/conf`, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n`);
    const broker = start('mosquitto', ['-c', `${dir}/conf`], 'ignore');
    for (let i = 0; i < 100 && children.has(broker); i++) {
      if (await accepts(port)) return port;
      await sleep(50);
    }
  }
  throw new Error('mosquitto does not start');
};

/* ---- The link ---- */

let mode = 'refuse';
const sockets = new Set();

const forward = (client, port) => {
  sockets.add(client);
  client.on('close', () => sockets.delete(client));
  client.on('error', () => {});
  if (mode === 'refuse') {
    client.destroy();
    return;
  }
  const broker = net.connect(port, '127.0.0.1');
  let answers = mode === 'mute' ? 4 : Infinity; // a CONNACK
  let room = mode === 'cut' ? 200 + below(3000) : Infinity;
  broker.on('error', () => {});
  broker.on('close', () => client.destroy());
  client.on('close', () => broker.destroy());
  broker.on('data', (data) => {
    const part = data.subarray(0, answers);
    answers -= part.length;
    if (part.length > 0) client.write(part);
  });
  client.on('data', (data) => {
    const part = data.subarray(0, room);
    room -= part.length;
    broker.write(part, () => room <= 0 && client.destroy());
  });
};

/* ---- The sender ---- */

let sent = 0;
let kills = 0;
let outages = 0;
const failures = [];

const pub = (port, args, stdio) => start(program, ['pub', '-K', `${dir}/key`, '-h', `127.0.0.1:${port}`, '-q', '1',
  '--clock-skew', SKEW_S, '--spool', `${dir}/spool`, ...args], stdio);

const add = async (port) => {
  mode = 'refuse';
  const lines = Array.from({ length: PER_ROUND }, () => `${++sent}\n`);
  fs.writeFileSync(`${dir}/lines`, lines.join('')); // a file: on a busy machine, we might write a pipe only after the 0.3 s
  const child = pub(port, ['-t', 't', '-l', '-W', '0.3'], [fs.openSync(`${dir}/lines`, 'r'), 'ignore', 'ignore']);
  const code = await child.done;
  if (code !== 27) failures.push(`filling the spool ended with ${code}, not 27`);
};

const disturb = async (port) => {
  mode = ['mute', 'mute', 'cut', 'cut', 'refuse', 'fine'][below(6)];
  const child = pub(port, [], 'ignore');
  await sleep(20 + below(400));
  child.kill('SIGKILL');
  kills++;
  await child.done;
  for (const socket of sockets) socket.destroy();
  if (below(3) === 0) {
    outages++;
    await sleep(SKEW_S * 1000 + 300);
  }
};

const main = async () => {
  fs.writeFileSync(`${dir}/key`, '000102030405060708090a0b0c0d0e0f\n', { mode: 0o600 });
  const brokerPort = await startBroker();
  const receiver = start(program, ['sub', '-K', `${dir}/key`, '-h', `127.0.0.1:${brokerPort}`, '-q', '1', '-t', 't', '-d', '--clock-skew', SKEW_S,
    '--state', 'none'], ['ignore', fs.openSync(`${dir}/out`, 'w'), fs.openSync(`${dir}/err`, 'w')]);
  while (!fs.readFileSync(`${dir}/err`, 'utf8').includes('subscribed to t')) await sleep(20);
  const server = net.createServer((client) => forward(client, brokerPort)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  const { port } = server.address();
  for (let i = 0; i < rounds; i++) {
    await add(port);
    for (let n = 1 + below(3); n > 0; n--) await disturb(port);
  }
  mode = 'fine';
  const code = await pub(port, ['-W', '20'], ['ignore', 'inherit', 'inherit']).done;
  if (code !== 0) failures.push(`the last run ended with ${code}`);
  await sleep(500);
  receiver.kill();
  await receiver.done;
  const lines = fs.readFileSync(`${dir}/out`, 'utf8').split('\n').filter(Boolean);
  const unique = new Set(lines);
  let missing = 0;
  for (let i = 1; i <= sent; i++) missing += !unique.has(String(i));
  const refused = /refused \d+ \((.*)\)/.exec(fs.readFileSync(`${dir}/err`, 'utf8'));
  console.log(`spool, seed ${seed}: ${sent} messages, ${kills} kills, ${outages} outages longer than the skew of ${SKEW_S} s: ${missing} missing, ` +
    `${lines.length - unique.size} twice; refused: ${refused ? refused[1] : 'none'}`);
  if (missing > 0 || lines.length !== unique.size || unique.size !== sent) failures.push('not each once');
  server.close();
};

main().catch((error) => failures.push(error.stack)).finally(() => {
  for (const socket of sockets) socket.destroy();
  for (const child of children) child.kill('SIGKILL');
  fs.rmSync(dir, { recursive: true });
  if (failures.length > 0) {
    console.error(failures.join('\n'));
    process.exitCode = 1;
  }
});
