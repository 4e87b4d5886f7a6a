/**
 * Client of Diascribe's API for Node 18 and newer, and for browsers. Needs nothing but `fetch`.
 *
 * Every method answers what the server answers (JSON as objects); what goes wrong is thrown as a `DiascribeError` with
 * the server's problem details. Fields are named as in the server's `/openapi.json`.
 *
 * @module diascribe
 */

/**
 * A picture or another file: its bytes, or a `File`/`Blob`.
 * @typedef {Blob | ArrayBuffer | ArrayBufferView} Bytes
 *
 * @typedef {"auto" | "en" | "ru"} Language
 * @typedef {"json" | "text" | "table" | "markdown" | "csv" | "mermaid" | "bpmn"} Output
 *
 * @typedef {object} Node
 * @property {string} id
 * @property {string} type
 * @property {string} text
 * @property {number[] | null} bbox left, top, right, bottom in pixels of the upload
 * @property {string | null} lane
 * @property {number | null} confidence
 *
 * @typedef {object} Edge
 * @property {string} id
 * @property {string} source
 * @property {string} target
 * @property {string} text
 * @property {"sequence" | "message" | "association"} kind
 * @property {number[][]} points
 * @property {number | null} confidence
 *
 * @typedef {object} Lane
 * @property {string} id
 * @property {string} name
 * @property {string | null} parent
 * @property {number[] | null} bbox
 *
 * @typedef {object} Graph
 * @property {string} kind
 * @property {"en" | "ru"} language
 * @property {Node[]} nodes
 * @property {Edge[]} edges
 * @property {Lane[]} lanes
 *
 * @typedef {Graph & {title: string, text: string, steps: object[], engine: string, examples: object[],
 *   warnings: string[], timings: Record<string, number>, outputs: Record<string, string>}} Description
 *
 * @typedef {object} DescribeOptions
 * @property {string} [engine]
 * @property {Language} [language]
 * @property {Output[]} [formats] also these, in `outputs`
 * @property {number} [k] how many similar training diagrams may be told of
 * @property {boolean} [grounding] with the places of what was read
 * @property {number} [page] of a PDF or TIFF, from 1
 *
 * @typedef {object} Event
 * @property {"stage" | "token" | "result" | "error"} event
 * @property {any} data
 *
 * @typedef {object} CallOptions
 * @property {AbortSignal} [signal] ends the call, and the server's work for it
 * @property {Record<string, string>} [headers]
 */

/** What the server refused or could not do: RFC 9457 problem details. */
export class DiascribeError extends Error {
  /**
   * @param {number} status
   * @param {Record<string, any>} problem
   */
  constructor(status, problem) {
    super(problem.detail || problem.error?.message || problem.error || `the server answered ${status}`);
    this.name = "DiascribeError";
    /** HTTP status. */
    this.status = status;
    /** What to do about it. @type {string} */
    this.hint = problem.hint || "";
    /** Whether the same call may succeed later. @type {boolean} */
    this.retryable = Boolean(problem.retryable);
    /** All that the server told. */
    this.problem = problem;
  }
}

/** Resolves after so many milliseconds; rejects when the signal ends the call before. */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

export class Diascribe {
  /**
   * @param {object} [options]
   * @param {string} [options.url] where the server listens
   * @param {string} [options.key] an API key, where the server asks for one
   * @param {number} [options.patience] seconds in which a call that a busy server refuses is made again, each time when
   *   the server said; 0: never
   * @param {typeof fetch} [options.fetch] another `fetch`
   */
  constructor({ url = "http://127.0.0.1:8000", key = "", patience = 60, fetch: other = globalThis.fetch } = {}) {
    this.url = url.replace(/\/+$/, "");
    this.key = key;
    this.patience = patience;
    this.fetch = other;
  }

  // Pictures in

  /**
   * Describe the process diagram in a picture.
   * @param {Bytes} file
   * @param {DescribeOptions & CallOptions} [options]
   * @returns {Promise<Description>}
   */
  describe(file, options = {}) {
    return this.#json("POST", "/v1/describe", form({ file }, options), options);
  }

