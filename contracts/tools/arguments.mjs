// Command line of `solc`, as far as the tools around it use it.

const FLAGS = new Set(["--version", "--standard-json", "--overwrite", "--optimize", "--via-ir",
  "--ast-compact-json", "--pretty-json", "--no-import-callback"]);
const VALUES = new Set(["--combined-json", "--base-path", "--include-path", "--allow-paths",
  "--optimize-runs", "--evm-version", "--output-dir"]);
const SHORT = new Map([["-I", "--include-path"], ["-o", "--output-dir"]]);

/** An argument that this program does not know. */
export class UsageError extends Error {}

/**
 * @param {string[]} argv arguments after the program's name.
 * @returns {{flags: Set<string>, values: Map<string, string[]>, remappings: string[], files: string[]}}
 */
export function parseArguments(argv) {
  const parsed = { flags: new Set(), values: new Map(), remappings: [], files: [] };
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at];
    if (word === "-" || !word.startsWith("-")) {
      (word.includes("=") ? parsed.remappings : parsed.files).push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const typed = equals < 0 ? word : word.slice(0, equals);
    const name = SHORT.get(typed) ?? typed;
    if (FLAGS.has(name) && equals < 0) {
      parsed.flags.add(name);
    } else if (VALUES.has(name)) {
      const value = equals < 0 ? argv[(at += 1)] : word.slice(equals + 1);
      if (value === undefined) throw new UsageError(`${name} needs a value`);
      parsed.values.set(name, [...(parsed.values.get(name) ?? []), value]);
    } else {
      throw new UsageError(`unrecognised option '${word}'`);
    }
  }
  return parsed;
}
