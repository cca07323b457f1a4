// Bytes of the liability trees: hashes by WebCrypto, big-endian integers, length-prefixed text.

import { hasLoneSurrogate, refuse } from "./verify_json.js";

const MAX_TEXT_BYTES = 0xffff; // texts carry a u16 length

export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", join(parts)));
}

export async function hmac(key, ...parts) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, join(parts)));
}

export function join(parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function utf8(text) {
  return new TextEncoder().encode(text);
}

export function prefixed(text) {
  const raw = utf8(text);
  if (hasLoneSurrogate(text) || raw.length < 1 || raw.length > MAX_TEXT_BYTES) {
    refuse("invalid_input", `text of ${raw.length} bytes, 1 to ${MAX_TEXT_BYTES}, without lone surrogates`);
  }
  return join([uint(raw.length, 2), raw]);
}

export function uint(number, width) {
  return unhex(BigInt(number).toString(16).padStart(2 * width, "0"));
}

export function hex(raw) {
  return Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function unhex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