  /**
   * Describe a picture in one form: Markdown, Mermaid, BPMN XML …
   * @param {Bytes} file
   * @param {Output} format
   * @param {DescribeOptions & CallOptions} [options]
   * @returns {Promise<string>}
   */
  async describeAs(file, format, options = {}) {
    return (await this.#send("POST", "/v1/describe", form({ file }, { ...options, format }), options)).text();
  }

  /**
   * Describe a picture and hear of each stage; the last event is `result`.
   * @param {Bytes} file
   * @param {DescribeOptions & CallOptions} [options]
   * @returns {AsyncGenerator<Event>}
   */
  describeStream(file, options = {}) {
    return this.#events("/v1/describe", form({ file }, options), options);
  }

  /**
   * The text of a picture, line by line.
   * @param {Bytes} file
   * @param {{language?: Language, page?: number} & CallOptions} [options]
   */
  ocr(file, options = {}) {
    return this.#json("POST", "/v1/ocr", form({ file }, options), options);
  }

  /**
   * Training diagrams that words tell of, or that are like a picture.
   * @param {string | Bytes} what
   * @param {{k?: number} & CallOptions} [options]
   * @returns {Promise<{results: object[]}>}
   */
  search(what, options = {}) {
    const body = typeof what === "string" ? form({}, { ...options, text: what }) : form({ file: what }, options);
    return this.#json("POST", "/v1/search", body, options);
  }

  /**
   * Ask a model about a picture, or without one.
   * @param {string} prompt
   * @param {{file?: Bytes, history?: {question: string, answer: string}[], engine?: string, grounding?: boolean,
   *   max_tokens?: number, page?: number} & CallOptions} [options]
   * @returns {Promise<{answer: string, engine: string, finish: string, tokens: number | null}>}
   */
  ask(prompt, options = {}) {
    return this.#json("POST", "/v1/ask", question(prompt, options), options);
  }

  /**
   * Ask, and hear the answer as it is written: events `stage`, `token`, at last `result`.
   * @param {string} prompt
   * @param {Parameters<Diascribe["ask"]>[1]} [options]
   * @returns {AsyncGenerator<Event>}
   */
  askStream(prompt, options = {}) {
    return this.#events("/v1/ask", question(prompt, options), options);
  }

  // Texts in

  /**
   * Draw words, Mermaid, BPMN XML or a graph's JSON. Text forms (svg, mmd, bpmn, json) come as text, others as bytes.
   * @param {string} text
   * @param {{format?: "svg" | "png" | "pdf" | "mmd" | "bpmn" | "json", direction?: "TB" | "LR", theme?: string,
   *   scale?: number, background?: string} & CallOptions} [options]
   * @returns {Promise<string | Uint8Array>}
   */
  async draw(text, options = {}) {
    return drawn(await this.#send("POST", "/v1/draw", json({ text, format: "svg", ...fields(options) }), options));
  }

  /**
   * Draw Mermaid of any type.
   * @param {string} source
   * @param {{format?: "svg" | "png" | "pdf", theme?: string, scale?: number} & CallOptions} [options]
   * @returns {Promise<string | Uint8Array>}
   */
  async render(source, options = {}) {
    return drawn(await this.#send("POST", "/v1/render", json({ source, format: "svg", ...fields(options) }), options));
  }

  /**
   * Mermaid's verdict on a source.
   * @param {string} source
   * @param {{repair?: boolean} & CallOptions} [options]
   * @returns {Promise<{valid: boolean, line: number, column: number, message: string, hint: string, source: string}>}
   */
  validate(source, options = {}) {
    return this.#json("POST", "/v1/validate", json({ source, ...fields(options) }), options);
  }

  /**
   * Write a diagram in another notation.
   * @param {string} text
   * @param {"mmd" | "bpmn" | "json" | "dot"} to
   * @param {CallOptions} [options]
   * @returns {Promise<{to: string, content: string, warnings: string[]}>}
   */
  convert(text, to, options = {}) {
    return this.#json("POST", "/v1/convert", json({ text, to }), { ...options, accept: "application/json" });
  }

  // Batches

  /**
   * Describe many pictures (or those of one ZIP) in the background.
   * @param {Bytes[]} files
   * @param {{language?: Language, engine?: string, k?: number, webhook?: string, idempotencyKey?: string}
   *   & CallOptions} [options]
   * @returns {Promise<{id: string, state: string, total: number, done: number, failed: number}>}
   */
  batch(files, options = {}) {
    const { idempotencyKey, ...rest } = options;
    const headers = { ...rest.headers, ...(idempotencyKey ? { "idempotency-key": idempotencyKey } : {}) };
    return this.#json("POST", "/v1/batches", form({ files }, rest), { ...rest, headers });
  }

  /** @param {CallOptions & Record<string, any>} [options] */
  batches(options = {}) {
    return this.#json("GET", `/v1/batches${query(options)}`, null, options);
  }

  /** @param {string} id */
  batchState(id) {
    return this.#json("GET", `/v1/batches/${part(id)}`);
  }

  /** @param {string} id @param {Record<string, any>} [options] */
  batchItems(id, options = {}) {
    return this.#json("GET", `/v1/batches/${part(id)}/items${query(options)}`, null, options);
  }

  /**
   * The results of a batch, one by one as they come.
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {AsyncGenerator<any>}
   */
  async *batchResults(id, options = {}) {
    const reply = await this.#send("GET", `/v1/batches/${part(id)}/results`, null, options);
    for await (const line of lines(reply)) if (line.trim()) yield JSON.parse(line);
  }

  /** @param {string} id @param {"zip" | "csv" | "xlsx"} [format] @returns {Promise<Uint8Array>} */
  async batchExport(id, format = "zip") {
    return bytes(await this.#send("GET", `/v1/batches/${part(id)}/export?format=${part(format)}`));
  }

  /** @param {string} id */
  cancelBatch(id) {
    return this.#json("POST", `/v1/batches/${part(id)}/cancel`);
  }

  /** @param {string} id */
  retryBatch(id) {
    return this.#json("POST", `/v1/batches/${part(id)}/retry`);
  }

  /** Cancel and forget a batch; its results stay in the history. @param {string} id */
  async removeBatch(id) {
    await this.#send("DELETE", `/v1/batches/${part(id)}`);
  }

  // History

  /**
   * Earlier descriptions.
   * @param {{query?: string, kind?: string, language?: string, limit?: number, offset?: number} & CallOptions} [options]
   * @returns {Promise<{total: number, entries: object[]}>}
   */
  history(options = {}) {
    return this.#json("GET", `/v1/history${query(options)}`, null, options);
  }

  /** @param {string} id */
  historyEntry(id) {
    return this.#json("GET", `/v1/history/${part(id)}`);
  }

  /** @param {string} id @returns {Promise<Uint8Array>} */
  async historyImage(id) {
    return bytes(await this.#send("GET", `/v1/history/${part(id)}/image`));
  }

  /** @param {string} id */
  async forget(id) {
    await this.#send("DELETE", `/v1/history/${part(id)}`);
  }

  /** Forget all descriptions. @returns {Promise<{deleted: number}>} */
  forgetAll() {
    return this.#json("DELETE", "/v1/history?all=true");
  }

  /** @param {"zip" | "csv" | "xlsx" | "jsonl"} [format] @param {Record<string, any>} [options] */
  async historyExport(format = "zip", options = {}) {
    return bytes(await this.#send("GET", `/v1/history/export${query({ ...options, format })}`, null, options));
  }

  // Training diagrams

  /**
   * @param {{limit?: number, offset?: number, language?: string, kind?: string, query?: string, own?: boolean}
   *   & CallOptions} [options]
   * @returns {Promise<{total: number, examples: object[]}>}
   */
  examples(options = {}) {
    return this.#json("GET", `/v1/examples${query(options)}`, null, options);
  }

  /**
   * Take in a picture with its (corrected) graph; it is found from then on.
   * @param {Bytes} file
   * @param {Graph} graph
   * @param {{id?: string, title?: string, process?: string, source?: string, licence?: string, replace?: boolean}
   *   & CallOptions} [options]
   */
  addExample(file, graph, options = {}) {
    const body = form({ file }, { ...options, graph: JSON.stringify(graph) });
    return this.#json("POST", "/v1/examples", body, options);
  }

  /** @param {string} id */
  example(id) {
    return this.#json("GET", `/v1/examples/${part(id)}`);
  }

  /** @param {string} id @returns {Promise<Uint8Array>} */
  async exampleImage(id) {
    return bytes(await this.#send("GET", `/v1/examples/${part(id)}/image`));
  }

  /** @param {string} id */
  removeExample(id) {
    return this.#json("DELETE", `/v1/examples/${part(id)}`);
  }

  /** What the index holds, and how a build goes. */
  index() {
    return this.#json("GET", "/v1/index");
  }

  /** Begin to build the index. @param {{rebuild?: boolean}} [options] */
  buildIndex(options = {}) {
    return this.#json("POST", `/v1/index/build${query(options)}`);
  }

  // Models

  /** What can read pictures here, and all models with how each stands. */
  models() {
    return this.#json("GET", "/models");
  }

  /** @param {string} name */
  modelState(name) {
    return this.#json("GET", `/models/${part(name)}`);
  }

  /** @param {string} name */
  loadModel(name) {
    return this.#json("POST", `/models/${part(name)}/load`);
  }

  /** @param {string} name */
  downloadModel(name) {
    return this.#json("POST", `/models/${part(name)}/download`);
  }

  /** @param {string} name @param {{weights?: boolean}} [options] delete the weights from the disk too */
  freeModel(name, options = {}) {
    return this.#json("DELETE", `/models/${part(name)}${query(options)}`);
  }

  /**
   * OpenAI's chat completions.
   * @param {{model?: string, messages: object[], [more: string]: any}} request
   * @param {CallOptions} [options]
   */
  complete(request, options = {}) {
    return this.#json("POST", "/v1/chat/completions", json({ ...request, stream: false }), options);
  }

  /**
   * OpenAI's chat completions, chunk by chunk.
   * @param {{model?: string, messages: object[], [more: string]: any}} request
   * @param {CallOptions} [options]
   * @returns {AsyncGenerator<any>}
   */
  async *completeStream(request, options = {}) {
    const body = json({ ...request, stream: true });
    for await (const { data } of this.#raw("/v1/chat/completions", body, options)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new DiascribeError(502, chunk);
      yield chunk;
    }
  }

  /** The models that can be asked, as OpenAI lists them. */
  askable() {
    return this.#json("GET", "/v1/models");
  }

  /** @param {string} name */
  askableModel(name) {
    return this.#json("GET", `/v1/models/${name.split("/").map(part).join("/")}`);
  }

  // The forms of other services

  /** @param {string} image base64 @param {string} [prompt] @returns {Promise<{success: boolean, analysis?: string}>} */
  analyze(image, prompt = "") {
    return this.#json("POST", "/analyze", json({ image_base64: image, prompt }));
  }

  /** @param {Bytes} file @param {{model?: string, language?: string}} [options] */
  plainOcr(file, options = {}) {
    return this.#json("POST", `/ocr${query(options)}`, form({ file }, {}));
  }

  /** @param {Bytes[]} files @param {{model?: string, language?: string}} [options] */
  plainOcrOfMany(files, options = {}) {
    return this.#json("POST", `/batch/ocr${query(options)}`, form({ files }, {}));
  }

  /**
   * @param {Bytes} file
   * @param {string} prompt
   * @param {{model?: string, temperature?: number, max_tokens?: number}} [options]
   * @returns {Promise<{response: string, model: string, processing_time: number, prompt: string}>}
   */
  chat(file, prompt, { model, ...rest } = {}) {
    return this.#json("POST", `/chat${query(rest)}`, form({ file }, { prompt, model }));
  }

  // For whoever runs the service

  health() {
    return this.#json("GET", "/health");
  }

  /** Whether requests can be served now; also where they cannot. */
  async ready() {
    const reply = await this.#reply("GET", "/ready", null, {});
    return reply.json();
  }

  load() {
    return this.#json("GET", "/load");
  }

  gpu() {
    return this.#json("GET", "/gpu");
  }

  /** What is installed on the server's machine, what is not, and what mends it. */
  doctor() {
    return this.#json("GET", "/doctor");
  }

  /** What reads pictures. */
  model() {
    return this.#json("GET", "/model");
  }

  /** For Prometheus. @returns {Promise<string>} */
  async metrics() {
    return (await this.#send("GET", "/metrics")).text();
  }

  async #json(method, path, body = null, options = {}) {
    return (await this.#send(method, path, body, { accept: "application/json", ...options })).json();
  }

  async #send(method, path, body = null, options = {}) {
    const until = Date.now() + 1000 * this.patience;
    let reply = await this.#reply(method, path, body, options);
    for (let wait; reply.status === 429; reply = await this.#reply(method, path, body, options)) {
      wait = 1000 * Number(reply.headers.get("retry-after") ?? Infinity);
      if (!(Date.now() + wait <= until)) break;
      await reply.body?.cancel();
      await pause(wait, options.signal);
    }
    if (reply.ok) return reply;
    const text = await reply.text();
    let problem = { detail: text.slice(0, 500) };
    try {
      problem = JSON.parse(text);
    } catch {
      // not one of the server's own: something between us answered
    }
    throw new DiascribeError(reply.status, problem);
  }

  #reply(method, path, body, { accept = "*/*", headers = {}, signal = undefined } = {}) {
    const key = this.key ? { authorization: `Bearer ${this.key}` } : {};
    const kind = typeof body === "string" ? { "content-type": "application/json" } : {};
    const send = this.fetch;
    return send(this.url + path, { method, body, signal, headers: { accept, ...key, ...kind, ...headers } });
  }

  async *#events(path, body, options) {
    for await (const { event, data } of this.#raw(path, body, { ...options, accept: "text/event-stream" })) {
      const told = JSON.parse(data);
      if (event === "error") throw new DiascribeError(told.status, told);
      yield { event, data: told };
    }
  }

  async *#raw(path, body, options) {
    const reply = await this.#send("POST", path, body, options);
    let event = "message";
    let data = [];
    for await (const line of lines(reply)) {
      if (line === "") {
        if (data.length) yield { event, data: data.join("\n") };
        event = "message";
        data = [];
      } else if (line.startsWith("event:")) {
        event = line.slice(6).trim();
      } else if (line.startsWith("data:")) {
        data.push(line.slice(5).replace(/^ /, ""));
      }
    }
  }
}

const CALL = new Set(["signal", "headers", "accept"]);

/** The options that are fields of the request. */
function fields(options) {
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => !CALL.has(name) && value !== undefined));
}

function json(body) {
  return JSON.stringify(body);
}

function query(options) {
  const text = new URLSearchParams(fields(options)).toString();
  return text && `?${text}`;
}

function part(name) {
  return encodeURIComponent(name);
}

function form(files, options) {
  const body = new FormData();
  for (const [name, given] of Object.entries(files)) {
    for (const file of Array.isArray(given) ? given : [given]) {
      const blob = file instanceof Blob ? file : new Blob([file]);
      body.append(name, blob, blob.name || "file");
    }
  }
  for (const [name, value] of Object.entries(fields(options))) body.append(name, String(value));
  return body;
}

function question(prompt, { file, history, ...rest }) {
  const said = history ? { history: JSON.stringify(history) } : {};
  return form(file ? { file } : {}, { ...rest, prompt, ...said });
}

async function bytes(reply) {
  return new Uint8Array(await reply.arrayBuffer());
}

async function drawn(reply) {
  const kind = reply.headers.get("content-type") || "";
  return /^image\/png|pdf/.test(kind) ? bytes(reply) : reply.text();
}

async function* lines(reply) {
  const decoder = new TextDecoder();
  let rest = "";
  const reader = reply.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const found = rest.split(/\r?\n/);
      rest = found.pop();
      yield* found;
      if (done) break;
    }
    if (rest) yield rest;
  } finally {
    await reader.cancel().catch(() => {});
  }
}
