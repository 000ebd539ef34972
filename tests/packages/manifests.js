// SPDX-License-Identifier: MIT
// The manifests are well formed, and what they name is there: manifests.js VERSION PLATFORMIO ARDUINO ESP-IDF ZEPHYR
'use strict';
const fs = require('fs');
const path = require('path');
const [version, pio, arduino, idf, zephyr] = process.argv.slice(2);

function check(right, what) {
    if (!right) {
        console.error(`manifests: ${what}`);
        process.exit(1);
    }
}

const there = (dir, name) => check(fs.existsSync(path.join(dir, name)), `${name} is not there`);

// PlatformIO
const library = JSON.parse(fs.readFileSync(path.join(pio, 'library.json'), 'utf8'));
check(library.name === 'mqtt-e2e' && library.version === version, 'library.json: name or version');
check(library.license === 'MIT' && library.build.srcDir === 'src', 'library.json: licence or srcDir');
library.headers.forEach((name) => there(path.join(pio, 'src'), name));
library.examples.forEach((e) => e.files.forEach((name) => there(path.join(pio, e.base), name)));
check(fs.readdirSync(path.join(pio, 'examples')).length === library.examples.length, 'library.json: examples');

// Arduino: lines of name=value, each once
const properties = new Map();
for (const line of fs.readFileSync(path.join(arduino, 'library.properties'), 'utf8').trim().split('\n')) {
    const [, name, value] = /^([a-z_]+)=(.+)$/.exec(line) || [];
    check(name && !properties.has(name), `library.properties: ${line}`);
    properties.set(name, value);
}
for (const name of ['name', 'version', 'author', 'maintainer', 'sentence', 'paragraph', 'category', 'architectures'])
    check(properties.has(name), `library.properties: no ${name}`);
check(properties.get('category') === 'Communication', 'library.properties: category');
there(path.join(arduino, 'src'), properties.get('includes'));
for (const name of fs.readdirSync(path.join(arduino, 'examples')))
    there(arduino, `examples/${name}/${name}.ino`);

// YAML as far as it is used here: name: value, lists of scalars, two spaces a level.
function yaml(file) {
    const root = {};
    const stack = [{indent: -1, value: root}];
    let last = null;
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
        if (/^\s*(#|$)/.test(line)) continue;
        const [, spaces, item, name, value] = /^( *)(- )?(?:([A-Za-z0-9_.-]+):(?: |$))?(.*)$/.exec(line);
        check(spaces.length % 2 === 0 && !line.includes('\t'), `${file}: ${line}`);
        while (stack[stack.length - 1].indent >= spaces.length) stack.pop();
        const top = stack[stack.length - 1];
        const scalar = value.replace(/^"(.*)"$/, '$1');
        if (item) {
            check(!name && scalar, `${file}: ${line}`);
            if (!Array.isArray(last.holder[last.name])) last.holder[last.name] = [];
            last.holder[last.name].push(scalar);
            continue;
        }
        check(name && !(name in top.value), `${file}: ${line}`);
        top.value[name] = scalar || {};
        last = {holder: top.value, name};
        if (!scalar) stack.push({indent: spaces.length, value: top.value[name]});
    }
    return root;
}

const component = yaml(path.join(idf, 'idf_component.yml'));
check(component.version === version && component.license === 'MIT', 'idf_component.yml: version or licence');
check(/^>=5\.0/.test(component.dependencies.idf), 'idf_component.yml: idf');
const module_ = yaml(path.join(zephyr, 'zephyr/module.yml'));
check(module_.name === 'mqtt-e2e', 'module.yml: name');
there(zephyr, path.join(module_.build.cmake, 'CMakeLists.txt'));
there(zephyr, module_.build.kconfig);
module_.samples.forEach((name) => there(zephyr, name));
const sample = yaml(path.join(zephyr, 'samples/device/sample.yaml'));
check(Object.values(sample.tests).every((t) => t.build_only === 'true'), 'sample.yaml');

// Kconfig: every option is used, and every CONFIG_MQTT_E2E_ that is used is one.
for (const [dir, kconfig] of [[idf, 'Kconfig'], [zephyr, 'zephyr/Kconfig']]) {
    const options = new Set([...fs.readFileSync(path.join(dir, kconfig), 'utf8').matchAll(/^\s*(?:menu)?config (\S+)/gm)]
        .map((m) => m[1]));
    const used = new Set();
    const read = (name) => {
        for (const entry of fs.readdirSync(name, {withFileTypes: true})) {
            const file = path.join(name, entry.name);
            if (entry.isDirectory()) read(file);
            else for (const m of fs.readFileSync(file, 'utf8').matchAll(/CONFIG_(MQTT_E2E[A-Z0-9_]*)/g)) used.add(m[1]);
        }
    };
    read(dir);
    for (const name of used) check(options.has(name), `${dir}: CONFIG_${name} is used, and no option`);
    for (const name of options) check(used.has(name), `${dir}: ${name} is an option that nothing uses`);
}
