// Against a running server: DIASCRIBE_URL=http://127.0.0.1:8000 node --test test.mjs. PICTURE names a picture of a
// diagram; MODEL says that the server has a model to ask.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";

import { Diascribe, DiascribeError } from "./diascribe.mjs";

const asked = new Set();
const api = new Diascribe({
  url: process.env.DIASCRIBE_URL,
  fetch: (url, init) => {
    asked.add(`${init.method} ${new URL(url).pathname}`);
    return fetch(url, init);
  },
});
const picture = await readFile(process.env.PICTURE || new URL("../../data/examples/order.png", import.meta.url));
const model = Boolean(process.env.MODEL);
const refused = (status) => (error) => error instanceof DiascribeError && error.status === status;
let found;

test("a picture becomes a graph, and other forms", async () => {
  found = await api.describe(picture, { formats: ["mermaid"], language: "en" });
  assert.ok(found.nodes.some((node) => node.text === "Pack goods"));
  assert.match(found.outputs.mermaid, /flowchart/);
  assert.match(await api.describeAs(picture, "bpmn"), /^<\?xml/);
  const events = [];
  for await (const event of api.describeStream(picture, { headers: { "cache-control": "no-cache" } })) events.push(event);
  assert.equal(events[0].event, "stage");
  assert.equal(events.at(-1).event, "result");
  assert.equal(events.at(-1).data.title, found.title);
  assert.match((await api.ocr(picture)).text, /Pack goods/);
});

test("a call can be ended", async () => {
  const stop = new AbortController();
  await assert.rejects(async () => {
    const options = { signal: stop.signal, headers: { "cache-control": "no-cache" } };
    for await (const _ of api.describeStream(picture, options)) stop.abort();
  }, { name: "AbortError" });
});

test("errors tell what to do", async () => {
  await assert.rejects(api.describe(new Uint8Array([1, 2, 3])), (error) => {
    assert.ok(error instanceof DiascribeError);
    assert.equal(error.status, 422);
    assert.match(error.hint, /PNG/);
    return true;
  });
});

test("texts become drawings", async () => {
  assert.match(await api.draw("Take the order -> Pack -> Ship"), /^<svg/);
  const png = await api.draw("A -> B", { format: "png", direction: "LR" });
  assert.deepEqual([...png.slice(1, 4)], [0x50, 0x4e, 0x47]);
  assert.match(await api.render("flowchart TB\n a --> b"), /^<svg/);
  assert.equal((await api.validate("flowchart TB\n a -> b", { repair: false })).valid, false);
  assert.match((await api.convert("flowchart TB\n a --> b", "bpmn")).content, /^<\?xml/);
});

test("training diagrams are kept and found", async () => {
  const added = await api.addExample(picture, found, { id: "from-node", title: "Shop", replace: true });
  assert.equal(added.id, "from-node");
  assert.ok((await api.examples({ own: true })).examples.some((one) => one.id === "from-node"));
  assert.equal((await api.example("from-node")).title, "Shop");
  assert.equal((await api.exampleImage("from-node")).length, picture.length);
  assert.equal((await api.search(picture, { k: 1 })).results[0].id, "from-node");
  assert.ok(Array.isArray((await api.search("order", { k: 2 })).results));
  assert.equal((await api.removeExample("from-node")).removed, 1);
  await assert.rejects(api.example("from-node"), refused(404));
  await api.buildIndex();
  let state;
  do state = await api.index(); while (state.build.state === "running");
  assert.equal(state.build.state, "done");
});

test("what was described is remembered", async () => {
  const { entries } = await api.history({ query: "shop", limit: 5 });
  assert.ok(entries.length);
  const [{ id }] = entries;
  assert.ok((await api.historyEntry(id)).description.nodes.length);
  assert.ok((await api.historyImage(id)).length);
  assert.ok((await api.historyExport("csv")).length);
  await api.forget(id);
  await assert.rejects(api.historyEntry(id), refused(404));
  await api.forgetAll();
});

