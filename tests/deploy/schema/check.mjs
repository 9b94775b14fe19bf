// usage: node check.mjs FILE...
//
// Holds each object of YAML files to its type in Kubernetes, strictly: a field that does not exist
// is a mistake. Ends with 1 if there is one. What takes more than one field is in ../rules_*.py.

import fs from "node:fs";
import path from "node:path";
import url from "node:url";

import ts from "typescript";
import yaml from "js-yaml";

const here = path.dirname(url.fileURLToPath(import.meta.url));
// The kinds of KEDA and Kueue have no type here; ../rules_objects.py knows the fields of KEDA. The Job
// within one has.
const foreign = /^(keda\.sh|kueue\.x-k8s\.io)\//;
const innerJob = ({ metadata, spec }) =>
  spec?.jobTargetRef && { apiVersion: "batch/v1", kind: "Job", metadata, spec: spec.jobTargetRef };

const place = (file, object) => `${file}: ${object?.kind}/${object?.metadata?.name}`;

// A literal of the object's type: for literals the compiler looks for fields too many.
function source(object) {
  const { apiVersion, kind } = object;
  return (
    `import type { I${kind} } from "kubernetes-models/${apiVersion}";\n` +
    `export const object: I${kind} = ${JSON.stringify(object, null, 1)};\n`
  );
}

// objects: [{file, object}]. Returns a line for each mistake.
export function mistakes(objects) {
  const sources = new Map();
  const places = new Map();
  const found = [];
  for (const { file, object } of objects) {
    if (!/^[\w./-]+$/.test(object?.apiVersion) || !/^\w+$/.test(object?.kind)) {
      found.push(`${place(file, object)}: it has no apiVersion or no kind`);
      continue;
    }
    const typed = foreign.test(object.apiVersion) ? innerJob(object) : object;
    if (typed) {
      const name = path.join(here, `object${sources.size}.ts`);
      sources.set(name, source(typed));
      places.set(name, place(file, object));
    }
  }
  const options = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.readFile = (name) => sources.get(name) ?? readFile(name);
  host.getSourceFile = (name, ...rest) =>
    sources.has(name)
      ? ts.createSourceFile(name, sources.get(name), ...rest)
      : getSourceFile(name, ...rest);
  const program = ts.createProgram([...sources.keys()], options, host);
  for (const each of ts.getPreEmitDiagnostics(program)) {
    const text = ts.flattenDiagnosticMessageText(each.messageText, "\n  ");
    const at = each.file?.getLineAndCharacterOfPosition(each.start).line;
    const line = each.file?.text.split("\n")[at].trim();
    found.push(`${places.get(each.file?.fileName) ?? "typescript"}: at ${line}: ${text}`);
  }
  return found;
}

export function read(file) {
  const all = yaml.loadAll(fs.readFileSync(file, "utf8")).filter(Boolean);
  return all.map((object) => ({ file: path.basename(file), object }));
}

if (process.argv[1] && path.resolve(process.argv[1]) === url.fileURLToPath(import.meta.url)) {
  const objects = process.argv.slice(2).flatMap(read);
  const found = mistakes(objects);
  const without = objects.filter(({ object }) => foreign.test(object?.apiVersion)).length;
  const rest = without > 0 ? ` (of ${without} only the Job within)` : "";
  console.log([...found, `${objects.length} objects${rest}, ${found.length} mistakes`].join("\n"));
  process.exitCode = found.length > 0 || objects.length === 0 ? 1 : 0;
}
