#!/usr/bin/env node
// `solc` for machines that have Node.js and the npm package `solc`, but no native compiler.
//
//     solc.mjs --version
//     solc.mjs --standard-json [file] [--base-path DIR] [--include-path DIR]... < input.json
//     solc.mjs --combined-json abi,bin [--optimize] [a=b]... File.sol
//     solc.mjs --ast-compact-json -o DIR File.sol
//
// Exit status: 0, also when a standard-JSON output carries compile errors; 1 for compile errors of
// the other modes; 2 for a command line that makes no sense.

import fs from "node:fs";

import { UsageError, parseArguments } from "./arguments.mjs";
import { combinedJson, writeSyntaxTrees } from "./combined.mjs";
import { compile, compilerVersion } from "./compiler.mjs";

const ALL_OUTPUTS = { "*": { "*": ["*"], "": ["ast"] } };
const STDIN = 0;

function searchPathOf(options) {
  const [base] = options.values.get("--base-path") ?? [process.cwd()];
  return [base, ...(options.values.get("--include-path") ?? [])];
}

function inputFromFiles(options) {
  if (options.files.length === 0) throw new UsageError("no input files");
  const named = options.files.map((file) => [file, { content: fs.readFileSync(file, "utf8") }]);
  const settings = { remappings: options.remappings, outputSelection: ALL_OUTPUTS };
  const [runs] = options.values.get("--optimize-runs") ?? ["200"];
  const [evmVersion] = options.values.get("--evm-version") ?? [];
  settings.optimizer = { enabled: options.flags.has("--optimize"), runs: Number(runs) };
  if (evmVersion) settings.evmVersion = evmVersion;
  if (options.flags.has("--via-ir")) settings.viaIR = true;
  return { language: "Solidity", sources: Object.fromEntries(named), settings };
}

function standardJson(options) {
  const [file] = options.files;
  const text = fs.readFileSync(file === undefined || file === "-" ? STDIN : file, "utf8");
  const output = compile(JSON.parse(text), searchPathOf(options));
  process.stdout.write(`${JSON.stringify(output)}\n`);
  return 0;
}

function compileFiles(options) {
  const output = compile(inputFromFiles(options), searchPathOf(options));
  const problems = output.errors ?? [];
  problems.forEach((problem) => process.stderr.write(problem.formattedMessage));
  if (problems.some((problem) => problem.severity === "error")) return 1;
  const [parts] = options.values.get("--combined-json") ?? [];
  if (parts !== undefined) {
    process.stdout.write(`${JSON.stringify(combinedJson(output, parts, compilerVersion()))}\n`);
  }
  if (options.flags.has("--ast-compact-json")) {
    const [folder] = options.values.get("--output-dir") ?? ["."];
    writeSyntaxTrees(output, folder);
  }
  return 0;
}

function run(argv) {
  const options = parseArguments(argv);
  if (options.flags.has("--version")) {
    process.stdout.write("solc, the solidity compiler commandline interface\n");
    process.stdout.write(`Version: ${compilerVersion()}\n`);
    return 0;
  }
  return options.flags.has("--standard-json") ? standardJson(options) : compileFiles(options);
}

try {
  process.exitCode = run(process.argv.slice(2));
} catch (problem) {
  process.stderr.write(`solc: ${problem.message}\n`);
  process.exitCode = problem instanceof UsageError ? 2 : 1;
}
