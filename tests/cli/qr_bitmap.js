// SPDX-License-Identifier: MIT
// A QR code as `mqtt-e2e key qr` draws it on a terminal, or as SVG, to a bitmap (PBM) for a reader of QR codes.
//
//     node qr_bitmap.js <FILE >FILE.pbm
'use strict';
const fs = require('fs');
const text = fs.readFileSync(0, 'utf8');
const scale = 4;

function fromBlocks() {
    const rows = [];
    for (const line of text.trimEnd().split('\n')) {
        const cells = [...line];
        rows.push(cells.map((c) => !'\u2588\u2580'.includes(c)), cells.map((c) => !'\u2588\u2584'.includes(c)));
    }
    return rows;
}

function fromSvg() {
    const side = Number(/viewBox="0 0 (\d+)/.exec(text)[1]);
    const rows = Array.from({ length: side }, () => Array(side).fill(false));
    for (const [, x, y] of text.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) rows[y][x] = true;
    return rows;
}

const rows = text.includes('<svg') ? fromSvg() : fromBlocks();
let out = `P1\n${rows[0].length * scale} ${rows.length * scale}\n`;
for (const row of rows) out += (row.map((dark) => (dark ? '1 ' : '0 ').repeat(scale)).join('') + '\n').repeat(scale);
fs.writeFileSync(1, out);
