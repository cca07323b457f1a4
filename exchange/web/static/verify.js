// Verifies a customer's proof of reserves (por-proof/1) in this page: WebCrypto only, no network.
//
// Proven by the result "verified": in the statement with the digest you trust, liabilities to you of at least the
// balances you named are counted in the published totals.
// Not proven: any other date than the cut-off, debts outside the books, customers who do not check, and what the
// exchange holds.
//
// Rules:
//   * Account and expected balances come from you, the trusted digest from the log or the chain; never from the file.
//   * Order of refusals and their codes equal those of the Python verifier; both run the vectors in
//     tests/vectors/reserves.json.
//   * Amounts are BigInt made from canonical decimal strings; JSON is read by the strict reader below.
//
// Example:
//   const report = await verifyProof(bytes, "alice@example.com", { "eip155:1/slip44:60": 5n }, digestFromRegistry);

import { hex, hmac, prefixed, sha256, uint, unhex, utf8 } from "./verify_bytes.js";
import { VerifyError, canonicalJson, parseStrict, refuse, unusable } from "./verify_json.js";

export { VerifyError };
export const PROOF_FORMAT = "por-proof/1";
const STATEMENT_FORMAT = "por-statement/1";
const HEADER_FORMAT = "por-header/1";
const MAX_CLAIMS = 4096;
const MAX_HEIGHT = 32;
const MAX_DECIMALS = 255;
const SHARD_LIMIT = 2 ** 32;
const AMOUNT_LIMIT = 1n << 120n; // 33 sums below this never wrap 128 bits
const ONE_PPM = 1_000_000n;
const EXIT_CODES = { verified: 0, not_anchored: 3, ratio_below_one: 8 };
export const NOT_PROVEN =
  "Not proven: any other date than the cut-off, debts outside the books, customers who do not check, " +
  "and what the exchange holds.";

/**
 * Verify a proof; throws VerifyError, never returns "false".
 * @param {Uint8Array|string} raw The file.
 * @param {string} accountId The account, typed by its owner.
 * @param {Object<string, bigint>} expected Ledger quanta by asset id, at least one.
 * @param {?string} trustedDigest 64 hex digits from log or chain; null leaves the report "not_anchored".
 */
export async function verifyProof(raw, accountId, expected, trustedDigest) {
  requireQuestion(expected);
  const trusted = readTrusted(trustedDigest);
  requireWebCrypto();
  const document = readDocument(typeof raw === "string" ? new TextEncoder().encode(raw) : raw);
  const statement = await readStatement(object(document.statement, "statement"), trusted);
  const subject = await subjectOf(statement.exchange, accountId);
  const proven = await readClaims(document, statement, subject);
  for (const assetId of Object.keys(expected).sort()) {
    const found = proven.get(assetId) ?? 0n;
    if (found < expected[assetId]) {
      refuse("reserves_understated", `${assetId}: proven ${found}, you expect ${expected[assetId]}`);
    }
  }
  return report(statement, proven, expected, trusted !== null);
}

/**
 * Turn "0.5" into ledger quanta, exactly; throws rather than rounds.
 * @param {string} text Decimal coins.
 * @param {number} decimals Of the ledger.
 */
export function quantaOf(text, decimals) {
  const match = /^(0|[1-9][0-9]*)(?:\.([0-9]+))?$/.exec(text.trim());
  if (!match || (match[2] ?? "").length > decimals) {
    refuse("invalid_amount", `${text.slice(0, 60)}: not a decimal number with at most ${decimals} places`);
  }
  return BigInt(match[1] + (match[2] ?? "").padEnd(decimals, "0"));
}

/** Asset ids and decimals that a proof's header lists, before it is verified: to read the customer's figures. */
export function listedAssets(raw) {
  const document = readDocument(typeof raw === "string" ? new TextEncoder().encode(raw) : raw);
  const assets = document.statement?.header?.assets;
  const rows = Array.isArray(assets) ? assets : [];
  return rows
    .filter((row) => typeof row?.id === "string" && isWhole(row.decimals, MAX_DECIMALS + 1))
    .map((row) => ({ id: row.id, decimals: row.decimals }));
}

function report(statement, proven, expected, anchored) {
  const decimals = new Map(statement.assets.map((asset) => [asset.assetId, asset.decimals]));
  const ratios = statement.assets.map((asset) => asset.ratioPpm).filter((ratio) => ratio !== null);
  const lowestRatioPpm = ratios.length ? ratios.reduce((a, b) => (a < b ? a : b)) : null;
  const below = lowestRatioPpm !== null && lowestRatioPpm < ONE_PPM;
  const code = !anchored ? "not_anchored" : below ? "ratio_below_one" : "verified";
  return {
    code,
    exitCode: EXIT_CODES[code],
    statementDigest: hex(statement.digest),
    anchored,
    exchange: statement.exchange,
    seq: statement.seq,
    cutoff: statement.cutoff,
    assets: [...proven].map(([assetId, units]) => ({
      assetId,
      proven: units,
      expected: Object.hasOwn(expected, assetId) ? expected[assetId] : null,
      decimals: decimals.get(assetId),
    })),
    lowestRatioPpm,
  };
}

