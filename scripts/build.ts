/**
 * Builds the package into `dist/`: the command as a bundle with its compiled code,
 * and the library's entries with their types. `--command` builds the command
 * alone, and `--if-stale` that without compiled code, and only if it was built
 * from other sources, as for the tests.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Bundle from "./Bundle.ts"
import * as CompiledCode from "./package/CompiledCode.ts"
import * as Licenses from "./package/Licenses.ts"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

/** Holds the hash of the sources that the command was built from. */
const hashFile = "dist/.sources"

/** Declarations of each file, from which those of the entries are put together. */
const declarations = "dist/.types"

const hashSources = (): string => {
  const hash = createHash("sha256")
  const others = ["package.json", "package-lock.json", "scripts/Bundle.ts", "scripts/build.ts"]
  const sources = globSync(["scripts/package/*.cjs", "src/**/*.ts"]).sort()
  for (const file of [...others, ...sources])
    hash.update(`${file}\0`).update(readFileSync(file)).update("\0")
  return hash.digest("hex")
}

const compiledFolder = "dist/command/compiled"
const compiledBefore = CompiledCode.read(compiledFolder)

const buildCommand = async (isCompiled: boolean) => {
  const parts = "dist/.parts"
  const output = await Bundle.bundleCommand(parts)
  Bundle.writeCommand(parts, "dist/command")
  if (isCompiled) CompiledCode.write(await CompiledCode.of(parts, compiledBefore), compiledFolder)
  rmSync(parts, { recursive: true })
  return output
}

const buildAll = async (): Promise<void> => {
  const compiler = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"]
  const { status } = spawnSync(process.execPath, compiler, { stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
  const outputs = [await buildCommand(true), await Bundle.bundleLibrary("dist/library")]
  await Bundle.bundleTypes(declarations, "dist/library")
  rmSync(declarations, { recursive: true })
  writeFileSync("dist/THIRD_PARTY_LICENSES", Licenses.render(Bundle.packagesIn(outputs)))
}

const { values } = parseArgs({
  options: {
    command: { type: "boolean", default: false },
    "if-stale": { type: "boolean", default: false },
  },
})
const sources = hashSources()
const isFresh = existsSync(hashFile) && readFileSync(hashFile, "utf8") === sources
if (!(values["if-stale"] && isFresh)) {
  rmSync("dist", { recursive: true, force: true })
  const isWhole = !values.command && !values["if-stale"]
  await (isWhole ? buildAll() : buildCommand(!values["if-stale"]))
  writeFileSync(hashFile, sources)
}
