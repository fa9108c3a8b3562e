export interface ClientOptions {
  /** Where the gateway is, with a slash at the end; where this module came from unless told. */
  baseUrl?: string | URL;
  /** Sent with each request but those of EventSource, which can send none. */
  headers?: Record<string, string>;
}

export interface CallOptions {
  /** Asks the model even if the answer is stored. */
  fresh?: boolean;
  /** Stops the call. */
  signal?: AbortSignal;
}

/** What the headers of an answer say; undefined where they do not. */
export interface Meta {
  requestId?: string;
  streamId?: string;
  cache?: 'MISS' | 'HIT' | 'COALESCED' | 'BYPASS' | 'STALE';
  model?: string;
  provider?: string;
  attempts?: number;
  inputTokens?: number;
  outputTokens?: number;
  costUsd?: number;
  costSavedUsd?: number;
  /** Turns that were left out of a conversation, with `overflow: 'drop_oldest'`. */
  messagesDropped?: number;
}

export interface SummarizeRequest {
  text: string;
  model?: string;
  max_tokens?: number;
  long_input?: 'auto' | 'truncate' | 'map_reduce';
}

export interface Summary {
  summary: string;
  model: string;
  truncated: boolean;
  input_tokens: number;
  chunks: number;
  meta: Meta;
}

export interface ClassifyRequest {
  text: string;
  categories?: (string | { name: string; description?: string })[];
  model?: string;
}

export interface Classification {
  category: string;
  /** 0 to 1. */
  confidence: number;
  model: string;
  meta: Meta;
}

export interface EmbeddingsRequest {
  /** A text, or several. */
  input: string | string[];
  model?: string;
  /** The length of each vector; the model's own unless told. */
  dimensions?: number;
}

export interface Vectors {
  /** One for each text, in their order. */
  embeddings: number[][];
  model: string;
  dimensions: number;
  meta: Meta;
}

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ChatRequest {
  /** One message of the user's; instead of messages. */
  message?: string;
  messages?: ChatMessage[];
  system?: string;
  model?: string;
  max_tokens?: number;
  temperature?: number;
  /** What becomes of a conversation that does not fit the model: refused unless told. */
  overflow?: 'error' | 'drop_oldest';
}

export interface ReplyEnd {
  /** `stop` for a whole reply, `length` for one cut short. */
  finishReason: string;
  model: string;
  usage?: { inputTokens: number; outputTokens: number };
  costUsd?: number;
  costSavedUsd?: number;
}

/**
 * A reply under way: iterate over it once. Leaving the loop stops the model; so does aborting the signal, after which the loop throws the
 * signal's reason.
 */
export interface Reply extends AsyncIterable<string> {
  /** Once the first piece is there. */
  readonly meta?: Meta;
  /** Once the reply is over. */
  readonly end?: ReplyEnd;
  /** Whether stop() ended it. */
  readonly stopped: boolean;
  /** Stops the reply, and the model: the loop ends. */
  stop(): void;
}

export interface ChatEventsOptions {
  fresh?: boolean;
  /** Keeps the model running for a while when the connection is lost; true unless told. */
  resume?: boolean;
  /** A piece, and all the text so far. */
  onDelta?(delta: string, text: string): void;
  onOpen?(): void;
  /** The connection was lost; the browser comes back for the rest. */
  onReconnect?(): void;
  /** For places that have none of their own. */
  EventSource?: typeof globalThis.EventSource;
}

export interface ChatEvents {
  /** Settles when the reply is over, or was stopped; rejects with a GatewayError. */
  readonly done: Promise<{ text: string; stopped: boolean } & Partial<ReplyEnd>>;
  readonly streamId?: string;
  /** Stops the reply, and the model. */
  stop(): void;
}

/** A failure, with the fields of the gateway's problem body. */
export class GatewayError extends Error {
  /**
   * The gateway's, or one of three that are this client's: `network_error`, the gateway cannot be reached, or does not let this page read its
   * answers; `connection_lost`, the connection broke before the end of the answer; `stream_lost`, a stream by EventSource was refused, or is
   * not known any more.
   */
  readonly code: string;
  readonly status?: number;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly requestId?: string;
  /** What is wrong with which field. */
  readonly errors?: Record<string, string[]>;
  /** Where there was no answer: what fetch threw. */
  readonly cause?: unknown;
}

export interface Client {
  summarize(request: SummarizeRequest, options?: CallOptions): Promise<Summary>;
  classify(request: ClassifyRequest, options?: CallOptions): Promise<Classification>;
  embeddings(request: EmbeddingsRequest, options?: CallOptions): Promise<Vectors>;
  chat(request: ChatRequest, options?: CallOptions): Reply;
  chatEvents(request: ChatRequest, options?: ChatEventsOptions): ChatEvents;
}

export function createClient(options?: ClientOptions): Client;
export const summarize: Client['summarize'];
export const classify: Client['classify'];
export const embeddings: Client['embeddings'];
export const chat: Client['chat'];
export const chatEvents: Client['chatEvents'];
