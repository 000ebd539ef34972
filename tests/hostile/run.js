// SPDX-License-Identifier: MIT
// run.js [--faults N] [--seed S] [--pace N]: real senders and receivers (mqtt-e2e pub, sub) on a broker that does what it likes (broker.js).
// They are killed with -9 and started again, with clocks that are off. What was delivered is compared with what was sent: no
// message twice, none altered, none on another topic, none older than the skew, none that was not sent. Then the broker behaves, and all
// that it is sent from then on must arrive, once. The pace is how many lines a sender is given in 10 ms, on average. MQTT_E2E names the program.
'use strict';
const { spawn, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Broker, random } = require('./broker.js');

const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`);
  return i > 0 ? Number(process.argv[i + 1]) : fallback;
};
const wanted = option('faults', 10000);
const pace = option('pace', 2);
const seed = option('seed', Date.now() % 1e9);
const program = process.env.MQTT_E2E || 'mqtt-e2e';
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-e2e-hostile.'));
const rng = random(seed ^ 0x5bd1e995);
const SKEW = 300000;
const LEAD = 10000;
const TOPICS = ['iot/kitchen', 'iot/door', 'alarm'];
const wrong = [];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const complain = (text) => wrong.length < 20 && wrong.push(text);

let broker;
let port;

/* ---- What was sent ---- */

const sent = new Map(); // number: {topic, offset, at}
let number = 0;
let ended = false;

// Mostly right, at times off by what receivers take, at times by what they refuse.
const offset = () => {
  const kinds = [0, 0, 0, 1000, -1000, -60000, 8000, 3600000, -3600000];
  return kinds[rng.below(kinds.length)];
};

class Sender {
  constructor(index) {
    this.topic = TOPICS[index];
    this.start();
  }

  start() {
    this.offset = offset();
    const child = spawn(program, ['pub', '-K', `${dir}/key`, '-h', '127.0.0.1', '-p', port, '-q', 1 + rng.below(2), '-V', ['311', '5'][rng.below(2)], '-t', this.topic, '-l', '-W', 600,
      '--clock-offset', this.offset], { stdio: ['pipe', 'ignore', 'ignore'] });
    child.stdin.on('error', () => {});
    this.exit = new Promise((resolve) => child.on('exit', resolve));
    this.child = child;
  }

  say() {
    number++;
    sent.set(number, this.topic);
    this.child.stdin.write(`${number} ${this.topic} ${'x'.repeat(rng.below(120))}\n`);
    return number;
  }

  // It is slower than we are while it has no connection.
  get busy() {
    return this.child.stdin.writableLength > 65536;
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.exit;
  }
}

/* ---- What was delivered ---- */

class Receiver {
  constructor(index) {
    Object.assign(this, { index, life: 0, starts: 0, delivered: 0 });
    this.begin();
  }

  // One that nobody knows yet, without a state file. Its clock is right when it makes one: one that is ahead would set a floor in the future.
  begin() {
    this.life++;
    this.id = `receiver${this.index}x${this.life}`;
    this.seen = new Set();
    this.floor = Date.now();
    this.start(true);
  }

  async replace() {
    await this.kill();
    broker.forget(this.id);
    fs.rmSync(`${dir}/${this.id}`);
    this.begin();
  }

  start(right = false) {
    this.offset = right ? 0 : offset();
    const child = spawn(program, ['sub', '-K', `${dir}/key`, '-h', '127.0.0.1', '-p', port, '-q', rng.below(3), '-V', ['311', '5'][rng.below(2)], '-c', '-i', this.id, '-t', '#', '--json', '-d',
      '--state', `${dir}/${this.id}`, '--clock-offset', this.offset], { stdio: ['ignore', 'pipe', 'pipe'] });
    let rest = '';
    child.stdout.on('data', (data) => {
      const lines = (rest + data).split('\n');
      rest = lines.pop(); // of a process that was killed, half a line
      lines.forEach((line) => this.got(line));
    });
    child.stderr.on('data', (data) => {
      const text = String(data);
      this.told = ((this.told || '') + text).slice(-3000);
      if (/not trusted|cannot (open|lock|write)/.test(text)) complain(`receiver ${this.index}: ${text.trim()}`);
    });
    this.exit = new Promise((resolve) => child.on('close', resolve));
    this.child = child;
    this.starts++;
  }

  got(line) {
    const m = JSON.parse(line);
    const [id, topic, filler] = m.payload.split(' ');
    const original = sent.get(Number(id)); // its topic
    const age = Date.now() + this.offset - m.time;
    this.delivered++;
    this.inPeace++;
    if (m.status !== 'ok') complain(`handed on as ${m.status}: ${line}`);
    if (original === undefined) return complain(`never sent: ${line}`);
    if (this.seen.has(id)) complain(`receiver ${this.index} was handed ${id} twice: ${line}`);
    this.seen.add(id);
    if (topic !== original || m.topic !== original || !/^x*$/.test(filler)) complain(`altered or moved: ${line}`);
    if (m.time <= this.floor) complain(`sealed before this receiver's time began: ${line}`);
    if (age > SKEW + 5000) complain(`${age} ms old: ${line}`); // 5 s: until the line was read here
    if (age < -LEAD - 100) complain(`${-age} ms ahead: ${line}`);
  }

  async kill(signal = 'SIGKILL') {
    this.child.kill(signal);
    await this.exit;
  }
}

