// SPDX-License-Identifier: MIT
// commands.js [--commands N] [--seed S]: commands to an agent over a broker that does what it likes (broker.js), some at a time. The agent is
// killed with -9 now and then and started again. Each command is run at most once. One that `run` says has ended well has given all its
// output, once, in order and unaltered, and taken all its input; what went wrong is said, by exit code. Then the broker behaves, and all succeed.
'use strict';
const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Broker, random } = require('./broker.js');

const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`);
  return i > 0 ? Number(process.argv[i + 1]) : fallback;
};
const wanted = option('commands', 60);
const seed = option('seed', Date.now() % 1e9);
const program = process.env.MQTT_E2E || 'mqtt-e2e';
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-e2e-commands.'));
const rng = random(seed ^ 0x2545f491);
const wrong = [];
const codes = {};
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let port;
let agent;

const startAgent = async () => {
  const said = fs.openSync(`${dir}/agent`, 'a');
  const child = spawn(program, ['agent', '-K', `${dir}/key`, '-h', '127.0.0.1', '-p', port, '--name', 'kitchen', '--max-commands', 32, '--state', `${dir}/state`,
    '--command', `work=${dir}/work`, '--audit', `${dir}/audit`], { stdio: ['ignore', said, said] });
  fs.closeSync(said);
  agent = { child, exit: new Promise((resolve) => child.on('exit', resolve)) };
  await sleep(500);
};

// It notes that it runs, counts on both outputs, and gives back its input.
const WORK = `#!/bin/sh
echo "$1" >>"${dir}/ran"
i=0
while [ $i -lt $2 ]; do i=$((i + 1)); echo "$1 $i"; done
echo "error $1" >&2
cat
exit 5
`;

// Seconds until it gives up: a lost command is answered by nobody, and a lost end is asked for.
const run = (id, input, lines) => new Promise((resolve) => {
  const child = spawn(program, ['run', '-K', `${dir}/key`, '-h', '127.0.0.1', '-p', port, '-W', 40, 'kitchen', 'work', id, lines], { stdio: 'pipe' });
  const out = [];
  const err = [];
  child.stdin.on('error', () => {});
  child.stdout.on('data', (data) => out.push(data));
  child.stderr.on('data', (data) => err.push(data));
  child.stdin.end(input);
  child.on('close', (code) => resolve({ code, out: Buffer.concat(out), err: Buffer.concat(err).toString() }));
});

const command = async (id, must) => {
  const lines = rng.below(3000);
  const input = crypto.createHash('sha256').update(`${seed} ${id}`).digest('hex').repeat(rng.below(400));
  const { code, out, err } = await run(id, input, lines);
  codes[code] = (codes[code] || 0) + 1;
  const expected = Buffer.from(Array.from({ length: lines }, (_, i) => `${id} ${i + 1}\n`).join('') + input);
  if (code === 5 && !out.equals(expected)) wrong.push(`${id} ended well, with ${out.length} bytes of ${expected.length}`);
  if (code === 5 && !err.includes(`error ${id}\n`)) wrong.push(`${id} ended well, without its error output`);
  if (code !== 5 && !expected.subarray(0, out.length).equals(out)) wrong.push(`${id} failed (${code}) with output that it never gave`);
  const unconnected = code === 1 && err.includes('cannot connect');
  if (![5, 27, 255].includes(code) && !unconnected) wrong.push(`${id}: exit code ${code}: ${err}`);
  if (must && code !== 5) wrong.push(`${id} failed (${code}) though the broker behaves: ${err}`);
};

const checkOnce = () => {
  const ran = fs.existsSync(`${dir}/ran`) ? fs.readFileSync(`${dir}/ran`, 'utf8').trim().split('\n') : [];
  if (new Set(ran).size !== ran.length) wrong.push(`run twice: ${ran.filter((id, i) => ran.indexOf(id) !== i)}`);
  return ran.length;
};

const main = async () => {
  fs.writeFileSync(`${dir}/key`, '000102030405060708090a0b0c0d0e0f\n', { mode: 0o600 });
  fs.writeFileSync(`${dir}/work`, WORK, { mode: 0o755 });
  const broker = new Broker({ seed, breaks: 0.001 });
  port = await broker.listen();
  await startAgent();
  broker.rate = 0.2;
  broker.honest = false;
  const start = Date.now();
  let next = 0;
  const worker = async () => {
    while (next < wanted && wrong.length === 0) await command(`c${next++}`, false);
  };
  const killer = setInterval(async () => {
    agent.child.kill('SIGKILL');
    await startAgent();
  }, 20000);
  await Promise.all([1, 2, 3, 4, 5, 6].map(worker));
  clearInterval(killer);
  await sleep(600);
  const faults = broker.faults;
  const before = { ...codes };
  broker.behave();
  await sleep(3000);
  await Promise.all([1, 2, 3, 4].map((i) => command(`p${i}`, true)));
  const ran = checkOnce();
  if (!before[5]) wrong.push('not one command ended well');
  agent.child.kill('SIGTERM');
  await agent.exit;
  await broker.close();
  console.log(`seed ${seed}: ${faults} faults in ${Math.round((Date.now() - start) / 1000)} s; ${wanted} commands, exit codes ${JSON.stringify(before)}; ${ran} were run, each once`);
  for (const text of wrong) console.log(`WRONG ${text}`);
  if (wrong.length > 0) console.log(fs.readFileSync(`${dir}/agent`, 'utf8').split('\n').slice(-20).join('\n'));
  fs.rmSync(dir, { recursive: true });
  process.exitCode = wrong.length > 0 ? 1 : 0;
};

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
