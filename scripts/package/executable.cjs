/**
 * The first code of the single executable, of each of its threads and of each
 * process that it starts: its bundle is in the executable instead of in files.
 */
"use strict"

const processes = require("node:child_process")
const { createRequire } = require("node:module")
const { basename, dirname, join } = require("node:path")
const { getRawAsset } = require("node:sea")
const threads = require("node:worker_threads")

/** For packages with native code, if somebody has put them beside the executable. */
const requireBeside = createRequire(process.execPath)

// All of it is ASCII, see `Bundle.ts`.
const textOf = (name) => Buffer.from(getRawAsset(name)).latin1Slice()

/** A thread whose code is a part of the bundle. */
class Worker extends threads.Worker {
  constructor(file, options) {
    const code = `${textOf("loader.cjs")}\nload(${JSON.stringify(basename(file.pathname))})`
    super(code, { ...options, eval: true })
  }
}

/** Names the part of the bundle that a process runs instead of the command. */
const partVariable = "PTTH_BUNDLE_PART"

/** Starts a process whose code is a part of the bundle. */
const fork = (file, args, { env = process.env, execArgv = [], ...options } = {}) =>
  processes.spawn(process.execPath, args, {
    ...options,
    env: { ...env, [partVariable]: basename(file), NODE_OPTIONS: execArgv.join(" ") },
  })

const replaced = {
  "node:worker_threads": { ...threads, Worker },
  "node:child_process": { ...processes, fork },
}

// biome-ignore lint/correctness/noUnusedVariables: loader.cjs, which follows, uses it
const source = {
  /** Where the bundle would be if it were files; in stack traces. */
  folder: join(dirname(process.execPath), "ptth.bundle"),
  textOf,
  // It would make the archives too large.
  compiledBy: undefined,
  requireOther: (name) => replaced[name] ?? requireBeside(name),
}