function requireQuestion(expected) {
  const figures = Object.entries(expected);
  if (!figures.length) refuse("reserves_nothing_to_check", "name at least one balance you expect");
  for (const [assetId, units] of figures) {
    if (typeof units !== "bigint" || units < 0n || units >= AMOUNT_LIMIT) {
      refuse("invalid_amount", `${assetId}: the expected balance is not a whole number in 0..2**120 - 1`);
    }
  }
}

function readTrusted(text) {
  if (text === null || text === undefined) return null;
  const match = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text.trim());
  if (!match) refuse("reserves_trusted_digest", "the trusted digest is not 64 hex digits");
  return unhex(match[1].toLowerCase());
}

function requireWebCrypto() {
  if (!globalThis.crypto?.subtle) {
    refuse("no_webcrypto", "this page has no WebCrypto: open it over https, from localhost or from a saved file");
  }
}

// Steps 1 and 2: size, nesting, strict JSON, format -------------------------------------------------

function readDocument(raw) {
  const document = parseStrict(raw);
  if (document.format !== PROOF_FORMAT) refuse("reserves_format", `proof format is not ${PROOF_FORMAT}`);
  only(document, "proof", ["format", "statement", "audit_key", "claims"], ["log", "chain"]);
  return document;
}

// Steps 3 to 5: digest, context, asset table --------------------------------------------------------

async function readStatement(statement, trusted) {
  if (statement.format !== STATEMENT_FORMAT) refuse("reserves_format", `statement format is not ${STATEMENT_FORMAT}`);
  const header = statement.header;
  if (!isObject(header) || header.format !== HEADER_FORMAT) {
    refuse("reserves_format", `header format is not ${HEADER_FORMAT}`);
  }
  const { exchange, seq, cutoff } = header;
  if (typeof exchange !== "string" || !exchange || typeof seq !== "number" || typeof cutoff !== "string") {
    unusable("header: exchange, seq or cutoff is missing or of the wrong type");
  }
  const digest = await sha256(utf8("PORv1/statement\0"), utf8(canonicalJson(statement)));
  if (trusted !== null && hex(digest) !== hex(trusted)) {
    refuse("reserves_digest", `statement digest is ${hex(digest)}, trusted is ${hex(trusted)}`);
  }
  const ctx = await sha256(utf8("PORv1/header\0"), utf8(canonicalJson(header)));
  if (statement.ctx !== hex(ctx)) refuse("reserves_context", `header hashes to ${hex(ctx)}, the statement differs`);
  return { digest, exchange, seq, cutoff, assets: await readAssets(statement, header, ctx) };
}

async function readAssets(statement, header, ctx) {
  const listed = header.assets;
  const rows = statement.liabilities;
  const ratios = "ratio_ppm" in statement ? statement.ratio_ppm : Object.create(null);
  if (!Array.isArray(listed) || !Array.isArray(rows) || !isObject(ratios)) {
    table("assets, liabilities or ratio_ppm is missing or of the wrong type");
  }
  if (!listed.length || listed.length !== rows.length) {
    table(`${listed.length} assets in the header, ${rows.length} in the liabilities`);
  }
  const assets = [];
  for (const [ix, row] of rows.entries()) assets.push(await readAsset(ix, listed[ix], row, { ctx, ratios }));
  if (new Set(assets.map((asset) => asset.assetId)).size !== assets.length) {
    table("one asset stands twice in the table");
  }
  return assets;
}

async function readAsset(ix, listed, row, { ctx, ratios }) {
  if (!isObject(listed) || !isObject(row)) table(`asset ${ix}: not an object`);
  const { id: assetId, decimals } = listed;
  const { height } = row;
  if (typeof assetId !== "string" || !assetId || row.id !== assetId) table(`asset ${ix}: its id is not the header's`);
  if (row.ix !== ix) table(`asset ${ix}: ix is not its position`);
  if (!isWhole(decimals, MAX_DECIMALS + 1)) table(`asset ${ix}: decimals outside 0..${MAX_DECIMALS}`);
  if (!isWhole(height, MAX_HEIGHT + 1) || height < 1) table(`asset ${ix}: height outside 1..${MAX_HEIGHT}`);
  const total = readAmount(row.total, `asset ${ix} total`);
  const root = readHash(row.root, `asset ${ix} root`);
  const ratioPpm = assetId in ratios ? readAmount(ratios[assetId], `asset ${ix} ratio`) : null;
  const ctxA = await sha256(
    utf8("PORv1/asset\0"), ctx, uint(ix, 4), prefixed(assetId), Uint8Array.of(decimals, height),
  );
  return { assetId, decimals, height, total, root, ctxA, ratioPpm };
}

// Steps 6 and 7: shards, totals, roots --------------------------------------------------------------

