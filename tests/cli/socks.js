// SPDX-License-Identifier: MIT
// A SOCKS 5 proxy (RFC 1928, RFC 1929) for tests: node socks.js USER:PASSWORD
// Prints "port N", then for each connection "none HOST:PORT" or "USER:PASSWORD HOST:PORT". Lets in who gives no password
// or the right one.
'use strict';
const net = require('net');
const expected = process.argv[2];

function reader(socket) {
    let buffer = Buffer.alloc(0), waiting = null;
    const onData = (data) => {
        buffer = Buffer.concat([buffer, data]);
        if (waiting && buffer.length >= waiting.n) {
            const { n, resolve } = waiting, head = buffer.subarray(0, n);
            waiting = null;
            buffer = buffer.subarray(n);
            resolve(head);
        }
    };
    socket.on('data', onData);
    return {
        take: (n) => new Promise((resolve) => {
            waiting = { n, resolve };
            onData(Buffer.alloc(0));
        }),
        release: () => {
            socket.off('data', onData);
            return buffer;
        },
    };
}

async function serve(socket) {
    const input = reader(socket);
    const methods = await input.take((await input.take(2))[1]);
    const withPassword = methods.includes(2);
    socket.write(Buffer.from([5, withPassword ? 2 : 0]));
    let who = 'none';
    if (withPassword) {
        const user = (await input.take((await input.take(2))[1])).toString();
        const password = (await input.take((await input.take(1))[0])).toString();
        who = `${user}:${password}`;
        socket.write(Buffer.from([1, who === expected ? 0 : 1]));
        if (who !== expected) return socket.end();
    }
    const type = (await input.take(4))[3];
    const length = type === 1 ? 4 : type === 4 ? 16 : (await input.take(1))[0];
    const address = await input.take(length);
    const host = type === 3 ? address.toString() : type === 1 ? [...address].join('.') :
        address.toString('hex').replace(/(....)(?!$)/g, '$1:');
    const port = (await input.take(2)).readUInt16BE();
    console.log(`${who} ${host}:${port}`);
    const out = net.connect(port, host, () => {
        socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
        out.write(input.release());
        socket.pipe(out).pipe(socket);
    });
    out.on('error', () => socket.destroy());
    out.on('close', () => socket.destroy());
    socket.on('close', () => out.destroy());
}

const server = net.createServer((socket) => {
    socket.on('error', () => {});
    serve(socket);
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
