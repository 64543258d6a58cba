/**
 * The first code of the single executable, and of each of its threads: loads
 * the command's bundle from the executable instead of from files. What
 * follows this code calls `load`.
 */
"use strict"

const { createRequire } = require("node:module")
const { basename, dirname, join } = require("node:path")
const { getRawAsset } = require("node:sea")
const { Script } = require("node:vm")
const threads = require("node:worker_threads")

/** Where the bundle would be if it were files; in stack traces. */
const folder = join(dirname(process.execPath), "ptth.bundle")

/** For packages with native code, if somebody has put them beside the executable. */
const requireBeside = createRequire(process.execPath)

// All of it is ASCII, see `Executable.ts`.
const textOf = (name) => Buffer.from(getRawAsset(name)).latin1Slice()

const isPart = (name) => /^\.{1,2}\/[\w./-]+\.js$/.test(name)

/** A thread whose code is a file of the bundle. */
class Worker extends threads.Worker {
  constructor(file, options) {
    const code = `${textOf("loader.cjs")}\nload(${JSON.stringify(basename(file.pathname))})`
    super(code, { ...options, eval: true })
  }
}

const loaded = new Map()

const requirePart = (name) => {
  if (isPart(name)) return load(basename(name))
  return name === "node:worker_threads" || name === "worker_threads"
    ? { ...threads, Worker }
    : requireBeside(name)
}

function load(name) {
  const before = loaded.get(name)
  if (before !== undefined) return before.exports
  const part = { exports: {} }
  loaded.set(name, part)
  const filename = join(folder, name)
  const code = `(function (exports, require, module, __filename, __dirname) {${textOf(name)}\n})`
  const run = new Script(code, { filename }).runInThisContext()
  run.call(part.exports, part.exports, requirePart, part, filename, folder)
  return part.exports
}
