/**
 * The first code of the package's command: the parts of its bundle are in one
 * file beside this one.
 */
"use strict"

const fs = require("node:fs")

/** Where each part begins in the file, and its length, in bytes; the build fills it in. */
const index = "PARTS"

/** Open while the process runs, so that it goes on with its own parts after an upgrade. */
const descriptor = fs.openSync(`${__dirname}/parts`)

// biome-ignore lint/correctness/noUnusedVariables: loader.cjs, which follows, uses it
const source = {
  folder: __dirname,
  textOf: (name) => {
    const [start, length] = index[name]
    const bytes = Buffer.allocUnsafeSlow(length)
    fs.readSync(descriptor, bytes, 0, length, start)
    // All of it is ASCII, see `Bundle.ts`.
    const text = bytes.latin1Slice()
    // The next collection would free it, which an idle process may wait for for good.
    bytes.buffer.transfer?.(0)
    return text
  },
  compiledBy: (name) => fs.readFileSync(`${__dirname}/compiled/${name}`),
  requireOther: require,
}
