// SPDX-License-Identifier: MIT
// Something on a port that is not quite a broker.
//
//     node odd_broker.js HOW PORT [BROKER_PORT]
//
//     old     refuses MQTT 5, and hands what speaks MQTT 3.1.1 on to the broker
//     nosub   hands all on, but turns every answer to a subscription into a refusal
//     silent  takes connections and says nothing
//     closes  takes connections and ends them
//     talks   greets like a mail server
//
// Says `ready` when it listens.
'use strict';
const net = require('net');
const [, , how, port, broker] = process.argv;

const serve = {
    old(socket) {
        socket.once('data', (first) => {
            // CONNECT: the protocol level follows the name `MQTT` (MQTT 3.1.1 §3.1.2.2).
            if (first[first.indexOf('MQTT') + 4] > 4) {
                socket.end(Buffer.from([0x20, 2, 0, 1])); // unacceptable protocol version
                return;
            }
            const real = net.connect(Number(broker), '127.0.0.1');
            real.on('error', () => socket.destroy());
            real.write(first);
            socket.pipe(real).pipe(socket);
        });
    },
    nosub(socket) {
        const real = net.connect(Number(broker), '127.0.0.1');
        real.on('error', () => socket.destroy());
        socket.pipe(real);
        let rest = Buffer.alloc(0);
        real.on('data', (data) => {
            rest = Buffer.concat([rest, data]);
            // Whole packets, all short ones here: a byte of type, one of length, and so many more.
            while (rest.length >= 2 && rest.length >= 2 + rest[1]) {
                const packet = rest.subarray(0, 2 + rest[1]);
                if (packet[0] === 0x90) packet[packet.length - 1] = 0x80; // SUBACK: failure
                socket.write(packet);
                rest = rest.subarray(packet.length);
            }
        });
        real.on('end', () => socket.end());
    },
    silent() {},
    closes: (socket) => socket.end(),
    talks: (socket) => socket.write('220 mail.example.org ESMTP\r\n'),
}[how];

net.createServer((socket) => {
    socket.on('error', () => {});
    serve(socket);
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
