// Shows that check.mjs finds the mistakes it is there for, planted in the objects of the file that
// $WQ_MANIFEST names.

import assert from "node:assert";
import test from "node:test";

import { mistakes, read } from "./check.mjs";

const manifest = process.env.WQ_MANIFEST;
assert(manifest, "WQ_MANIFEST must name k8s/job.yaml");

function planted(kind, plant) {
  const found = read(manifest).find(({ object }) => object.kind === kind);
  assert(found, `${manifest} has no ${kind}`);
  plant(found.object);
  return found;
}

const pod = (object) => object.spec.template.spec;
const table = [
  ["a field that does not exist", "Job", (o) => (o.spec.backofLimit = 3), /'?backofLimit'?/],
  ["one deep inside", "Job", (o) => (pod(o).containers[0].imagePulPolicy = "x"), /imagePulPolicy/],
  ["one in a list of rules", "Job",
    (o) => (o.spec.podFailurePolicy.rules[0].onExitCode = {}), /onExitCode/],
  ["a text for a number", "Job", (o) => (o.spec.backoffLimit = "3"), /backoffLimit/],
  ["a number for a text", "ConfigMap", (o) => (o.data.port = 6379), /port/],
  ["a list for an object", "StatefulSet", (o) => (o.spec.selector = []), /selector/],
  ["a field that is needed", "StatefulSet", (o) => delete o.spec.template, /template/],
  ["a policy that does not exist", "StatefulSet",
    (o) => (pod(o).containers[0].startupProbe.exec = "redis-cli ping"), /exec/],
  ["an unknown kind", "Service", (o) => (o.kind = "Servise"), /IServise/],
  ["an unknown version", "StatefulSet", (o) => (o.apiVersion = "apps/v3"), /apps\/v3/],
  ["no kind", "Service", (o) => delete o.kind, /no kind/],
];

test("what is written has no mistakes", () => {
  assert.deepEqual(mistakes(read(manifest)), []);
});

test("each planted mistake is found", () => {
  const all = table.map(([what, kind, plant]) => ({ ...planted(kind, plant), file: what }));
  const found = mistakes(all);
  for (const [what, , , words] of table) {
    const line = found.filter((each) => each.startsWith(`${what}: `)).join("\n");
    assert.match(line, words, what);
  }
});
