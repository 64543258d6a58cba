/**
 * The first code of the package's command: its bundle is the files beside this one.
 */
"use strict"

const fs = require("node:fs")

// biome-ignore lint/correctness/noUnusedVariables: loader.cjs, which follows, uses it
const source = {
  folder: __dirname,
  // All of it is ASCII, see `Bundle.ts`.
  textOf: (name) => fs.readFileSync(`${__dirname}/${name}`, "latin1"),
  requireOther: require,
}
