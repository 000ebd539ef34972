// SPDX-License-Identifier: MIT
// Someone without the key, who sees all, and sends what he likes. The codec is Debian's node-mqtt-packet.
'use strict';
const net = require('node:net');
const mqtt = require('mqtt-packet');

const bytesOf = (topic, payload) => mqtt.generate({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false });

class Client {
    // Resolves to a client that is connected. `onPublish` gets (topic, payload).
    static connect(port, onPublish = () => {}) {
        return new Promise((resolve, reject) => {
            const client = new Client();
            const parser = mqtt.parser();
            Object.assign(client, { waiting: new Map(), id: 0 });
            parser.on('error', reject).on('packet', (packet) => {
                if (packet.cmd === 'connack') resolve(client);
                else if (packet.cmd === 'publish') onPublish(packet.topic, packet.payload);
                else if (client.waiting.has(packet.messageId)) {
                    client.waiting.get(packet.messageId)();
                    client.waiting.delete(packet.messageId);
                }
            });
            client.socket = net.connect(port, '127.0.0.1');
            client.socket.setNoDelay(true);
            client.socket.on('error', reject).on('data', (data) => parser.parse(data));
            client.send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: '', keepalive: 0 });
        });
    }

    send(packet) {
        this.socket.write(mqtt.generate(packet));
    }

    // Both resolve when the broker has acknowledged.
    acknowledged(packet) {
        this.id = (this.id % 65535) + 1;
        return new Promise((resolve) => {
            this.waiting.set(this.id, resolve);
            this.send({ ...packet, messageId: this.id });
        });
    }

    subscribe(filter) {
        return this.acknowledged({ cmd: 'subscribe', subscriptions: [{ topic: filter, qos: 0 }] });
    }

    publish(topic, payload, retain = false) {
        return this.acknowledged({ cmd: 'publish', topic, payload, qos: 1, retain, dup: false });
    }

    // As fast as the broker takes them, at QoS 0. Resolves to how many.
    async flood(ms, topics, makePayload) {
        const end = Date.now() + ms;
        let sent = 0;
        while (Date.now() < end) {
            const many = [];
            for (let i = 0; i < 50; i++) many.push(bytesOf(topics[sent++ % topics.length], makePayload()));
            const room = this.socket.write(Buffer.concat(many));
            await new Promise((resolve) => (room ? setImmediate(resolve) : this.socket.once('drain', resolve)));
        }
        return sent;
    }

    close() {
        this.socket.end(mqtt.generate({ cmd: 'disconnect' }));
    }
}

module.exports = { Client };
