// The form of the reserves page: reads a proof, asks verify.js, says what came out. Nothing leaves the page.

import { NOT_PROVEN, VerifyError, listedAssets, quantaOf, verifyProof } from "./verify.js";

const VERDICTS = {
  verified: "Verified: your balances are counted in the published totals.",
  not_anchored: "The proof agrees with itself, but no trusted digest was given: this proves nothing yet.",
  ratio_below_one: "Your balances are counted, but the statement itself states reserves below debts.",
};

const form = document.getElementById("verify-form");
const verdict = document.getElementById("verdict");

/** Names shown in the table of the statement -> asset ids. */
function namesOnPage() {
  const rows = document.querySelectorAll("[data-asset-id]");
  return new Map([...rows].map((row) => [row.dataset.assetName, row.dataset.assetId]));
}

/** The customer's own figures, one a line: asset, blank, decimal coins. */
function readBalances(text, raw) {
  const names = namesOnPage();
  const decimals = new Map(listedAssets(raw).map((asset) => [asset.id, asset.decimals]));
  const expected = {};
  for (const line of text.split("\n").map((each) => each.trim()).filter(Boolean)) {
    const [asset, amount, ...rest] = line.split(/\s+/);
    const id = names.get(asset) ?? asset;
    if (!amount || rest.length || !decimals.has(id)) {
      throw new VerifyError("invalid_input", `"${line}": write an asset of this statement, a blank, and your balance`);
    }
    expected[id] = quantaOf(amount, decimals.get(id));
  }
  return expected;
}

async function readProof() {
  const file = document.getElementById("proof-file").files[0];
  return file ? new Uint8Array(await file.arrayBuffer()) : document.getElementById("proof-text").value;
}

function show(kind, text, note = "") {
  const judged = document.createElement("strong");
  judged.textContent = text;
  verdict.dataset.verdict = kind;
  verdict.replaceChildren(judged, ` ${note}`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  show("", "Verifying ...");
  try {
    const raw = await readProof();
    const expected = readBalances(document.getElementById("balances").value, raw);
    const account = document.getElementById("account").value.trim();
    const digest = document.getElementById("trusted").value.trim() || null;
    const report = await verifyProof(raw, account, expected, digest);
    const good = report.code === "verified";
    show(good ? "good" : "bad", VERDICTS[report.code], NOT_PROVEN);
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    show("bad", `Not verified: ${error.message} [${error.code}]`);
  }
});
