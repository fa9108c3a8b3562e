/**
 * The client of LlmGateway for browsers and for Node 20 and later. No dependencies.
 *
 *   import { summarize, classify, embeddings, chat, chatEvents } from 'https://gateway.example.com/client.js';
 *
 * The functions call the gateway that served this file. For another one: createClient({ baseUrl }).
 */

/** A failure, with the fields of the gateway's problem body; `cause` is what fetch threw where there was no answer. */
export class GatewayError extends Error {
  constructor(message, { code = 'unknown', status, retryable = false, retryAfterMs, requestId, errors, cause } = {}) {
    super(message, cause && { cause });
    this.name = 'GatewayError';
    Object.assign(this, { code, status, retryable, retryAfterMs, requestId, errors });
  }
}

export function createClient({ baseUrl = new URL('.', import.meta.url), headers = {} } = {}) {
  const address = (path, query) => {
    const url = new URL(path, baseUrl);
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, '1');
    return url;
  };

  const post = async (path, query, body, accept, signal) => {
    const url = address(path, query);
    const asked = { method: 'POST', headers: { ...headers, 'content-type': 'application/json', accept }, body: JSON.stringify(body), signal };
    // What the caller got wrong is a TypeError too, and is thrown here. It is not what is sent: in Node a request's signal aborts nothing once nobody holds the request.
    new Request(url, { ...asked, signal: undefined });
    const response = await fetch(url, asked).catch(unreachable(signal));
    if (!response.ok) throw await failure(response, signal);
    return response;
  };

  const ask = async (path, request, { fresh, signal } = {}) => {
    const response = await post(path, { fresh }, request, 'application/json', signal);
    return { ...(await response.json().catch(broken(signal))), meta: metaOf(response) };
  };

  return {
    /** A text in, two or three sentences out. */
    summarize: (request, options) => ask('summarize', request, options),

    /** A text in, one of the categories out. */
    classify: (request, options) => ask('classify', request, options),

    /** Texts in, vectors out. */
    embeddings: (request, options) => ask('embeddings', request, options),

    /**
     * A reply, piece by piece: for await (const delta of chat({ message })) …
     * Leaving the loop, or aborting the signal, stops the model.
     */
    chat: (request, { fresh, signal } = {}) => new Reply(
      signal => post('chat-stream', { fresh }, request, 'text/event-stream', signal), signal),

    /**
     * The same by EventSource, which reconnects by itself: the reply goes on where it broke off, and is paid for once.
     * The prompt goes ahead in a POST; the address that EventSource opens holds a ticket, good for this one stream.
     */
    chatEvents: (request, { fresh, resume = true, onDelta, onOpen, onReconnect, EventSource = globalThis.EventSource } = {}) => {
      if (!EventSource) throw new TypeError('There is no EventSource here: pass one as an option, that of the npm package eventsource for example.');
      let source, streamId, stopped = false, text = '', end, error;
      let settle, fail;
      const done = new Promise((resolve, reject) => [settle, fail] = [resolve, reject]);
      done.catch(() => {}); // whoever does not ask how it ended need not handle it
      const close = () => source?.close();
      const result = () => ({ text, stopped, ...end });

      const listen = url => {
        source = new EventSource(url);
        source.onopen = () => onOpen?.();
        source.onmessage = event => {
          streamId = event.lastEventId.split(':')[0];
          if (event.data === '[DONE]') {
            close(); // without this the browser would come back for more
            return error ? fail(error) : settle(result());
          }
          const frame = JSON.parse(event.data);
          if (frame.error) error = new GatewayError(frame.error.message, frame.error);
          else if (frame.finish_reason) end = endOf(frame);
          if (!frame.delta) return;
          text += frame.delta;
          onDelta?.(frame.delta, text);
        };
        source.onerror = () => {
          if (source.readyState === EventSource.CONNECTING) return onReconnect?.();
          close();
          fail(error ?? new GatewayError('The stream was refused, or is not known any more.', { code: 'stream_lost', retryable: true }));
        };
      };

      post('chat-stream/tickets', { fresh, resume }, request, 'application/json')
        .then(response => response.json().catch(broken()))
        .then(({ ticket }) => {
          if (stopped) return;
          const url = new URL('chat-stream', baseUrl);
          url.searchParams.set('ticket', ticket);
          listen(url);
        })
        .catch(fail);

      return {
        /** Settles with { text, finishReason, usage, costUsd, … } when the reply is over. */
        done,
        get streamId() { return streamId; },
        /** Stops the reply, and the model. */
        stop() {
          if (stopped) return;
          stopped = true;
          close();
          if (streamId) fetch(new URL(`streams/${streamId}`, baseUrl), { method: 'DELETE', headers, keepalive: true }).catch(() => {});
          settle(result());
        },
      };
    },
  };
}

