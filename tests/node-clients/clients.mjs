// Reads streams of the gateway with the clients that are in use, and checks that they understand what is written.
//   node clients.mjs DIRECT CUTTING      with EXPECTED, the JSON of what the model says
// DIRECT is the gateway's address; CUTTING leads there too, and cuts each stream that does not come back for its rest.
import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import { EventSource } from 'eventsource';
import { createParser } from 'eventsource-parser';

// The next one believes itself in a page.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const { fetchEventSource } = await import('@microsoft/fetch-event-source');

const [direct, cutting] = process.argv.slice(2).map(address => new URL(address));
const expected = JSON.parse(process.env.EXPECTED);
let prompts = 0;

const checks = {
  async 'eventsource-parser'() {
    const events = [], retries = [], comments = [], errors = [];
    const parser = createParser({
      onEvent: event => events.push(event),
      onRetry: retry => retries.push(retry),
      onComment: comment => comments.push(comment),
      onError: error => errors.push(error),
    });
    const response = await fetch(stream(direct));
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) parser.feed(text);

    assert.deepEqual([errors, retries], [[], [1000]]);
    assert.equal(textOf(events), expected);
    const id = response.headers.get('x-stream-id');
    let length = 0;
    for (const event of events.slice(0, -2)) {
      length += JSON.parse(event.data).delta.length;
      assert.equal(event.id, `${id}:${length}`);
      assert.equal(event.event, undefined);
    }
    assert.equal(JSON.parse(events.at(-2).data).finish_reason, 'stop');
    assert.deepEqual([events.at(-2).id, events.at(-1)], [`${id}:end`, { id: `${id}:done`, event: undefined, data: '[DONE]' }]);
  },

  // It is never closed: the gateway has to send it away.
  async 'eventsource'() {
    const events = [];
    let opened = 0;
    const source = new EventSource(stream(cutting, { resume: 1 }));
    source.onmessage = event => events.push(event);
    source.onopen = () => opened++;
    await new Promise(resolve => source.onerror = () => source.readyState === EventSource.CLOSED && resolve());

    assert.equal(textOf(events), expected);
    assert.equal(opened, 2);
    assert.equal(events.filter(event => event.data === '[DONE]').length, 1);
    assert.match(events.at(-1).lastEventId, /^[0-9a-f]{24}:done$/);
  },

  async 'fetch-event-source, GET'() {
    await readByFetch(stream(cutting, { resume: 1 }), {});
  },

  async 'fetch-event-source, POST'() {
    const url = new URL('chat-stream?resume=1', cutting);
    await readByFetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message: `question ${prompts++}` }) });
  },

  async 'client.js, chat'() {
    const { createClient, GatewayError } = await load();
    const { chat } = createClient({ baseUrl: direct });
    let text = '';
    const reply = chat({ message: `question ${prompts++}` });
    for await (const delta of reply) text += delta;
    assert.equal(text, expected);
    assert.equal(reply.end.finishReason, 'stop');
    assert.equal(reply.meta.cache, 'MISS');
    await assert.rejects(async () => { for await (const _ of chat({ message: '' })); }, error => error instanceof GatewayError && error.code === 'invalid_request' && error.status === 400);
    const abort = new AbortController();
    for await (const _ of chat({ message: `question ${prompts++}` }, { signal: abort.signal }));
    assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
    await assert.rejects(async () => { for await (const _ of chat({ message: `question ${prompts++}` }, { signal: abort.signal })) abort.abort(); }, { name: 'AbortError' });
    await assert.rejects(async () => { for await (const _ of chat({ message: 'never asked' }, { signal: abort.signal })); }, { name: 'AbortError' });

    // The caller's own reason, whatever it is; a stop after it changes nothing.
    const own = new AbortController(), reason = new TypeError('mine');
    const aborted = chat({ message: `question ${prompts++}` }, { signal: own.signal });
    await assert.rejects(async () => { for await (const _ of aborted) { own.abort(reason); aborted.stop(); } }, error => error === reason);
    assert.equal(aborted.stopped, false);

    const stopped = chat({ message: `question ${prompts++}` });
    let deltas = 0;
    for await (const _ of stopped) if (++deltas === 2) stopped.stop();
    assert.deepEqual([deltas, stopped.stopped, stopped.end, reply.stopped], [2, true, undefined, false]);
    const never = chat({ message: 'never asked' });
    never.stop();
    for await (const _ of never) assert.fail('It was stopped before it began.');
    const nobody = createClient({ baseUrl: 'http://127.0.0.1:1/' }); // a port that fetch refuses by itself
    await assert.rejects(nobody.summarize({ text: 'A text.' }), error => error instanceof GatewayError && error.code === 'network_error' && error.retryable && error.cause instanceof TypeError);
    const page = createServer((_, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await once(page, 'listening');
    const { summarize } = createClient({ baseUrl: `http://127.0.0.1:${page.address().port}/` });
    await assert.rejects(summarize({ text: 'A text.' }), error => error instanceof GatewayError && error.code === 'connection_lost' && error.cause instanceof SyntaxError);
    page.close();
    page.closeAllConnections();
  },

  async 'client.js, chatEvents'() {
    const { createClient } = await load();
    const { chatEvents } = createClient({ baseUrl: cutting });
    const seen = [];
    let reconnects = 0;
    const reply = chatEvents({ message: `question ${prompts++}` }, { EventSource, onDelta: delta => seen.push(delta), onReconnect: () => reconnects++ });
    const { text, finishReason } = await reply.done;
    assert.deepEqual([text, seen.join(''), finishReason, reconnects], [expected, expected, 'stop', 1]);

    const stopped = chatEvents({ message: `question ${prompts++}`, max_tokens: 2 }, { EventSource, onDelta: () => stopped.stop() });
    assert.equal((await stopped.done).stopped, true);
    await assert.rejects(chatEvents({ message: '' }, { EventSource }).done, { code: 'invalid_request' });
  },

  async 'client.js, summarize, classify and embeddings'() {
    const { createClient } = await load();
    const { summarize, classify, embeddings } = createClient({ baseUrl: direct });
    assert.equal((await summarize({ text: 'A text.' })).meta.cache, 'MISS');
    assert.equal((await summarize({ text: 'A text.' })).meta.cache, 'HIT');
    assert.ok((await summarize({ text: 'A text.' })).meta.costSavedUsd > 0);
    assert.equal((await classify({ text: 'A text.', categories: ['one', 'two'] })).category, 'one');
    const { embeddings: vectors, dimensions, meta } = await embeddings({ input: ['one', 'two'], dimensions: 4 });
    assert.deepEqual([vectors.length, vectors[0].length, dimensions, meta.cache], [2, 4, 4, 'MISS']);
    await assert.rejects(summarize({ text: '' }), error => error.code === 'invalid_request' && error.errors.text.length === 1);
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(`ok: ${name}`);
}
process.exit(0);

async function readByFetch(url, request) {
  const events = [];
  let errors = 0;
  await fetchEventSource(url.href, {
    ...request,
    fetch,
    openWhenHidden: true,
    onmessage: event => event.data && events.push(event),
    onerror: () => { errors++; },
  });
  assert.equal(textOf(events), expected);
  assert.equal(errors, 1);
  assert.equal(events.at(-1).data, '[DONE]');
}

function stream(address, query = {}) {
  const url = new URL('chat-stream', address);
  url.search = new URLSearchParams({ message: `question ${prompts++}`, ...query });
  return url;
}

function textOf(events) {
  return events.filter(event => event.data !== '[DONE]').map(event => JSON.parse(event.data).delta).join('');
}

/** As the gateway serves it. */
async function load() {
  const response = await fetch(new URL('client.js', direct));
  // What the module takes its own address for, a data URL has none of.
  const text = (await response.text()).replaceAll('import.meta.url', JSON.stringify(direct.href));
  return import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`);
}
