// SPDX-License-Identifier: MIT
'use strict';
// Rule 3 of §4: the window, at every edge where an implementation by shifted words can go wrong.

const { Script, KEY32 } = require('./script');

const GAPS = [0, 1, 32, 63, 64, 65, 127, 128, 129, 192, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1];
const LAST = 2 ** 32 - 1;

// Topics are of no interest here: short ones keep the file small.
function windowScript(window, name, options) {
  return new Script(`window of ${window}: ${name}`, { window, plain: true, base: '', ...options });
}

// Accepts 0, then the counter `gap` higher, then looks at both edges of the window, from below and from within.
function gapUp(window, gap) {
  const s = windowScript(window, `from 0 up by ${gap}`);
  const a = s.sender('a');
  const send = (want, counter, about) => {
    if (counter >= 0 && counter <= LAST) s.receive(want, s.packet(a, counter), { about });
  };
  send('accepted', 0);
  send(gap === 0 ? 'replay' : 'accepted', gap, 'the gap');
  send('replay', gap, 'again');
  send('replay', 0, 'the first again');
  send('replay', gap - window, 'just out of the window');
  send('replay', gap - window - 1, 'further out');
  if (gap - window + 1 > 0) send('accepted', gap - window + 1, 'the oldest in the window');
  send('replay', Math.max(gap - window + 1, 0), 'the oldest again');
  if (gap > 1 && gap - 1 !== gap - window + 1) send('accepted', gap - 1, 'one below the highest');
  send('replay', Math.max(gap - 1, 0), 'that again');
  send('accepted', gap + 1, 'one up');
  send('replay', gap - window + 1, 'the former oldest');
  return s;
}

// Bits must move with the window: some set, some not, across word borders.
function bitsMove(window) {
  const s = windowScript(window, 'bits move along');
  const a = s.sender('a');
  const got = new Set();
  let highest = -1;
  const send = (counter) => {
    const old = counter <= highest - window || got.has(counter);
    s.receive(old ? 'replay' : 'accepted', s.packet(a, counter));
    got.add(counter);
    highest = Math.max(highest, counter);
  };
  [0, 5, 6, 60, 0, 5, 7, 6, 1, 63, 62, 64, 65, 69, 5, 6, 7, 8, 68, 127, 126, 63, 64, 66, 128, 65, 129, 130, 67, 70,
    191, 133, 131, 128, 192, 129, 134, 193, 256, 255, 194, 193, 195, 320, 257, 256, 258].forEach(send);
  return s;
}

// What was set before a jump must not be taken for what is set after it, wherever in the window it was: all counters
// that fall in the same place of it are tried.
function jump(window, ahead) {
  const s = windowScript(window, `a jump of ${ahead}`);
  const a = s.sender('a');
  const set = [10, 63, 64, 70, 100, 126, 127, 129, 190, 192, 200].filter((counter) => counter < window);
  set.forEach((counter) => s.receive('accepted', s.packet(a, counter)));
  const highest = Math.max(...set) + ahead;
  s.receive('accepted', s.packet(a, highest));
  for (const counter of set) {
    let same = counter; // the one in the window that has its place
    while (same <= highest - window) same += window;
    const old = same === counter || same === highest;
    s.receive(old ? 'replay' : 'accepted', s.packet(a, same), { about: `in the place of ${counter}` });
  }
  return s;
}

function downward(window) {
  const s = windowScript(window, `downward from ${LAST}`);
  const a = s.sender('a');
  s.receive('accepted', s.packet(a, LAST), { about: 'a receiver accepts any counter' });
  s.receive('replay', s.packet(a, LAST));
  s.receive('accepted', s.packet(a, LAST - window + 1));
  s.receive('replay', s.packet(a, LAST - window + 1));
  s.receive('replay', s.packet(a, LAST - window));
  s.receive('replay', s.packet(a, 0), { about: 'no wrapping' });
  s.receive('replay', s.packet(a, 1));
  s.receive('accepted', s.packet(a, LAST - 1));
  s.receive('replay', s.packet(a, 2 ** 31));
  return s;
}

// With the highest below W, nothing is too old, and nothing may underflow.
function low(window) {
  const s = windowScript(window, 'highest below it');
  const [a, b] = [s.sender('a'), s.sender('b')];
  for (const counter of [10, 0, 9, 1]) s.receive('accepted', s.packet(a, counter));
  for (const counter of [10, 0, 9, 1]) s.receive('replay', s.packet(a, counter));
  s.receive('accepted', s.packet(a, window - 1), { about: '0 is the oldest in the window' });
  s.receive('replay', s.packet(a, 0));
  s.receive('accepted', s.packet(b, window), { about: 'a stream may start anywhere' });
  s.receive('replay', s.packet(b, 0), { about: 'just out' });
  s.receive('accepted', s.packet(b, 1));
  return s;
}

// A refused packet must not move the window.
function refusedMovesNothing(window) {
  const s = windowScript(window, 'what is refused does not move it');
  const a = s.sender('a');
  s.receive('accepted', s.packet(a, 1));
  s.receive('forged', s.packet(a, 1000), { topic: 'elsewhere' });
  s.receive('unsupported', s.packet(a, 1000, { kind: 9 }));
  s.receive('malformed', s.packet(a, 1000, { claimed: 9999 }));
  s.receive('stale', s.packet(a, 1000, { time: s.now - 3600000 }));
  s.receive('future', s.packet(a, 1000, { time: s.now + 3600000 }));
  s.receive('unasked', s.reply(a, 1000, Buffer.alloc(16)), { topic: s.receiver.replyTopic() });
  s.receive('accepted', s.packet(a, 0));
  s.receive('accepted', s.packet(a, 2));
  s.receive('accepted', s.packet(a, 1000));
  s.receive('replay', s.packet(a, 3));
  return s;
}

// Windows of two streams are apart.
function twoStreams() {
  const s = windowScript(64, 'two streams', { key: KEY32 });
  const [a, b] = [s.sender('a'), s.sender('b')];
  s.receive('accepted', s.packet(a, 500));
  s.receive('accepted', s.packet(b, 3));
  s.receive('replay', s.packet(a, 3));
  s.receive('accepted', s.packet(b, 2));
  s.receive('accepted', s.packet(a, 499));
  s.receive('accepted', s.packet(b, 499));
  s.receive('replay', s.packet(b, 499));
  return s;
}

module.exports = () => [64, 128].flatMap((window) => [
  ...GAPS.map((gap) => gapUp(window, gap)), bitsMove(window), downward(window), low(window),
  jump(window, window - 10), jump(window, window), jump(window, 10 * window + 3),
  refusedMovesNothing(window),
]).concat(
  [192, 4096].flatMap((window) => [
    bitsMove(window), downward(window), low(window), jump(window, window - 10), jump(window, window + 1),
  ]), // 192 is no power of two
  [191, 192, 193].map((gap) => gapUp(192, gap)), [4095, 4096, 4097].map((gap) => gapUp(4096, gap)), twoStreams());
