// SPDX-License-Identifier: MIT
// shell.js [--terminal] [--commands N] [--seed S]: commands to an agent by `mqtt-e2e shell`, over a broker that does what it likes (broker.js): lines
// in a pipe, one after the other; or typed on a terminal, three at a time. The agent is killed with -9 now and then and started again. Each command
// is run at most once. What is shown of a command is its own output, in order and unaltered: all of it where the shell says that it has ended
// well. Then the broker behaves, and all succeed.
'use strict';
const { spawn } = require('node:child_process');
const { Broker, random } = require('./broker.js');
const { Kitchen, option, program, sleep } = require('./kitchen.js');

const terminal = process.argv.includes('--terminal');
const wanted = option('commands', 30);
const seed = option('seed', Date.now() % 1e9);
const rng = random(seed ^ 0x1b873593);
const wrong = [];
const commands = []; // {id, lines}, in the order in which they were given
const LONGEST_MS = 90000; // a command that is silent for 60 s is given up

// ---- The shell ---------------------------------------------------------------------------------------

class Shell {
  constructor(kitchen) {
    const words = [program, 'shell', ...kitchen.options, '-W', '6', '--history', 'none'];
    const command = terminal ? ['script', '-qfec', words.map((word) => `'${word}'`).join(' '), '/dev/null'] : words;
    this.child = spawn(command[0], command.slice(1), { stdio: 'pipe', env: { ...process.env, TERM: 'xterm', LC_ALL: 'C.UTF-8' } });
    this.out = '';
    this.said = ''; // what people read, in whole lines
    this.begun = '';
    this.child.stdin.on('error', () => {});
    this.child.stdout.on('data', (data) => (terminal ? this.hear(data) : (this.out += data.toString('latin1'))));
    this.child.stderr.on('data', (data) => this.hear(data));
    this.exit = new Promise((resolve) => this.child.on('close', resolve));
  }

  // On a terminal, without what steers it, and what was taken away again.
  hear(data) {
    const lines = (this.begun + data.toString('latin1')).split('\n');
    this.begun = lines.pop();
    // eslint-disable-next-line no-control-regex
    for (const line of lines) this.said += `${terminal ? line.replace(/\x1b\[[0-9;]*m/g, '').replace(/[^]*\x1b\[J/, '').replace(/\r/g, '') : line}\n`;
  }

  async until(what, is) {
    for (const end = Date.now() + LONGEST_MS; !is(); await sleep(20))
      if (Date.now() > end || this.child.exitCode !== null) return wrong.push(`${what}: not within ${LONGEST_MS} ms\n${this.said.slice(-2000)}`);
  }

  // Gives a command, and waits for what is said of its end, or of its answer's absence.
  async give(command) {
    const typed = `work ${command.id} ${command.lines}`;
    const from = this.said.length;
    commands.push(command);
    this.child.stdin.write(`@kitchen ${typed}${terminal ? '\r' : '\n'}`);
    await this.until(command.id, () => this.said.includes(`'${typed}'`, from));
  }
}

// ---- What was shown ----------------------------------------------------------------------------------

const endedWell = (shell, { id, lines }) => shell.said.includes(`kitchen: 'work ${id} ${lines}' ended with exit code 5 after`);
const outputOf = ({ id, lines }) => Array.from({ length: lines }, (_, i) => `${id} ${i + 1}\n`).join('');

// A pipe gets the outputs one behind the other, in the order of the commands; one that failed may have been cut at any byte.
const checkPipe = (shell) => {
  let rest = shell.out;
  for (const command of [...commands].reverse()) {
    const expected = outputOf(command);
    const start = rest.lastIndexOf(`${command.id} 1\n`);
    const got = start < 0 ? '' : rest.slice(start);
    rest = start < 0 ? rest : rest.slice(0, start);
    if (endedWell(shell, command) && got !== expected) wrong.push(`${command.id} ended well, with ${got.length} bytes of ${expected.length}`);
    if (!expected.startsWith(got)) wrong.push(`${command.id} gave what it never did: ${JSON.stringify(got.slice(0, 100))}`);
  }
  if (rest.length > 0) wrong.push(`output that no command gave: ${JSON.stringify(rest.slice(0, 100))}`);
};

// A terminal gets lines, behind the device's name where several commands run.
const checkTerminal = (shell) => {
  const last = new Map(commands.map(({ id }) => [id, 0]));
  for (const [, id, number] of shell.said.matchAll(/^(?:kitchen: )?([cfp]\d+) (\d+)$/gm)) {
    if (!last.has(id) || Number(number) !== last.get(id) + 1) wrong.push(`${id}: line ${number} after ${last.get(id)}`);
    last.set(id, Number(number));
  }
  for (const command of commands)
    if (endedWell(shell, command) ? last.get(command.id) !== command.lines : last.get(command.id) > command.lines)
      wrong.push(`${command.id} ended with ${last.get(command.id)} lines of ${command.lines}`);
};

// ---- The run -----------------------------------------------------------------------------------------

const giveMany = async (shell, prefix, count) => {
  let next = 0;
  const giver = async () => {
    while (next < count && wrong.length === 0) await shell.give({ id: `${prefix}${next++}`, lines: 1 + rng.below(terminal ? 300 : 2000) });
  };
  await Promise.all(Array.from({ length: terminal ? 3 : 1 }, giver));
};

const main = async () => {
  const broker = new Broker({ seed, breaks: 0.001 });
  const kitchen = new Kitchen(await broker.listen());
  await kitchen.start();
  const shell = new Shell(kitchen);
  await shell.give({ id: 'f0', lines: 3 }); // it has connected
  broker.rate = 0.2;
  broker.honest = false;
  kitchen.beginKilling();
  const start = Date.now();
  await giveMany(shell, 'c', wanted);
  await kitchen.endKilling();
  const faults = broker.faults;
  const well = commands.filter((command) => endedWell(shell, command)).length;
  broker.behave();
  await sleep(3000);
  await giveMany(shell, 'p', 4);
  await shell.until('the last ones', () => commands.every((command) => !command.id.startsWith('p') || endedWell(shell, command)));
  if (terminal) shell.child.stdin.write('quit\r');
  else shell.child.stdin.end();
  await shell.exit;
  (terminal ? checkTerminal : checkPipe)(shell);
  const { twice, count } = kitchen.ran();
  if (twice.length > 0) wrong.push(`run twice: ${twice}`);
  if (well < 2) wrong.push('not one command ended well');
  await kitchen.end(wrong.length > 0);
  await broker.close();
  console.log(`seed ${seed}: ${terminal ? 'typed' : 'piped'}: ${faults} faults in ${Math.round((Date.now() - start) / 1000)} s; of ${wanted + 1} commands ${well} ended well; ${count} were run, each once`);
  for (const text of wrong) console.log(`WRONG ${text}`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
};

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
