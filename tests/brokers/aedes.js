// SPDX-License-Identifier: MIT
// aedes.js FOLDER PORT: aedes on 127.0.0.1, as it is by default. FOLDER has its node_modules.
'use strict';
const { createServer } = require('node:net');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');

const [folder, port] = process.argv.slice(2);
const main = async () => {
  const { Aedes } = await import(pathToFileURL(createRequire(`${folder}/`).resolve('aedes')));
  const aedes = await Aedes.createBroker();
  createServer(aedes.handle).listen(Number(port), '127.0.0.1');
};
main();
