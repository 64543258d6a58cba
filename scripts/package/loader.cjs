/**
 * Loads the parts of the command's bundle, each once, as Node loads CommonJS
 * modules. Most of a start goes into compiling functions that are called for the
 * first time. Node's compile cache has none of them, because it is filled before
 * a file runs. So what V8 has compiled by the end of a start is kept here, for
 * the next start of the same command. For the first start the build has done the
 * same with its own Node; V8 ignores that in any other.
 *
 * What precedes this code defines `source`: where the parts are, and the compiled code
 * of the build, if there is any. It is wrapped, so that both may have the same names.
 */
const load = (({ compiledBy, folder, requireOther, textOf }) => {
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

  /** Compiled code of an earlier start or of the build, by the part's name. */
  const compiled = new Map()
  /** The memory that has all of it. */
  let memory = new ArrayBuffer(0)

  /** The scripts of this start; `undefined` before `open`, after `keep`, and if no code is to be kept. */
  let scripts

  /** The name of this command's file. */
  const commandName = () => {
    const [, program = "", command = ""] = process.argv
    const [word = "other"] = serving.exec(`${basename(program)} ${command}`) ?? []
    return word.replace("_", "")
  }

  /** The folder of the files; `undefined` unless it is this user's alone, because code from there is run. */
  const privateFolder = () => {
    const { NODE_COMPILE_CACHE: named } = process.env
    const uid = process.getuid?.()
    const path = named || join(require("node:os").tmpdir(), `ptth-code-${uid ?? "user"}`)
    fs.mkdirSync(path, { recursive: true, mode: 0o700 })
    const stats = fs.lstatSync(path)
    const isOwn = uid === undefined || (stats.uid === uid && (stats.mode & 0o022) === 0)
    return stats.isDirectory() && isOwn ? path : undefined
  }

  /** The file for this command, this version of V8 and its flags. */
  const compiledFile = () => {
    const path = privateFolder()
    return path && join(path, `ptth-${commandName()}-${cachedDataVersionTag().toString(16)}`)
  }

  const digestOf = (pieces) => {
    // Not before, because `--version` does without.
    const { createHash } = require("node:crypto")
    const hash = createHash("sha256").update(bundleDigest)
    for (const bytes of pieces) hash.update(bytes)
    return hash.digest()
  }

  /** Takes the code from a file's content, if that is whole and of this bundle. */
  const takeCompiled = (bytes) => {
    const digest = digestOf([bytes.subarray(digestLength)])
    if (!digest.equals(bytes.subarray(0, digestLength))) throw new Error("not of this bundle")
    memory = bytes.buffer
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
    const lengths = JSON.stringify(
      [...codes, ...others].map(([name, { length }]) => [name, length]),
    )
    // V8 copies code that does not begin at a multiple of eight bytes, which its lengths are.
    const list = Buffer.from(
      lengths.padEnd(lengths.length + (-(headerLength + lengths.length) & 7)),
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

  /** Where this start keeps its code; `undefined` if it keeps none. */
  let file

  const openKept = () => {
    if (process.env.NODE_DISABLE_COMPILE_CACHE === "1") return
    file = compiledFile()
    if (file === undefined) return
    scripts = new Map()
    process.once("exit", keep)
    takeCompiled(fs.readFileSync(file))
  }

  const keep = () => {
    const isNew = scripts !== undefined && [...scripts.keys()].some((name) => !compiled.has(name))
    if (isNew) attempt(() => writeCompiled(file))
    scripts = undefined
    compiled.clear()
    memory = memory.transfer(0)
  }

  /** For the command, which calls both with the same flags of V8. */
  globalThis[Symbol.for("ptth.compiled")] = {
    /** Uses what an earlier start has kept, or else what the build has compiled. */
    open() {
      attempt(openKept)
      if (compiled.size > 0 || compiledBy === undefined) return
      const { arch, platform, version } = process
      attempt(() => takeCompiled(compiledBy(`${commandName()}-${version}-${platform}-${arch}`)))
    },
    /** Keeps what this start has compiled, if it has loaded parts that no earlier one had, and frees memory. */
    keep,
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
    const script = new Script(textOf(name), { filename, cachedData: compiled.get(name) })
    if (script.cachedDataRejected) compiled.delete(name)
    scripts?.set(name, script)
    script.runInThisContext().call(part.exports, part.exports, requirePart, part, filename, folder)
    return part.exports
  }

  return load
})(source)
