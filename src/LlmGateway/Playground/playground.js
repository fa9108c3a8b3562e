// The page is an example of its own client: whatever it does, yours can do the same way.
import { summarize, classify, chat, chatEvents } from './client.js';

const $ = (selector, root = document) => root.querySelector(selector);
const base = new URL('.', import.meta.url);

theme();
tabs();
tool('summarize', runSummarize);
tool('chat', runChat);
tool('classify', runClassify);

async function runSummarize(panel, form, clock) {
  const request = { text: form.text.value };
  const options = form.fresh.checked ? { fresh: true } : {};
  offer(panel, curl('summarize', request, options), javaScript('summarize', request, options, 'const { summary } = ', 'console.log(summary);'));
  const answer = await summarize(request, options);
  $('.text', panel).textContent = answer.summary;
  show(panel, { ...factsOf(answer.meta, clock), Read: [`${answer.input_tokens} tokens`, answer.truncated ? 'its beginning alone' : answer.chunks > 1 ? `in ${answer.chunks} pieces` : ''] });
}

async function runClassify(panel, form, clock) {
  const categories = form.categories.value.split('\n').map(line => line.trim()).filter(Boolean);
  const request = { text: form.text.value, ...(categories.length ? { categories } : {}) };
  const options = form.fresh.checked ? { fresh: true } : {};
  offer(panel, curl('classify', request, options), javaScript('classify', request, options, 'const { category, confidence } = ', 'console.log(category, confidence);'));
  $('.confidence', panel).hidden = true;
  const answer = await classify(request, options);
  $('.text', panel).textContent = answer.category;
  const percent = Math.round(answer.confidence * 100);
  const bar = $('.bar', panel);
  $('.confidence', panel).hidden = false;
  bar.setAttribute('aria-valuenow', percent);
  bar.firstElementChild.style.width = `${percent}%`;
  $('output', panel).textContent = `${percent} %`;
  show(panel, factsOf(answer.meta, clock));
}

const messages = [];

async function runChat(panel, form, clock) {
  const log = $('#chat-log');
  const system = form.system.value.trim();
  messages.push({ role: 'user', content: form.message.value });
  const request = { ...(system ? { system } : {}), messages: [...messages] };
  const options = form.fresh.checked ? { fresh: true } : {};
  const byEvents = form.transport.value === 'events';
  const asked = say('user', form.message.value);
  const reply = say('assistant', '');
  reply.classList.add('writing');
  form.message.value = '';
  offer(panel, curl('chat-stream', request, options, '-N'), byEvents ? eventsScript(request, options) : streamScript(request, options));

  const stop = $('#chat-stop');
  stop.hidden = false;
  let firstToken, reconnects = 0, text = '';
  const onDelta = delta => {
    firstToken ??= clock();
    text += delta;
    const followed = isAtEnd();
    reply.append(delta);
    if (followed) follow();
    state('writing');
  };

  state('waiting');
  let meta = {}, end = {}, stopped = false, isCleared = false;
  try {
    if (byEvents) {
      const events = chatEvents(request, { ...options, onDelta, onReconnect: () => (reconnects++, state('reconnecting')) });
      stop.onclick = () => events.stop();
      end = await events.done;
      stopped = end.stopped;
    } else {
      const stream = chat(request, options);
      stop.onclick = () => stream.stop();
      for await (const delta of stream) onDelta(delta);
      ({ meta = {}, end = {}, stopped } = stream);
    }
    state(stopped ? 'stopped' : 'done');
  } catch (error) {
    state('failed');
    throw error;
  } finally {
    stop.hidden = true;
    reply.classList.remove('writing');
    isCleared = !asked.isConnected; // a new conversation has begun
    if (!isCleared && text) {
      // What the user has seen is what the next question is about.
      messages.push({ role: 'assistant', content: text });
    } else if (!isCleared) {
      // What nobody answered can be asked again.
      messages.pop();
      form.message.value ||= asked.textContent;
      asked.remove();
      reply.remove();
    }
    form.message.focus({ preventScroll: true }); // on a phone it is above the reply
  }
  if (isCleared) return state('');
  show(panel, {
    ...factsOf({
      ...meta,
      inputTokens: end.usage?.inputTokens,
      outputTokens: end.usage?.outputTokens,
      costUsd: end.costUsd,
      costSavedUsd: end.costSavedUsd,
      model: end.model ?? meta.model,
      // EventSource shows no headers; that a reply was free says as much.
      cache: meta.cache ?? (end.costSavedUsd === undefined ? end.finishReason && 'MISS' : 'HIT'),
    }, clock, firstToken),
    ...(reconnects ? { Reconnects: [String(reconnects), 'nothing lost'] } : {}),
  });
  return end;

  function say(role, content) {
    const item = document.createElement('li');
    item.className = role;
    item.textContent = content;
    log.append(item);
    follow();
    return item;
  }

  // The log scrolls where it is beside the form, and the page where it is below.
  function isAtEnd() {
    const { bottom } = log.lastElementChild.getBoundingClientRect();
    return log.scrollHeight - log.scrollTop - log.clientHeight < 40 && bottom < innerHeight + 40;
  }

  function follow() {
    log.scrollTop = log.scrollHeight;
    log.lastElementChild.scrollIntoView({ block: 'nearest' });
  }
}

