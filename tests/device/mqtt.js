// SPDX-License-Identifier: MIT
// As much of MQTT 3.1.1 as someone without the key needs who sees all, and sends what he likes.
'use strict';
const net = require('node:net');

const string = (text) => {
    const bytes = Buffer.from(text);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

const packet = (first, ...parts) => {
    const body = Buffer.concat(parts);
    const length = [];
    let rest = body.length;
    do {
        length.push((rest & 127) | (rest > 127 ? 128 : 0));
        rest >>= 7;
    } while (rest > 0);
    return Buffer.concat([Buffer.from([first, ...length]), body]);
};

class Client {
    // Resolves to a client that is connected. `onPublish` gets (topic, payload).
    static connect(port, onPublish = () => {}) {
        return new Promise((resolve, reject) => {
            const client = new Client();
            Object.assign(client, { onPublish, waiting: new Map(), id: 0, in: Buffer.alloc(0), resolve: () => resolve(client) });
            client.socket = net.connect(port, '127.0.0.1');
            client.socket.setNoDelay(true);
            client.socket.on('error', reject).on('data', (data) => client.parse(data));
            client.socket.write(packet(0x10, string('MQTT'), Buffer.from([4, 2, 0, 0]), string('')));
        });
    }

    parse(data) {
        this.in = Buffer.concat([this.in, data]);
        for (;;) {
            let length = 0;
            let at = 1;
            do {
                if (at >= this.in.length) return;
                length |= (this.in[at] & 127) << (7 * (at - 1));
            } while (this.in[at++] & 128);
            if (this.in.length < at + length) return;
            this.handle(this.in[0], this.in.subarray(at, at + length));
            this.in = this.in.subarray(at + length);
        }
    }

    handle(first, body) {
        const type = first >> 4;
        if (type === 2) this.resolve();
        else if (type === 4 || type === 9) {
            const id = body.readUInt16BE(0);
            this.waiting.get(id)();
            this.waiting.delete(id);
        } else if (type === 3) {
            const end = 2 + body.readUInt16BE(0);
            this.onPublish(body.toString('utf8', 2, end), Buffer.from(body.subarray(end)));
        }
    }

    // Both resolve when the broker has acknowledged.
    acknowledged(first, ...parts) {
        this.id = (this.id % 65535) + 1;
        const id = this.id;
        return new Promise((resolve) => {
            this.waiting.set(id, resolve);
            this.socket.write(packet(first, ...parts.map((part) => (part === 'id' ? Buffer.from([id >> 8, id & 255]) : part))));
        });
    }

    subscribe(filter) {
        return this.acknowledged(0x82, 'id', string(filter), Buffer.from([0]));
    }

    publish(topic, payload, retain = false) {
        return this.acknowledged(0x32 | (retain ? 1 : 0), string(topic), 'id', payload);
    }

    // As fast as the broker takes them, at QoS 0. Resolves to how many.
    async flood(ms, topics, makePayload) {
        const end = Date.now() + ms;
        let sent = 0;
        while (Date.now() < end) {
            const many = [];
            for (let i = 0; i < 50; i++) many.push(packet(0x30, string(topics[sent++ % topics.length]), makePayload()));
            const room = this.socket.write(Buffer.concat(many));
            await new Promise((resolve) => (room ? setImmediate(resolve) : this.socket.once('drain', resolve)));
        }
        return sent;
    }

    close() {
        this.socket.end(packet(0xe0));
    }
}

module.exports = { Client };