async function readClaims(document, statement, subject) {
  const claims = list(document.claims, "claims");
  if (claims.length > MAX_CLAIMS) refuse("reserves_too_large", `${claims.length} claims, at most ${MAX_CLAIMS}`);
  const auditKey = readHash(document.audit_key, "audit_key");
  const proven = new Map();
  for (const item of claims) {
    const claim = object(item, "claim");
    only(claim, "claim", ["asset", "ix", "shards"], []);
    if (!isWhole(claim.ix, statement.assets.length)) table("claim: ix is no position of the asset table");
    const asset = statement.assets[claim.ix];
    if (claim.asset !== asset.assetId || proven.has(asset.assetId)) {
      table(`claim ${claim.ix}: not the asset of this position, or claimed twice`);
    }
    const used = new Set();
    let sum = 0n;
    for (const shard of list(claim.shards, "shards")) {
      sum += await readShard(object(shard, "shard"), asset, { subject, auditKey }, used);
    }
    proven.set(asset.assetId, sum);
  }
  return proven;
}

async function readShard(shard, asset, owner, used) {
  only(shard, "shard", ["shard", "index", "amount", "path"], []);
  const { shard: number, index } = shard;
  if (!isWhole(number, SHARD_LIMIT)) refuse("reserves_leaf_index", `${asset.assetId}: a malformed shard number`);
  if (!isWhole(index, 2 ** asset.height)) {
    refuse("reserves_leaf_index", `${asset.assetId}: index outside a tree of height ${asset.height}`);
  }
  const where = `${asset.assetId} leaf ${index}`;
  if (used.has(index)) refuse("reserves_leaf_reused", `${where}: shown twice`);
  used.add(index);
  const path = list(shard.path, "path");
  if (path.length !== asset.height) {
    refuse("reserves_path_length", `${where}: ${path.length} siblings in a tree of height ${asset.height}`);
  }
  const amount = readAmount(shard.amount, `${where} amount`);
  const siblings = path.map((item) => readSibling(item, where));
  const salt = await hmac(owner.auditKey, utf8("PORv1/salt\0"), asset.ctxA, uint(number, 4));
  const hash = await sha256(
    Uint8Array.of(0), asset.ctxA, uint(index, 4), owner.subject, salt, uint(amount, 16),
  );
  const top = await rootFromInclusion({ hash, sum: amount }, index, siblings);
  if (top.sum !== asset.total) {
    refuse("reserves_total", `${where}: sums lead to ${top.sum}, published total ${asset.total}`);
  }
  if (hex(top.hash) !== hex(asset.root)) {
    refuse("root_mismatch", `${where}: path leads to root ${hex(top.hash)}, published ${hex(asset.root)}`);
  }
  return amount;
}

/** Computes, does not judge; bit n of index says whether the node of level n is a right child. */
export async function rootFromInclusion(leaf, index, siblings) {
  let current = leaf;
  for (const [level, sibling] of siblings.entries()) {
    const isRight = Math.floor(index / 2 ** level) % 2 === 1;
    const [left, right] = isRight ? [sibling, current] : [current, sibling];
    const hash = await sha256(
      Uint8Array.of(1, level), left.hash, uint(left.sum, 16), right.hash, uint(right.sum, 16),
    );
    current = { hash, sum: left.sum + right.sum };
  }
  return current;
}

/** A person in all trees of an exchange; canonically equal spellings (NFC) are one person. */
export async function subjectOf(exchange, accountId) {
  return sha256(utf8("PORv1/subject\0"), prefixed(exchange), prefixed(accountId.normalize("NFC")));
}

function readSibling(item, where) {
  const pair = list(item, `${where} sibling`);
  if (pair.length !== 2) unusable(`${where}: a sibling is not a pair of hash and sum`);
  const sum = readAmount(pair[1], `${where} sibling sum`);
  return { hash: readHash(pair[0], `${where} sibling hash`), sum };
}

// Values --------------------------------------------------------------------------------------------

function readHash(value, what) {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) {
    refuse("reserves_hash", `${what}: not 64 lower-case hex digits`);
  }
  return unhex(value);
}

function readAmount(value, what) {
  if (typeof value !== "string" || !/^(?:0|[1-9][0-9]{0,36})$/.test(value) || BigInt(value) >= AMOUNT_LIMIT) {
    refuse("reserves_amount", `${what}: not a canonical decimal string below 2**120`);
  }
  return BigInt(value);
}

function only(values, what, required, optional) {
  const missing = required.filter((name) => !(name in values));
  const unknown = Object.keys(values).filter((name) => !required.includes(name) && !optional.includes(name));
  if (missing.length || unknown.length) {
    unusable(`${what}: field ${[...missing, ...unknown][0].slice(0, 40)} is missing or unknown`);
  }
}

function isWhole(value, limit) {
  return typeof value === "number" && value >= 0 && value < limit;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function object(value, what) {
  if (!isObject(value)) unusable(`${what}: not an object`);
  return value;
}

function list(value, what) {
  if (!Array.isArray(value)) unusable(`${what}: not a list`);
  return value;
}

function table(message) {
  refuse("reserves_asset_table", message);
}