$('#chat-clear').onclick = () => {
  if (!$('#chat-stop').hidden) $('#chat-stop').click();
  messages.length = 0;
  $('#chat-log').replaceChildren();
  $('.facts', $('#chat')).replaceChildren();
  $('.copies', $('#chat')).hidden = true;
  state('');
  $('#chat-message').focus();
};

function state(name) {
  const words = { waiting: 'waiting', writing: 'streaming', reconnecting: 'connection lost, reconnecting…', done: 'complete', stopped: 'stopped', failed: 'failed', '': '' };
  const badge = $('#chat-state');
  if (badge.dataset.state === name) return;
  badge.dataset.state = name;
  badge.textContent = words[name];
}

/** A form that runs one thing at a time, says what went wrong, and takes Ctrl+Enter. */
function tool(id, run) {
  const panel = document.getElementById(id);
  const form = $('form', panel);
  const button = $('.primary', panel);
  form.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener('submit', async event => {
    event.preventDefault();
    if (button.disabled || isBlank(form)) return;
    button.disabled = true;
    panel.setAttribute('aria-busy', 'true');
    $('.error', panel)?.remove();
    $('.facts', panel).replaceChildren();
    const text = $('.text', panel);
    if (text) text.textContent = '';
    const started = performance.now();
    try {
      await run(panel, form.elements, () => performance.now() - started);
    } catch (error) {
      const place = document.createElement('p');
      place.className = 'error';
      place.setAttribute('role', 'alert');
      place.textContent = error.code ? `${error.message} (${error.code})` : 'The gateway cannot be reached.';
      $('.facts', panel).before(place);
    } finally {
      button.disabled = false;
      panel.removeAttribute('aria-busy');
    }
  });
}

/** What is required may not be spaces alone, and the browser would take those. */
function isBlank(form) {
  const blank = [...form.elements].find(field => field.required && !field.value.trim());
  if (!blank) return false;
  blank.addEventListener('input', () => blank.setCustomValidity(''), { once: true });
  blank.setCustomValidity('There is nothing but space here.');
  blank.reportValidity();
  return true;
}

