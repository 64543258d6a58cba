/**
 * What is bundled, and how: the command with everything that it needs, and the
 * library entries without Effect, which an app brings itself.
 */
import { createHash } from "node:crypto"
import { chmodSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { basename, dirname, join, relative, resolve } from "node:path"
import {
  type InputOptions,
  type OutputOptions,
  type Plugin,
  type RolldownOutput,
  rolldown,
} from "rolldown"
import { dts } from "rolldown-plugin-dts"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

const read = (folder: string): Manifest & Readonly<Record<string, unknown>> =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))

/** This package's manifest. */
export const manifest = read(".")

/** The name of the package that an import names: `@a/b` of `@a/b/c`. */
export const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

/** Threads and processes of our own, each the entry of a file beside the code that starts it. */
const workers = globSync("src/**/*Worker.ts")
  .filter((file) => /parentPort|process\.on\("message"/.test(readFileSync(file, "utf8")))
  .sort()

const natives = new Map<string, boolean>()

/**
 * Whether a package has native code, which cannot be bundled: it compiles some
 * when it is installed, or has packages for platforms.
 */
const isNative = (name: string): boolean => {
  const known = natives.get(name)
  if (known !== undefined) return known
  const folder = join("node_modules", name)
  const native =
    existsSync(join(folder, "package.json")) &&
    (existsSync(join(folder, "binding.gyp")) ||
      Object.keys((read(folder).optionalDependencies as object | undefined) ?? {}).some((part) =>
        /(?:linux|darwin|win32)[-_](?:x64|arm64)/.test(part),
      ))
  natives.set(name, native)
  return native
}

/** Rolldown's own helpers, which it brings. */
const helpers = "@oxc-project/runtime"

/** Packages that others ask for if they are there, and that are not. */
const isAbsent = (name: string): boolean =>
  name !== helpers && !existsSync(join("node_modules", name, "package.json"))

const isExternal =
  (isOutside: (name: string) => boolean) =>
  (specifier: string): boolean => {
    if (isBuiltin(specifier)) return true
    if (/^[./\0]/.test(specifier) || specifier.includes(":")) return false
    const name = packageOf(specifier)
    return isOutside(name) || isNative(name) || isAbsent(name)
  }

const common = (isOutside: (name: string) => boolean): InputOptions => ({
  platform: "node",
  external: isExternal(isOutside),
  transform: { define: { PTTH_VERSION: JSON.stringify(manifest.version) } },
  onLog: (level, log, handle) => {
    // Effect asks for `import.meta.env` of browsers' bundlers, and does without it.
    if (log.code !== "EMPTY_IMPORT_META" || !log.id?.includes("node_modules")) handle(level, log)
  },
})

const named = (files: ReadonlyArray<string>): Record<string, string> =>
  Object.fromEntries(files.map((file) => [basename(file, ".ts"), file]))

/** Names of chunks do not depend on their content, so that a build is easily compared with another. */
const fileNames: OutputOptions = {
  entryFileNames: "[name].js",
  chunkFileNames: "[name].js",
}

/** Node's modules that take memory and that not every command uses. */
const heavy = [
  "child_process",
  "fs/promises",
  "https",
  "perf_hooks",
  "readline",
  "stream/consumers",
  "tls",
  "vm",
  "worker_threads",
  "zlib",
]

/**
 * Our own modules that not every start uses: each is a chunk with what only it
 * needs. They must be used in functions only, not while others are loaded.
 */
const late: ReadonlyArray<string> = [
  "src/fileserver/access/Guard.ts",
  "src/fileserver/change/Bin.ts",
  "src/fileserver/dav/DavHandler.ts",
  "src/fileserver/manage/FormHandler.ts",
  "src/fileserver/pages/FileForms.ts",
  "src/fileserver/pages/FolderPages.ts",
  "src/fileserver/pages/NearestFolder.ts",
  "src/fileserver/pages/TopPage.ts",
  "src/fileserver/shares/ShareLinks.ts",
  "src/fileserver/shares/ShareStore.ts",
  "src/fileserver/tus/TusUploads.ts",
  "src/fileserver/types/StandardTypes.ts",
  "src/fileserver/uploads/Uploads.ts",
  "src/web/Assets.ts",
  "src/web/Page.ts",
]

/** How chunks name the {@link late} ones until {@link loadLate} has seen them. */
const lateName = (file: string): string => `late:${basename(file, ".ts")}`

/** Makes imports of {@link late} modules refer to their chunks, which are entries of the bundle. */
const splitLate: Plugin = {
  name: "split-late",
  resolveId: (source, importer) => {
    if (importer === undefined || !source.startsWith(".")) return null
    const file = relative(".", resolve(dirname(importer), source))
    return late.includes(file) ? { id: lateName(file), external: true } : null
  },
}

/** Makes a chunk load {@link late} chunks and Node's {@link heavy} modules when it uses them instead of at its start. */
const loadLate = (code: string): string => {
  const imports = new RegExp(
    `^let (\\w+) = require\\("(node:(?:${heavy.join("|")})|late:\\w+)"\\);$`,
    "gm",
  )
  let output = code
  for (const [line, name = "", module = ""] of code.matchAll(imports))
    output = output
      .replace(line, "")
      .replace(new RegExp(`^${name} = .*\\(${name}(?:, 1)?\\);$`, "m"), "")
      .replaceAll(
        new RegExp(`\\b${name}(?:\\.default)?\\b`, "g"),
        `(require("${module.replace(/^late:(.*)/, "./$1.js")}"))`,
      )
  return output
}

/**
 * Effect's help makes an `Intl.Segmenter` when it is loaded, which reads a mebibyte
 * of Unicode's data. This makes one for each text instead.
 */
const segmentLate: Plugin = {
  name: "segment-late",
  transform: {
    filter: { id: /effect\/dist\/cli\/CliOutput\.js$/ },
    handler: (code) => {
      const made = /= \/\*#__PURE__\*\/(new Intl\.Segmenter\([^)]*\));/
      if (!made.test(code)) throw new Error("CliOutput.js has no segmenter to make later any more")
      return code.replace(made, "= { segment: text => $1.segment(text) };")
    },
  },
}

/** Escapes what is not ASCII: V8 keeps code with one other character in two bytes for each. */
const toAscii = (code: string): string =>
  code.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** The entry of the command, by the name of its part. */
const commandEntry = { Command: "src/bin.ts" }

/** The name of a part that is a thread or a process of its own. */
const workerNames = workers.map((file) => `${basename(file, ".ts")}.js`)

/** A part as a function: its text is what V8 compiles, so that it need not be copied into one. */
const wrap = (code: string): string =>
  `(function (exports, require, module, __filename, __dirname) {${code}\n})`

/** The names of the parts in a folder. */
export const partsIn = (dir: string): ReadonlyArray<string> => globSync("*.js", { cwd: dir }).sort()

/** The digest of the parts in a folder. */
export const digestOf = (dir: string): string => {
  const digest = createHash("sha256")
  for (const name of partsIn(dir)) digest.update(readFileSync(join(dir, name)))
  return digest.digest("hex")
}

/**
 * The code that loads the parts in a folder: the package's from one file, the
 * single executable's from itself. `index` says where in the file each part is.
 */
export const loaderOf = (
  dir: string,
  from: "file" | "executable",
  index: Readonly<Record<string, readonly [start: number, length: number]>> = {},
): string => {
  const read = (name: string): string => readFileSync(`scripts/package/${name}.cjs`, "utf8")
  const source = read(from).replace('"PARTS"', JSON.stringify(index))
  return `${source}\n${read("loader").replace("BUNDLE_DIGEST", digestOf(dir))}`
}

/** Writes the parts of the command and its workers, with all packages that have no native code. */
export const bundleCommand = async (dir: string): Promise<RolldownOutput> => {
  const build = await rolldown({
    ...common(() => false),
    input: { ...commandEntry, ...named([...workers, ...late]) },
    plugins: [segmentLate, splitLate],
  })
  // CommonJS: the modules that Node loads as such take 8 MiB less than those of ES, and the
  // single executable can load no others.
  const output = await build.write({
    ...fileNames,
    dir,
    format: "cjs",
    comments: { legal: false, annotation: false, jsdoc: false },
    // V8 keeps the text of all code that it has loaded. Names stay as they are, for stack traces.
    minify: {
      compress: { keepNames: { function: true, class: true } },
      mangle: { toplevel: false, keepNames: true },
      codegen: { removeWhitespace: true },
    },
    dynamicImportInCjs: false,
    plugins: [{ name: "load-late", renderChunk: loadLate }],
  })
  for (const chunk of output.output)
    if (chunk.type === "chunk")
      writeFileSync(join(dir, chunk.fileName), toAscii(wrap(chunk.code.replace(/^#!.*/, ""))))
  return output
}

/**
 * Writes the command of the package from the parts in a folder: a program, one
 * file with all parts, and a file for each worker, because Node starts those by
 * their files. Gives the path of the program.
 */
export const writeCommand = (parts: string, dir: string): string => {
  mkdirSync(dir, { recursive: true })
  const write = (name: string, text: string, mode = 0o644): void => {
    writeFileSync(join(dir, name), text)
    chmodSync(join(dir, name), mode)
  }
  const index: Record<string, readonly [start: number, length: number]> = {}
  let all = ""
  for (const name of partsIn(parts)) {
    const text = readFileSync(join(parts, name), "latin1")
    index[name] = [all.length, text.length]
    all += `${text}\n`
  }
  write("parts", all)
  const start = 'module.exports = load\nif (require.main === module) load("Command.js")\n'
  write("bin.js", `#!/usr/bin/env node\n${loaderOf(parts, "file", index)}\n${start}`, 0o755)
  for (const name of workerNames)
    write(name, `"use strict"\nrequire("./bin.js")(${JSON.stringify(name)})\n`)
  write("package.json", `${JSON.stringify({ type: "commonjs" })}\n`)
  return join(dir, "bin.js")
}

/** The names of the library's entries, such as `server` of `ptth/server`. */
const entries = (): ReadonlyArray<string> =>
  Object.keys(manifest.exports)
    .filter((path) => !path.endsWith(".json"))
    .map((path) => path.slice("./".length))

/** The library's entries and workers; Effect and native packages stay imports. */
export const bundleLibrary = async (dir: string): Promise<RolldownOutput> => {
  const build = await rolldown({
    ...common((name) => name in manifest.peerDependencies),
    input: {
      ...Object.fromEntries(entries().map((entry) => [entry, `src/${entry}/index.ts`])),
      ...named(workers),
    },
  })
  return build.write({ ...fileNames, dir, format: "esm" })
}

/** The declarations of the library's entries, from those of each file in `source`. */
export const bundleTypes = async (source: string, dir: string): Promise<void> => {
  const build = await rolldown({
    ...common((name) => name in manifest.peerDependencies),
    input: Object.fromEntries(entries().map((entry) => [entry, `./${source}/${entry}/index.d.ts`])),
    plugins: [dts({ dtsOnly: true, generator: "oxc" })],
  })
  await build.write({ ...fileNames, dir, format: "esm" })
}

/** The packages that a bundle holds something of, by the ids of its modules. */
export const packagesIn = (outputs: ReadonlyArray<RolldownOutput>): ReadonlyArray<string> => {
  const modules = outputs
    .flatMap(({ output }) => output)
    .flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : []))
  const folders = modules.flatMap((id) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? [])
  return [...new Set(folders)].sort()
}
