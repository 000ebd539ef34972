// SPDX-License-Identifier: MIT
'use strict';
// Traffic at random from several senders: late, out of order, over again, altered. Every time is another, so that no
// two streams are equally old.

const { seeded, fromBe, flip } = require('./bytes');
const { Script, NOW, MINUTE, KEY32 } = require('./script');

// Numbers from 0 to below n.
function dice(seed) {
  let count = 0;
  return (n) => fromBe(seeded(`${seed} ${count++}`, 6)) % n;
}

// A larger table may have an index. There ids start with few values, on both sides of where any power of two ends.
function ids(name, count) {
  return Array.from({ length: count }, (_, n) => {
    const id = seeded(`stream ${name} ${n}`, 12);
    if (count > 12) id.writeUInt16LE((65536 - 4 + id[0] % 8) % 65536);
    return id;
  });
}

function traffic(name, options, count, steps) {
  const s = new Script(`traffic: ${name}`, { plain: true, base: '', floor_ms: NOW, ...options });
  const roll = dice(name);
  const senders = ids(name, count).map((id) => ({ id, counter: roll(3) }));
  const sent = [];
  // Few at a time where they are many, so that old ones go for ever and new ones come.
  const chooseSender = (step) => senders[count > 12 ? (step >> 1) + roll(14) : roll(count)];
  for (let step = 0; step < steps; step++) {
    s.wait(1000 + roll(4000) + step);
    const sender = chooseSender(step);
    if (roll(3) > 0 || sent.length === 0) {
      sent.push(s.packet(sender.id, sender.counter, { topic: 't', time: s.now - roll(900) }));
      sender.counter += roll(4) === 0 ? 1 + roll(70) : 1;
    }
    const back = roll(2) === 0 ? roll(sent.length) : roll(Math.min(3, sent.length));
    let packet = sent[sent.length - 1 - back];
    if (roll(10) === 0) packet = flip(packet, roll(packet.length), 1 << roll(8));
    receive(s, packet);
  }
  return s;
}

// Here nobody can say beforehand what is right but the model; it throws if anything is accepted twice.
function receive(s, packet) {
  const expect = s.receiver.receive({ now: s.now, mono: s.mono, wire: 't', packet });
  s.steps.push({ now_ms: s.now, wire_topic: 't', packet: packet.toString('hex'), expect });
}

module.exports = () => [
  traffic('a table of one', { streams: 1 }, 5, 60),
  traffic('a table of two', { streams: 2, clock_skew_ms: MINUTE }, 5, 80),
  traffic('a table of three', { streams: 3, key: KEY32, window: 128 }, 5, 80),
  traffic('a table of eight', { streams: 8, clock_skew_ms: MINUTE }, 12, 60),
  traffic('a table of seventeen', { streams: 17, clock_skew_ms: 60 * MINUTE }, 150, 270),
];
