// JSON of a proof, read strictly: what two parsers could read differently is refused.
//
// At most 8 MiB and 16 levels deep, checked before anything is parsed; no duplicate key, no float, no negative number,
// no integer from 2**53 on, no lone surrogate. The same rules and codes as the Python reader.

const MAX_PROOF_BYTES = 8 * 1024 * 1024; // a proof of 500 assets at 100 million users takes 1.2 MB
const MAX_NESTING = 16; // a proof needs 8

/** A refusal; `code` is stable and equal to the Python verifier's. */
export class VerifyError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "VerifyError";
    this.code = code;
  }
}

/** Throw a refusal. */
export function refuse(code, message) {
  throw new VerifyError(code, message);
}

/** Refuse a file that is not strict JSON, or not of the expected shape. */
export function unusable(message) {
  refuse("reserves_unusable", message);
}

/** Strict JSON: no duplicate key, no float, no negative or large number, no lone surrogate; an object on top. */
export function parseStrict(raw) {
  if (raw.length > MAX_PROOF_BYTES) refuse("reserves_too_large", `${raw.length} bytes, at most ${MAX_PROOF_BYTES}`);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    unusable("not UTF-8");
  }
  requireShallow(text);
  const value = new StrictReader(text).document();
  if (typeof value !== "object" || value === null || Array.isArray(value)) unusable("not a JSON object");
  return value;
}

function requireShallow(text) {
  let depth = 0;
  let inString = false;
  let escaped = false;
  for (const character of text) {
    if (inString) {
      inString = escaped || character !== '"';
      escaped = !escaped && character === "\\";
    } else if (character === '"') {
      inString = true;
    } else if (character === "[" || character === "{") {
      depth += 1;
      if (depth > MAX_NESTING) refuse("reserves_too_large", `nested deeper than ${MAX_NESTING}`);
    } else if (character === "]" || character === "}") {
      depth -= 1;
    }
  }
}

class StrictReader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  document() {
    const value = this.value();
    this.blanks();
    if (this.at !== this.text.length) unusable("text after the document");
    return value;
  }

  value() {
    this.blanks();
    const character = this.text[this.at];
    if (character === "{") return this.object();
    if (character === "[") return this.array();
    if (character === '"') return this.string();
    for (const [word, meaning] of [["true", true], ["false", false], ["null", null]]) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return meaning;
      }
    }
    return this.number();
  }

  object() {
    const found = Object.create(null); // no prototype: "__proto__" is a key like any other
    this.at += 1;
    this.blanks();
    if (this.skip("}")) return found;
    do {
      this.blanks();
      if (this.text[this.at] !== '"') unusable("a key is not a string");
      const key = this.string();
      if (key in found) unusable("a key stands twice in one object");
      this.blanks();
      if (!this.skip(":")) unusable("no colon after a key");
      found[key] = this.value();
      this.blanks();
    } while (this.skip(","));
    if (!this.skip("}")) unusable("an object does not end");
    return found;
  }

  array() {
    const found = [];
    this.at += 1;
    this.blanks();
    if (this.skip("]")) return found;
    do {
      found.push(this.value());
      this.blanks();
    } while (this.skip(","));
    if (!this.skip("]")) unusable("a list does not end");
    return found;
  }

  string() {
    let end = this.at + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === "\\" ? 2 : 1;
    let value;
    try {
      value = JSON.parse(this.text.slice(this.at, end + 1)); // escapes and control characters are judged there
    } catch {
      unusable("a malformed string");
    }
    if (hasLoneSurrogate(value)) unusable("a lone surrogate");
    this.at = end + 1;
    return value;
  }

  number() {
    const match = sticky(/0|[1-9][0-9]{0,15}/y, this.text, this.at);
    if (match === null || !Number.isSafeInteger(Number(match))) unusable("a number is not whole, or too large");
    this.at += match.length;
    return Number(match);
  }

  blanks() {
    this.at += sticky(/[ \t\n\r]*/y, this.text, this.at).length;
  }

  skip(character) {
    const here = this.text[this.at] === character;
    this.at += here ? 1 : 0;
    return here;
  }
}

function sticky(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

/** Whether the text has no UTF-8 form. */
export function hasLoneSurrogate(text) {
  return /\p{Surrogate}/u.test(text);
}

/** RFC 8785 for strings, whole numbers, lists and objects with ASCII keys. */
export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  if (keys.some((key) => /[^\x00-\x7f]/.test(key))) unusable("a key of the statement is not ASCII");
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`).join(",")}}`;
}
