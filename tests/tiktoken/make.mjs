// Writes reference.bin.gz: how many tokens OpenAI's tiktoken finds in texts that TokenReference.cs derives in the same way.
// Layout, for each encoding: a byte per code point for each context, a byte per fuzzed text, four bytes (little endian) per natural
// text and per repeated one.
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { get_encoding } from 'tiktoken';

const corpus = JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8'));
// Bytes of rare characters merge with nothing around them; the contraction and the digits show how their kind splits a text.
const contexts = [c => `a${c}b `, c => `${c}${c}`, c => ` ${c}123`, c => `I'${c}`, c => `${c}'s`, c => `!!${c}'s`];
const fuzzed = 150_000;
const naturalPerLanguage = 20;

// The generator known as mulberry32.
function random(seed) {
  let state = seed >>> 0;
  return below => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function fuzz(seed) {
  const next = random(seed);
  let text = '';
  for (let parts = 1 + next(12); parts > 0; parts--) {
    switch (next(8)) {
      case 0: text += String.fromCodePoint(next(0x110000)); break;
      case 1: text += String.fromCodePoint(next(0x3000)); break;
      case 2: text += String.fromCodePoint(next(0x80)); break;
      default: text += corpus.atoms[next(corpus.atoms.length)];
    }
  }
  return text;
}

function natural(language, seed) {
  const next = random(seed);
  const sentences = corpus.sentences[language];
  let text = '';
  for (let count = 5 + next(40); count > 0; count--)
    text += sentences[next(sentences.length)] + [' ', ' ', ' ', '', '\n', '\n\n', '\r\n', '  \n'][next(8)];
  return text;
}

const parts = [];
for (const name of ['o200k_base', 'cl100k_base']) {
  const encoding = get_encoding(name);
  const count = text => encoding.encode(text, [], []).length;
  for (const context of contexts)
    parts.push(Uint8Array.from({ length: 0x110000 }, (_, c) => count(context(String.fromCodePoint(c)))));
  parts.push(Uint8Array.from({ length: fuzzed }, (_, seed) => count(fuzz(seed))));
  const longer = Object.keys(corpus.sentences)
    .flatMap(language => Array.from({ length: naturalPerLanguage }, (_, seed) => natural(language, seed)))
    .concat(corpus.repeated.map(([text, times]) => text.repeat(times)));
  const counts = Buffer.alloc(4 * longer.length);
  longer.forEach((text, i) => counts.writeUInt32LE(count(text), 4 * i));
  parts.push(counts);
  encoding.free();
}

writeFileSync(new URL('reference.bin.gz', import.meta.url), gzipSync(Buffer.concat(parts), { level: 9 }));
