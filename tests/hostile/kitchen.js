// SPDX-License-Identifier: MIT
// An agent named kitchen with one command, work ID LINES, for tests behind a broker that does what it likes. It is killed with -9 now and then
// and started again; and a note of each run of the command is kept.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const program = process.env.MQTT_E2E || 'mqtt-e2e';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// It notes that it runs, counts on both outputs, and gives back its input.
const work = (dir) => `#!/bin/sh
echo "$1" >>"${dir}/ran"
i=0
while [ $i -lt $2 ]; do i=$((i + 1)); echo "$1 $i"; done
echo "error $1" >&2
cat
exit 5
`;

class Kitchen {
  constructor(port) {
    this.port = port;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-e2e-kitchen.'));
    fs.writeFileSync(`${this.dir}/key`, '000102030405060708090a0b0c0d0e0f\n', { mode: 0o600 });
    fs.writeFileSync(`${this.dir}/work`, work(this.dir), { mode: 0o755 });
  }

  // Where all programs are to connect to, and how.
  get options() {
    return ['-K', `${this.dir}/key`, '-h', '127.0.0.1', '-p', String(this.port)];
  }

  async start() {
    const said = fs.openSync(`${this.dir}/agent`, 'a');
    this.agent = spawn(program, ['agent', ...this.options, '--name', 'kitchen', '--max-commands', '32', '--state', `${this.dir}/state`,
      '--command', `work=${this.dir}/work`, '--audit', `${this.dir}/audit`], { stdio: ['ignore', said, said] });
    fs.closeSync(said);
    this.exit = new Promise((resolve) => this.agent.on('exit', resolve));
    await sleep(500);
  }

  // Kills it every 20 s.
  beginKilling() {
    this.killer = setInterval(async () => {
      this.agent.kill('SIGKILL');
      await this.start();
    }, 20000);
  }

  async endKilling() {
    clearInterval(this.killer);
    await sleep(600);
  }

  // Which commands were run more than once, and how many in all.
  ran() {
    const ran = fs.existsSync(`${this.dir}/ran`) ? fs.readFileSync(`${this.dir}/ran`, 'utf8').trim().split('\n') : [];
    return { twice: ran.filter((id, i) => ran.indexOf(id) !== i), count: ran.length };
  }

  async end(show) {
    this.agent.kill('SIGTERM');
    await this.exit;
    if (show) console.log(fs.readFileSync(`${this.dir}/agent`, 'utf8').split('\n').slice(-20).join('\n'));
    fs.rmSync(this.dir, { recursive: true });
  }
}

const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`);
  return i > 0 ? Number(process.argv[i + 1]) : fallback;
};

module.exports = { Kitchen, option, program, sleep };
