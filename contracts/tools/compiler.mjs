// The compiler that npm carries, seen as one function: standard JSON in, standard JSON out.
//
// - Sources named by `urls` and imports are read from a search path, never from the network.
// - A large input is passed by reference: the WebAssembly build copies its input text onto a
//   small stack and dies at about 4.5 MB, while the read callback uses the heap. The output is
//   the same to the byte.

import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const BY_REFERENCE_ABOVE_BYTES = 1_000_000;
const REFERENCE_SCHEME = "solc-shim://";
const HERE = path.dirname(fileURLToPath(import.meta.url));
const CACHE_FOLDER = path.resolve(HERE, "..", "..", ".build", "solc-shim");

/** Folder of the npm package `solc`: SOLCJS_DIR, or the nearest node_modules above this file. */
function compilerFolder() {
  const named = process.env.SOLCJS_DIR;
  if (named) return path.resolve(named);
  for (let folder = HERE; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, "node_modules", "solc");
    if (fs.existsSync(path.join(candidate, "soljson.js"))) return candidate;
    if (folder === path.dirname(folder)) break;
  }
  throw new Error("npm package `solc` not found: run `npm ci`, or set SOLCJS_DIR to its folder");
}

/** Loading takes a third of a second and installs exception traps; do it once, then drop them. */
function loadCompiler() {
  const kept = process.listeners("uncaughtException");
  const rejected = process.listeners("unhandledRejection");
  const solc = createRequire(import.meta.url)(compilerFolder());
  process.removeAllListeners("uncaughtException");
  process.removeAllListeners("unhandledRejection");
  kept.forEach((listener) => process.on("uncaughtException", listener));
  rejected.forEach((listener) => process.on("unhandledRejection", listener));
  return solc;
}

/**
 * Full version, such as `0.8.37+commit.abcdef01.Emscripten.clang`.
 *
 * Callers ask for it before each compilation, so it is cached in the build folder, under a name
 * that changes with the compiler's size and date.
 */
export function compilerVersion() {
  const stat = fs.statSync(path.join(compilerFolder(), "soljson.js"));
  const cache = path.join(CACHE_FOLDER, `version-${stat.size}-${Math.trunc(stat.mtimeMs)}.txt`);
  try {
    const cached = fs.readFileSync(cache, "utf8");
    if (/^\d+\.\d+\.\d+\+commit\.[0-9a-f]{8}/.test(cached)) return cached;
  } catch {
    // No cache yet: ask the compiler.
  }
  const version = loadCompiler().version();
  const draft = `${cache}.${process.pid}`;
  try {
    fs.mkdirSync(CACHE_FOLDER, { recursive: true });
    fs.writeFileSync(draft, version, { flag: "wx" });
    fs.renameSync(draft, cache);
  } catch {
    // A read-only build folder costs time, not correctness.
  }
  return version;
}

/** Reads a source unit from the search path; the base path first, then the include paths. */
function sourceReader(searchPath) {
  return (unit) => {
    const bare = unit.replace(/^file:\/\//, "");
    for (const folder of searchPath) {
      const file = path.resolve(folder, bare);
      if (fs.existsSync(file) && fs.statSync(file).isFile()) {
        return { contents: fs.readFileSync(file, "utf8") };
      }
    }
    return { error: `source not found: ${unit} (searched ${searchPath.join(", ")})` };
  };
}

/** The WebAssembly build does not follow `urls`; put the text in their place. */
function withInlineSources(input, read) {
  const sources = {};
  for (const [unit, source] of Object.entries(input.sources ?? {})) {
    const found = source.content === undefined && Array.isArray(source.urls)
      ? source.urls.map((url) => read(url)).find((result) => result.contents !== undefined)
      : undefined;
    sources[unit] = found ? { ...source, urls: undefined, content: found.contents } : source;
  }
  return { ...input, sources };
}

/** Replaces each text by a reference which the read callback resolves. */
function byReference(input) {
  const texts = new Map();
  const sources = {};
  for (const [unit, source] of Object.entries(input.sources ?? {})) {
    if (source.content === undefined) {
      sources[unit] = source;
      continue;
    }
    const reference = `${REFERENCE_SCHEME}${texts.size}`;
    texts.set(reference, source.content);
    sources[unit] = { ...source, content: undefined, urls: [reference] };
  }
  return { input: { ...input, sources }, texts };
}

/**
 * Compiles one standard-JSON input.
 *
 * @param {object} input standard-JSON input; compile errors are reported inside the output.
 * @param {string[]} searchPath folders where imports and `urls` are looked up, in order.
 * @returns {object} standard-JSON output.
 */
export function compile(input, searchPath) {
  const read = sourceReader(searchPath);
  const inline = withInlineSources(input, read);
  let text = JSON.stringify(inline);
  let texts = new Map();
  if (Buffer.byteLength(text) > BY_REFERENCE_ABOVE_BYTES) {
    const small = byReference(inline);
    text = JSON.stringify(small.input);
    texts = small.texts;
  }
  const resolve = (unit) => (texts.has(unit) ? { contents: texts.get(unit) } : read(unit));
  return JSON.parse(loadCompiler().compile(text, { import: resolve }));
}