export const { summarize, classify, embeddings, chat, chatEvents } = createClient();

/** An answer under way: iterate over it once. */
class Reply {
  #open;
  #signal;
  #abort = new AbortController();
  #begun = false;
  #over = false;

  constructor(open, signal) {
    this.#open = open;
    this.#signal = signal;
  }

  /** From the headers, once the first piece is there. */
  meta;

  /** From the last frame, once the reply is over. */
  end;

  /** Whether stop() ended it. */
  stopped = false;

  /** Stops the reply, and the model: the loop ends. */
  stop() {
    if (this.#over || this.#abort.signal.aborted) return;
    this.stopped = true;
    this.#abort.abort();
  }

  async *[Symbol.asyncIterator]() {
    if (this.#begun) throw new TypeError('A reply is iterated over once: call chat() for another one.');
    this.#begun = true;
    const abort = () => this.#abort.abort(this.#signal.reason);
    if (this.#signal?.aborted) abort();
    this.#signal?.addEventListener('abort', abort);
    try {
      const response = await this.#open(this.#abort.signal);
      this.meta = metaOf(response);
      for await (const data of events(response.body, this.#abort.signal)) {
        if (data === '[DONE]') return;
        const frame = JSON.parse(data);
        if (frame.error) throw new GatewayError(frame.error.message, frame.error);
        if (frame.finish_reason) this.end = endOf(frame);
        if (frame.delta) yield frame.delta;
        this.#abort.signal.throwIfAborted(); // though more may have come by then
      }
      broken(this.#abort.signal)();
    } catch (error) {
      if (!this.stopped) throw error;
    } finally {
      this.#over = true;
      this.#signal?.removeEventListener('abort', abort); // it may be there for many replies
      this.#abort.abort(); // whoever leaves early closes the connection; after the end it does nothing
    }
  }
}

/** The data of each event. A frame ends with an empty line, and its lines are the gateway's: none of them is folded. */
async function* events(body, signal) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let rest = ''; ;) {
      const { done, value } = await reader.read().catch(broken(signal));
      if (done) return;
      const frames = (rest + value).split('\n\n');
      rest = frames.pop();
      for (const frame of frames) {
        const data = frame.split('\n').find(line => line.startsWith('data: '));
        if (data) yield data.slice('data: '.length);
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // closes the connection, whoever leaves and why
  }
}

/** What fetch and its body throw says neither in words nor in a code what happened. */
const unreachable = signal => lost(signal, 'network_error', 'The gateway cannot be reached, or does not let this page read its answers.');
const broken = signal => lost(signal, 'connection_lost', 'The connection broke before the end of the answer.');

const lost = (signal, code, message) => cause => {
  signal?.throwIfAborted(); // with the caller's own reason
  throw !cause || cause instanceof TypeError || cause instanceof SyntaxError ? new GatewayError(message, { code, retryable: true, cause }) : cause;
};

async function failure(response, signal) {
  const problem = await response.json().catch(() => ({}));
  signal?.throwIfAborted();
  return new GatewayError(problem.detail ?? `The gateway answered ${response.status}.`, {
    code: problem.code,
    status: response.status,
    retryable: problem.retryable,
    retryAfterMs: problem.retry_after_ms,
    requestId: problem.request_id ?? response.headers.get('x-request-id') ?? undefined,
    errors: problem.errors,
  });
}

const endOf = ({ finish_reason, model, usage, cost_usd, cost_saved_usd }) => ({
  finishReason: finish_reason,
  model,
  usage: usage && { inputTokens: usage.input_tokens, outputTokens: usage.output_tokens },
  costUsd: cost_usd,
  costSavedUsd: cost_saved_usd,
});

function metaOf({ headers }) {
  const text = name => headers.get(name) ?? undefined;
  const number = name => headers.has(name) ? Number(headers.get(name)) : undefined;
  return {
    requestId: text('x-request-id'),
    streamId: text('x-stream-id'),
    cache: text('x-cache'),
    model: text('x-model'),
    provider: text('x-provider'),
    attempts: number('x-attempts'),
    inputTokens: number('x-tokens-input'),
    outputTokens: number('x-tokens-output'),
    costUsd: number('x-cost-usd'),
    costSavedUsd: number('x-cost-saved-usd'),
    messagesDropped: number('x-messages-dropped'),
  };
}
