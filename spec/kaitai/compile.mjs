// Compiles a .ksy to Python, in debug mode: the classes then know where each field stands.
//
//   node compile.mjs MODULES KSY OUT
//
// MODULES is the folder of package.json under which npm has put node_modules, OUT that of the result.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [modules, ksy, out] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "package.json"));
const compiler = require("kaitai-struct-compiler");
const { parse } = require("yaml");

// 0.10 exported a class, 0.11 exports an object.
const instance = typeof compiler === "function" ? new compiler() : compiler;
let files;
try {
  files = await instance.compile("python", parse(readFileSync(ksy, "utf8")), null, true);
} catch (error) {
  console.error(`${ksy}: ${error.jl_Throwable__f_s ?? error}`);
  process.exit(1);
}
mkdirSync(out, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  writeFileSync(join(out, name), text);
  console.log(`${name}: ${text.split("\n").length} lines`);
}