/* ---- The course ---- */

const foreignPackets = () => {
  fs.writeFileSync(`${dir}/other`, 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\n', { mode: 0o600 });
  const input = Array.from({ length: 50 }, (_, i) => `${i} iot/kitchen x\n`).join('');
  const lines = execFileSync(program, ['seal', '-K', `${dir}/other`, '-t', 'iot/kitchen', '-l'], { input }).toString().trim().split('\n');
  return lines.map((line) => ({ topic: line.split(' ')[0], payload: Buffer.from(line.split(' ')[1], 'hex') }));
};

const some = (list) => list[rng.below(list.length)];

// Faults, until there were enough.
const mischief = async (senders, receivers) => {
  const start = Date.now();
  broker.honest = false;
  while (broker.faults < wanted && wrong.length === 0) {
    if (Date.now() - start > 600000 + wanted * 10) complain('so many faults could not be made in the time for it');
    for (const sender of senders) for (let i = sender.busy ? 0 : rng.below(2 * pace + 1); i > 0; i--) sender.say();
    await sleep(10);
    if (rng.chance(0.004)) {
      const one = some(senders);
      await one.kill();
      one.start();
    }
    if (rng.chance(0.006)) {
      const one = some(receivers);
      await one.kill();
      one.start();
    }
    if (rng.chance(0.0005)) await some(receivers).replace();
  }
};

// From now on what the broker is given for the first time must arrive, at all, once; also what waits in senders that stay.
const peace = async (senders, receivers) => {
  // Its clock is off by what receivers refuse, or so far back that it seals before the time of one has begun.
  const unfit = (one) => one.offset > LEAD / 2 || one.offset < -SKEW / 2 || receivers.some((r) => Date.now() + one.offset <= r.floor);
  for (const one of receivers) await one.kill();
  for (const one of senders) if (unfit(one)) await one.kill();
  broker.behave();
  for (const one of receivers) {
    one.start(true);
    one.inPeace = 0;
  }
  await sleep(1500);
  for (const one of senders) {
    while (one.child.signalCode || unfit(one)) {
      await one.kill();
      one.start();
    }
  }
  const fresh = senders.flatMap((sender) => Array.from({ length: 50 }, () => sender.say()));
  for (const sender of senders) sender.child.stdin.end();
  await Promise.all(senders.map((sender) => sender.exit));
  const all = () => receivers.every((r) => r.inPeace >= broker.news.size && fresh.every((id) => r.seen.has(String(id))));
  for (let i = 0; i < 200 && !all(); i++) await sleep(100);
  for (const r of receivers) {
    const missing = fresh.filter((id) => !r.seen.has(String(id)));
    if (missing.length > 0 || r.inPeace < broker.news.size)
      complain(`receiver ${r.index}: ${missing.length} of ${fresh.length} messages did not arrive once the broker behaved, in all ${r.inPeace} of ${broker.news.size}; it said: ${r.told}`);
    await r.kill('SIGTERM');
  }
};

const main = async () => {
  fs.writeFileSync(`${dir}/key`, '000102030405060708090a0b0c0d0e0f\n', { mode: 0o600 });
  broker = new Broker({ seed, foreign: foreignPackets(), breaks: 0.002 / pace });
  port = await broker.listen();
  const receivers = [new Receiver(0), new Receiver(1)];
  await sleep(1000);
  const senders = TOPICS.map((_, i) => new Sender(i));
  await sleep(500);
  const start = Date.now();
  await mischief(senders, receivers);
  const before = number;
  const packets = broker.passed;
  await peace(senders, receivers);
  ended = true;
  await broker.close();
  const sum = (key) => receivers.reduce((n, r) => n + r[key], 0);
  console.log(`seed ${seed}: ${broker.faults} faults in ${Math.round((Date.now() - start) / 1000)} s; ${before} messages, of which the broker took ${packets} packets;` +
    ` delivered ${sum('delivered')}; receivers started ${sum('starts')} times, with ${sum('life')} state files; in peace ${broker.news.size}, of them delivered ${receivers.map((r) => r.inPeace).join(' and ')}`);
  console.log(Object.entries(broker.made).sort().map(([kind, n]) => `${kind} ${n}`).join(', '));
  for (const text of wrong) console.log(`WRONG ${text}`);
  fs.rmSync(dir, { recursive: true });
  process.exitCode = wrong.length > 0 ? 1 : 0;
};

process.on('exit', () => ended || console.log(`seed ${seed}`));
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