test("many pictures are described in the background", async (context) => {
  const { paths } = await (await fetch(`${api.url}/openapi.json`)).json();
  if (!paths["/v1/batches"]) return context.skip("this server has no batches");
  const begun = await api.batch([picture, new Uint8Array([1, 2, 3])], { idempotencyKey: `node-${Date.now()}` });
  assert.equal(begun.total, 2);
  const results = [];
  for await (const result of api.batchResults(begun.id)) results.push(result);
  let state;
  do state = await api.batchState(begun.id); while (!["done", "cancelled"].includes(state.state));
  assert.deepEqual([state.done + state.failed, state.failed], [2, 1]);
  assert.ok(results.length);
  assert.ok(await api.batchItems(begun.id));
  assert.ok(await api.batches());
  assert.ok((await api.batchExport(begun.id)).length);
  await api.retryBatch(begun.id);
  await api.cancelBatch(begun.id).catch(() => {});
  do state = await api.batchState(begun.id); while (!["done", "cancelled"].includes(state.state));
  await api.removeBatch(begun.id);
  await assert.rejects(api.batchState(begun.id), refused(404));
});

test("models are told of and asked", async () => {
  const { models } = await api.models();
  assert.ok(models.length);
  const [{ id }] = models;
  assert.equal((await api.modelState(id)).id, id);
  assert.ok((await api.freeModel(id)).success);
  await assert.rejects(api.loadModel("nix"), refused(404));
  await assert.rejects(api.downloadModel("nix"), refused(404));
  await assert.rejects(api.askableModel("nix"), refused(404));
  const request = { model: "auto", messages: [{ role: "user", content: "What?" }] };
  if (!model) {
    await assert.rejects(api.ask("What?"), refused(409));
    await assert.rejects(api.chat(picture, "What?"), refused(409));
    await assert.rejects(api.complete(request), refused(404));
    assert.deepEqual((await api.askable()).data, []);
    return;
  }
  assert.ok((await api.ask("What?", { file: picture, history: [{ question: "a", answer: "b" }] })).answer);
  const events = [];
  for await (const event of api.askStream("What?")) events.push(event.event);
  assert.ok(events.includes("token"));
  assert.ok((await api.chat(picture, "What?", { max_tokens: 20 })).response);
  assert.ok((await api.complete(request)).choices[0].message.content);
  let text = "";
  for await (const chunk of api.completeStream(request)) text += chunk.choices[0]?.delta.content || "";
  assert.ok(text);
  assert.ok((await api.askable()).data.length);
});

test("the forms of other services", async () => {
  const image = picture.toString("base64");
  assert.equal((await api.analyze(image)).success, true);
  assert.match((await api.plainOcr(picture, { language: "en" })).text, /Pack goods/);
  assert.equal((await api.plainOcrOfMany([picture, picture])).successful, 2);
});

test("how the service does", async () => {
  assert.equal((await api.health()).status, "healthy");
  assert.equal((await api.ready()).ready, true);
  assert.ok((await api.load()).workers);
  assert.equal(typeof (await api.gpu()).gpu_available, "boolean");
  assert.ok((await api.doctor()).findings.length > 0);
  assert.ok((await api.model()).model_name);
  assert.match(await api.metrics(), /diascribe_requests_total/);
});

after(async () => {
  const { paths } = await (await fetch(`${api.url}/openapi.json`)).json();
  const missing = [];
  for (const [path, methods] of Object.entries(paths)) {
    const pattern = path.replace(/\{[^}]+\}/g, "[^/]+");
    for (const method of Object.keys(methods)) {
      const called = new RegExp(`^${method.toUpperCase()} ${pattern}$`);
      if (![...asked].some((one) => called.test(one))) missing.push(`${method} ${path}`);
    }
  }
  assert.deepEqual(missing, [], "every resource of the server is called by the client");
});
