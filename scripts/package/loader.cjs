/**
 * Loads the parts of the command's bundle, each once, as Node loads CommonJS
 * modules. Most of a start goes into compiling functions that are called for the
 * first time. Node's compile cache has none of them, because it is filled before
 * a file runs. So what V8 has compiled by the end of a start is kept here, for
 * the next start of the same command.
 *
 * What precedes this code defines `source`: where the parts are. It is wrapped, so that
 * both may have the same names.
 */
const load = (({ folder, requireOther, textOf }) => {
  const fs = require("node:fs")
  const { basename, join } = require("node:path")
  const { cachedDataVersionTag } = require("node:v8")
  const { Script } = require("node:vm")

  /** The digest of all parts, which the build fills in. */
  const bundleDigest = "BUNDLE_DIGEST"

  /** Commands with a file of compiled code of their own; the others share one. */
  const serving = /file_?server|relay|server|share|dev/

  /** The start of such a file: its digest, and the length of the list of parts in bytes. */
  const digestLength = 32
  const headerLength = digestLength + 4

  /** Compiled code of an earlier start, by the part's name. */
  const compiled = new Map()
  /** The memory that has all of it. */
  let memory = new ArrayBuffer(0)

  /** The scripts of this start; `undefined` before `open`, after `keep`, and if no code is to be kept. */
  let scripts

  /** The folder of the files; `undefined` unless it is this user's alone, because code from there is run. */
  const privateFolder = () => {
    const { NODE_COMPILE_CACHE: named, NODE_DISABLE_COMPILE_CACHE: disabled } = process.env
    if (disabled === "1") return undefined
    const uid = process.getuid?.()
    const path = named || join(require("node:os").tmpdir(), `ptth-code-${uid ?? "user"}`)
    fs.mkdirSync(path, { recursive: true, mode: 0o700 })
    const stats = fs.lstatSync(path)
    const isOwn = uid === undefined || (stats.uid === uid && (stats.mode & 0o022) === 0)
    return stats.isDirectory() && isOwn ? path : undefined
  }

  /** The file for this command, this version of V8 and its flags. */
  const compiledFile = () => {
    const [, program = "", command = ""] = process.argv
    const [word = "other"] = serving.exec(`${basename(program)} ${command}`) ?? []
    const path = privateFolder()
    return path && join(path, `ptth-${word}-${cachedDataVersionTag().toString(16)}`)
  }

  const digestOf = (pieces) => {
    // Not before, because `--version` does without.
    const { createHash } = require("node:crypto")
    const hash = createHash("sha256").update(bundleDigest)
    for (const bytes of pieces) hash.update(bytes)
    return hash.digest()
  }

  /** Reads a file, if it is whole and of this bundle. */
  const readCompiled = (file) => {
    const bytes = fs.readFileSync(file)
    memory = bytes.buffer
    const digest = digestOf([bytes.subarray(digestLength)])
    if (!digest.equals(bytes.subarray(0, digestLength))) return
    let offset = headerLength + bytes.readUInt32LE(digestLength)
    for (const [name, length] of JSON.parse(bytes.latin1Slice(headerLength, offset))) {
      compiled.set(name, bytes.subarray(offset, offset + length))
      offset += length
    }
  }

  /** Writes the code of this start, and that of other parts from earlier ones. */
  const writeCompiled = (file) => {
    const codes = [...scripts].map(([name, script]) => [name, script.createCachedData()])
    const others = [...compiled].filter(([name]) => !scripts.has(name))
    const list = Buffer.from(
      JSON.stringify([...codes, ...others].map(([name, { length }]) => [name, length])),
    )
    const header = Buffer.alloc(4)
    header.writeUInt32LE(list.length)
    const content = [header, list, ...[...codes, ...others].map(([, code]) => code)]
    const part = `${file}.${process.pid}`
    const descriptor = fs.openSync(part, "w", 0o600)
    try {
      for (const bytes of [digestOf(content), ...content]) fs.writeSync(descriptor, bytes)
    } finally {
      fs.closeSync(descriptor)
      // The next collection would free it, which an idle process may wait for for good.
      for (const [, code] of codes) code.buffer.transfer(0)
    }
    fs.renameSync(part, file)
  }

  /** Ignores failures: the next start then compiles everything again. */
  const attempt = (action) => {
    try {
      return action()
    } catch {
      return undefined
    }
  }

  let file

  /** For the command, which calls both with the same flags of V8. */
  globalThis[Symbol.for("ptth.compiled")] = {
    /** Uses what an earlier start has kept. */
    open() {
      file = attempt(compiledFile)
      if (file === undefined) return
      attempt(() => readCompiled(file))
      scripts = new Map()
      process.once("exit", this.keep)
    },
    /** Keeps what this start has compiled, if it has loaded parts that no earlier one had, and frees memory. */
    keep() {
      const isNew = scripts !== undefined && [...scripts.keys()].some((name) => !compiled.has(name))
      if (isNew) attempt(() => writeCompiled(file))
      scripts = undefined
      compiled.clear()
      memory = memory.transfer(0)
    },
  }

  const isPart = (name) => /^\.{1,2}\/[\w./-]+\.js$/.test(name)

  const loaded = new Map()

  const requirePart = (name) => (isPart(name) ? load(basename(name)) : requireOther(name))

  function load(name) {
    const before = loaded.get(name)
    if (before !== undefined) return before.exports
    const part = { exports: {} }
    loaded.set(name, part)
    const filename = `${folder}/${name}`
    const code = `(function (exports, require, module, __filename, __dirname) {${textOf(name)}\n})`
    const script = new Script(code, { filename, cachedData: compiled.get(name) })
    if (script.cachedDataRejected) compiled.delete(name)
    scripts?.set(name, script)
    script.runInThisContext().call(part.exports, part.exports, requirePart, part, filename, folder)
    return part.exports
  }

  return load
})(source)
