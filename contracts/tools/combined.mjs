// Standard-JSON output in the two older shapes that some analysers still ask for.

import fs from "node:fs";
import path from "node:path";

const PARTS = {
  abi: (contract) => contract.abi ?? [],
  bin: (contract) => contract.evm?.bytecode?.object ?? "",
  "bin-runtime": (contract) => contract.evm?.deployedBytecode?.object ?? "",
  srcmap: (contract) => contract.evm?.bytecode?.sourceMap ?? "",
  "srcmap-runtime": (contract) => contract.evm?.deployedBytecode?.sourceMap ?? "",
  hashes: (contract) => contract.evm?.methodIdentifiers ?? {},
  metadata: (contract) => contract.metadata ?? "",
  "storage-layout": (contract) => contract.storageLayout ?? {},
  devdoc: (contract) => contract.devdoc ?? {},
  userdoc: (contract) => contract.userdoc ?? {},
};

/** Keys the output as `file:Contract`, with only the parts asked for (`ast` belongs to sources). */
export function combinedJson(output, asked, version) {
  const parts = asked.split(",").filter((part) => part in PARTS);
  const contracts = {};
  for (const [file, named] of Object.entries(output.contracts ?? {})) {
    for (const [name, contract] of Object.entries(named)) {
      const chosen = parts.map((part) => [part, PARTS[part](contract)]);
      contracts[`${file}:${name}`] = Object.fromEntries(chosen);
    }
  }
  const units = Object.entries(output.sources ?? {}).sort(([, a], [, b]) => a.id - b.id);
  const sources = Object.fromEntries(units.map(([file, unit]) => [file, { AST: unit.ast, id: unit.id }]));
  return { contracts, sourceList: units.map(([file]) => file), sources, version };
}

/** Writes one `<basename>_json.ast` per source unit into a folder. */
export function writeSyntaxTrees(output, folder) {
  fs.mkdirSync(folder, { recursive: true });
  for (const [file, unit] of Object.entries(output.sources ?? {})) {
    fs.writeFileSync(path.join(folder, `${path.basename(file)}_json.ast`), JSON.stringify(unit.ast));
  }
}