function factsOf(meta, clock, firstToken) {
  const ms = value => value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
  const cache = { HIT: 'stored', MISS: 'new', COALESCED: 'shared', BYPASS: 'asked anew', STALE: 'stored, past its time' };
  const facts = {};
  if (meta.cache) facts.Cache = [meta.cache, cache[meta.cache]];
  if (meta.costUsd !== undefined) facts.Cost = [dollars(meta.costUsd), meta.costSavedUsd ? `saved ${dollars(meta.costSavedUsd)}` : ''];
  if (meta.inputTokens !== undefined) facts.Tokens = [`${meta.inputTokens} + ${meta.outputTokens}`, 'in + out'];
  const total = clock();
  facts['First token'] = [ms(firstToken ?? total), firstToken === undefined ? 'in one piece' : `all in ${ms(total)}`];
  if (meta.model) facts.Model = [meta.model, meta.provider ? `by ${meta.provider}` : ''];
  if (meta.provider === 'offline') $('#offline').hidden = false;
  return facts;
}

function dollars(value) {
  return value === 0 ? '$0' : `$${value.toFixed(7).replace(/0+$/, '')}`;
}

function show(panel, facts) {
  $('.facts', panel).replaceChildren(...Object.entries(facts).map(([name, [value, note]]) => {
    const item = document.createElement('div');
    const term = document.createElement('dt');
    const detail = document.createElement('dd');
    term.textContent = name;
    detail.textContent = value;
    if (note) detail.append(Object.assign(document.createElement('small'), { textContent: note }));
    item.append(term, detail);
    return item;
  }));
}

function offer(panel, asCurl, asJavaScript) {
  const copies = $('.copies', panel);
  copies.replaceChildren(copy('Copy as curl', asCurl), copy('Copy as JavaScript', asJavaScript));
  copies.hidden = false;
}

function copy(label, text) {
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'quiet', textContent: label });
  button.dataset.copy = text;
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Not allowed by the browser';
    }
    setTimeout(() => button.textContent = label, 1500);
  };
  return button;
}

function curl(path, request, { fresh }, more = '') {
  const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;
  const url = new URL(path, base);
  if (fresh) url.searchParams.set('fresh', '1');
  return `curl ${more ? more + ' ' : ''}${quoted(url.href)} -H 'content-type: application/json' -d ${quoted(JSON.stringify(request))}`;
}

function javaScript(name, request, options, take, then) {
  return `import { ${name} } from '${new URL('client.js', base)}';\n\n${take}await ${name}(${call(request, options)});\n${then}\n`;
}

function streamScript(request, options) {
  return `import { chat } from '${new URL('client.js', base)}';\n\nfor await (const delta of chat(${call(request, options)})) document.body.append(delta);\n`;
}

function eventsScript(request, options) {
  const all = { ...options, onDelta: 0 };
  const shown = JSON.stringify(all, null, 2).replace('"onDelta": 0', 'onDelta: delta => document.body.append(delta)');
  return `import { chatEvents } from '${new URL('client.js', base)}';\n\nconst reply = chatEvents(${JSON.stringify(request, null, 2)}, ${shown});\nawait reply.done; // reply.stop() stops it\n`;
}

function call(request, options) {
  return JSON.stringify(request, null, 2) + (Object.keys(options).length ? `, ${JSON.stringify(options)}` : '');
}

/** As the standard has it: arrows move, Home and End jump, one tab is in the order of Tab. */
function tabs() {
  const all = [...document.querySelectorAll('[role="tab"]')];
  const select = (tab, focus) => {
    for (const other of all) {
      const chosen = other === tab;
      other.setAttribute('aria-selected', chosen);
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute('aria-controls')).hidden = !chosen;
    }
    if (focus) tab.focus();
    history.replaceState(null, '', `#${tab.getAttribute('aria-controls')}`);
  };
  for (const tab of all) {
    tab.onclick = () => select(tab);
    tab.onkeydown = event => {
      const at = all.indexOf(tab);
      const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      select(all.at(next % all.length), true);
    };
  }
  const asked = all.find(tab => location.hash === `#${tab.getAttribute('aria-controls')}`);
  if (asked) select(asked);
}

function theme() {
  const root = document.documentElement;
  const kept = localStorage.getItem('theme');
  if (kept) root.dataset.theme = kept;
  $('#theme').onclick = () => {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    localStorage.setItem('theme', root.dataset.theme = dark ? 'light' : 'dark');
  };
}
