/**
 * The first code of the single executable, of each of its threads and of each
 * process that it starts: loads the command's bundle from the executable
 * instead of from files. What follows this code calls `load`.
 */
"use strict"

const processes = require("node:child_process")
const { createRequire } = require("node:module")
const { basename, dirname, join } = require("node:path")
const { getRawAsset } = require("node:sea")
const { Script } = require("node:vm")
const threads = require("node:worker_threads")

/** Where the bundle would be if it were files; in stack traces. */
const folder = join(dirname(process.execPath), "ptth.bundle")

/** For packages with native code, if somebody has put them beside the executable. */
const requireBeside = createRequire(process.execPath)

// All of it is ASCII, see `Bundle.ts`.
const textOf = (name) => Buffer.from(getRawAsset(name)).latin1Slice()

const isPart = (name) => /^\.{1,2}\/[\w./-]+\.js$/.test(name)

/** A thread whose code is a file of the bundle. */
class Worker extends threads.Worker {
  constructor(file, options) {
    const code = `${textOf("loader.cjs")}\nload(${JSON.stringify(basename(file.pathname))})`
    super(code, { ...options, eval: true })
  }
}

/** Names the file of the bundle that a process runs instead of the command. */
const partVariable = "PTTH_BUNDLE_PART"

/** Starts a process whose code is a file of the bundle. */
const fork = (file, args, { env = process.env, execArgv = [], ...options } = {}) =>
  processes.spawn(process.execPath, args, {
    ...options,
    env: { ...env, [partVariable]: basename(file), NODE_OPTIONS: execArgv.join(" ") },
  })

const replaced = {
  "node:worker_threads": { ...threads, Worker },
  "node:child_process": { ...processes, fork },
}

const loaded = new Map()

const requirePart = (name) =>
  isPart(name) ? load(basename(name)) : (replaced[name] ?? requireBeside(name))

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
