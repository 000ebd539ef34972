// SPDX-License-Identifier: MIT
// commands.js [--commands N] [--seed S]: commands to an agent over a broker that does what it likes (broker.js), some at a time. The agent is
// killed with -9 now and then and started again. Each command is run at most once. One that `run` says has ended well has given all its
// output, once, in order and unaltered, and taken all its input; what went wrong is said, by exit code. Then the broker behaves, and all succeed.
'use strict';
const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const { Broker, random } = require('./broker.js');
const { Kitchen, option, program, sleep } = require('./kitchen.js');

const wanted = option('commands', 60);
const seed = option('seed', Date.now() % 1e9);
const rng = random(seed ^ 0x2545f491);
const wrong = [];
const codes = {};

let kitchen;

// Seconds until it gives up: a lost command is answered by nobody, and a lost end is asked for.
const run = (id, input, lines) => new Promise((resolve) => {
  const child = spawn(program, ['run', ...kitchen.options, '-W', 40, 'kitchen', 'work', id, lines], { stdio: 'pipe' });
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

const main = async () => {
  const broker = new Broker({ seed, breaks: 0.001 });
  kitchen = new Kitchen(await broker.listen());
  await kitchen.start();
  broker.rate = 0.2;
  broker.honest = false;
  const start = Date.now();
  let next = 0;
  const worker = async () => {
    while (next < wanted && wrong.length === 0) await command(`c${next++}`, false);
  };
  kitchen.beginKilling();
  await Promise.all([1, 2, 3, 4, 5, 6].map(worker));
  await kitchen.endKilling();
  const faults = broker.faults;
  const before = { ...codes };
  broker.behave();
  await sleep(3000);
  await Promise.all([1, 2, 3, 4].map((i) => command(`p${i}`, true)));
  const { twice, count } = kitchen.ran();
  if (twice.length > 0) wrong.push(`run twice: ${twice}`);
  if (!before[5]) wrong.push('not one command ended well');
  await kitchen.end(wrong.length > 0);
  await broker.close();
  console.log(`seed ${seed}: ${faults} faults in ${Math.round((Date.now() - start) / 1000)} s; ${wanted} commands, exit codes ${JSON.stringify(before)}; ${count} were run, each once`);
  for (const text of wrong) console.log(`WRONG ${text}`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
};

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
