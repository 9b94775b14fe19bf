#!/usr/bin/env node
// A coprocess for wq-worker: a program that is started once, and told items in batches.
//
//     wq-worker --queue texts --coprocess --batch 64 -- node coprocess.mjs
//     wqctl results texts
//
// Everything it needs is in Node.js. docs/coprocess.md has every message.

import { createInterface } from "node:readline";

// What takes long, and is to happen once.
async function loadModel() {
  return (text) => text.toUpperCase();
}

// What becomes of one item. Binary ones have item_base64 in place of item. The result may be a
// string or anything else that is JSON, such as an object.
async function answer(model, { id, item }) {
  try {
    return { id, answer: "done", result: await model(item) };
  } catch (error) {
    // This item has failed, and may be tried again; the others go on.
    return { id, answer: "failed", error: String(error) };
  }
}

// stdout is for answers alone: libraries that print do so on stderr.
console.log = console.info = console.debug = console.error;
const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");

const model = await loadModel();
say({ wq: 1 }); // ready
for await (const line of createInterface({ input: process.stdin })) {
  const { items } = JSON.parse(line);
  // The first line has none: it says which queue and slot this is.
  if (items) say(await Promise.all(items.map((item) => answer(model, item))));
}
