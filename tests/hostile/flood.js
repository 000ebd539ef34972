// SPDX-License-Identifier: MIT
// flood.js [PACKETS]: somebody without the key floods the topic that `mqtt-e2e sub` listens to, through mosquitto: random bytes, genuine packets
// with a bit flipped, cut, extended, too short, too long, empty. One genuine message goes among each thousand. All of these
// must arrive, once; memory grows by less than 1 MiB; what a forged packet costs is measured. MQTT_E2E names the program.
'use strict';
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const mqtt = require('mqtt-packet');
const { random } = require('./broker.js');

const program = process.env.MQTT_E2E || 'mqtt-e2e';
const packets = Number(process.argv[2] || 100000);
const seed = Number(process.env.SEED || Date.now() % 1e9);
const rng = random(seed);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-e2e-flood.'));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ROUND = 1000;
const AHEAD = 8; // rounds that may be under way: a broker that must queue is not what is tried here
const WARM_UP = 10; // rounds
const asan = fs.readFileSync(program).includes('__asan_init'); // it keeps what was freed
const children = [];

const fail = (text) => {
  console.log(`WRONG seed ${seed}: ${text}`);
  for (const child of children.reverse()) child.kill(); // the broker last
  process.exit(1);
};

const start = (name, args, options) => {
  const child = spawn(name, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  children.push(child);
  return child;
};

const until = async (what, condition) => {
  for (let i = 0; i < 3000 && !condition(); i++) await sleep(20);
  if (!condition()) fail(`waited in vain for ${what}`);
};

const memory = (pid) => {
  const text = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return ['VmRSS', 'VmHWM'].map((key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(text)[1]));
};

const cpu = (pid) => {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10000; // microseconds: ticks are 1/100 s
};

const noise = (length) => Buffer.from(Array.from({ length }, () => rng.below(256)));

const shapes = {
  'random bytes': () => noise(rng.below(300)),
  'as long as a genuine one': () => noise(93),
  'a bit flipped': (genuine) => {
    const bytes = Buffer.from(genuine);
    bytes[rng.below(bytes.length)] ^= 1 << rng.below(8);
    return bytes;
  },
  'too short': () => noise(rng.below(43)),
  cut: (genuine) => genuine.subarray(0, rng.below(genuine.length)),
  extended: (genuine) => Buffer.concat([genuine, noise(1 + rng.below(20))]),
  'too long': (genuine) => (rng.chance(0.02) ? Buffer.concat([genuine, Buffer.alloc(rng.below(60000))]) : noise(400)),
  empty: () => Buffer.alloc(0),
};
const kinds = Object.values(shapes);

const openPort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const main = async () => {
  const port = await openPort();
  fs.writeFileSync(`${dir}/key`, '000102030405060708090a0b0c0d0e0f\n', { mode: 0o600 });
  fs.writeFileSync(`${dir}/conf`, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\nuser ${os.userInfo().username}\n`);
  start('mosquitto', ['-c', `${dir}/conf`], { stdio: 'ignore' });
  let attacker;
  for (let i = 0; i < 100 && !attacker; i++) {
    await sleep(50);
    await new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve((attacker = socket))).on('error', resolve);
    });
  }
  attacker.on('error', (error) => fail(String(error)));
  attacker.write(mqtt.generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: 'attacker', keepalive: 0 }));

  const common = ['-K', `${dir}/key`, '-h', '127.0.0.1', '-p', port];
  const input = Array.from({ length: 50 }, (_, i) => `${i}\n`).join('');
  const sealed = execFileSync(program, ['seal', '-K', `${dir}/key`, '-t', 'flood', '-l'], { input }).toString().trim().split('\n').map((line) => line.split(' '));
  const wire = sealed[0][0];
  const genuine = sealed.map(([, hex]) => Buffer.from(hex, 'hex'));

  const victim = start(program, ['sub', ...common, '-t', 'flood', '-q', '1', '--state', `${dir}/state`]);
  const sender = start(program, ['pub', ...common, '-t', 'flood', '-q', '1', '-l']);
  const seen = new Map();
  let rest = '';
  victim.stdout.on('data', (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop();
    for (const line of lines) seen.set(line, (seen.get(line) || 0) + 1);
  });
  for (let i = 0; i < 100 && seen.size === 0; i++) {
    sender.stdin.write('first\n'); // until it has subscribed
    await sleep(50);
  }
  if (seen.size === 0) fail('nothing comes through');
  await sleep(300);
  seen.clear();

  let rounds = 0;
  let bytes = 0;
  const flood = async (count) => {
    for (const end = rounds + count; rounds < end; rounds++) {
      await until('genuine messages', () => rounds - seen.size < AHEAD);
      const out = [];
      for (let i = 0; i < ROUND; i++) {
        const payload = kinds[rng.below(kinds.length)](genuine[rng.below(genuine.length)]);
        bytes += payload.length;
        out.push(mqtt.generate({ cmd: 'publish', topic: wire, payload, qos: 0, retain: false, dup: false }));
      }
      if (!attacker.write(Buffer.concat(out))) await new Promise((resolve) => attacker.once('drain', resolve));
      sender.stdin.write(`genuine ${rounds}\n`);
    }
    await until('genuine messages', () => seen.size === rounds);
  };
  await flood(WARM_UP);
  const before = { memory: memory(victim.pid), cpu: cpu(victim.pid), at: Date.now() };
  bytes = 0;
  await flood(Math.ceil(packets / ROUND));
  await sleep(300);
  const grown = memory(victim.pid).map((kib, i) => kib - before.memory[i]);
  const sent = (rounds - WARM_UP) * ROUND;
  const each = (cpu(victim.pid) - before.cpu) / sent;
  console.log(`seed ${seed}: ${sent} forged packets (${Math.round(bytes / sent)} bytes on average) in ${Math.round((Date.now() - before.at) / 1000)} s: memory up by ${grown[0]} KiB` +
    ` (most: ${grown[1]} KiB), ${each.toFixed(1)} us of CPU each; ${rounds} genuine messages among them, all arrived`);
  for (const [line, times] of seen) if (times > 1 || !/^genuine \d+$/.test(line)) fail(`handed on ${times} times: ${line}`);
  if (!asan && (grown[0] >= 1024 || grown[1] >= 1024)) fail('memory grows');
  const ends = children.map((child) => new Promise((resolve) => child.on('exit', resolve)));
  for (const child of children.reverse()) child.kill(); // the broker last
  await Promise.all(ends);
  attacker.destroy();
  fs.rmSync(dir, { recursive: true });
};

main();
