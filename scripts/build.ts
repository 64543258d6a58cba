/**
 * Builds the package: `src/` becomes `dist/`, file by file, with declarations
 * and source maps, and the command becomes executable. With `--if-stale` it
 * does nothing when `dist/` was built from the same sources, and does not check
 * types: the tests call it so, and `npm run check` is for that.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { chmodSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

/** Holds the hash of the sources that `dist/` was built from. */
const hashFile = "dist/.sources"

const hashSources = (): string => {
  const hash = createHash("sha256")
  const compiler = ["tsconfig.json", "tsconfig.build.json", "node_modules/typescript/package.json"]
  for (const file of [...compiler, ...globSync("src/**/*.ts").sort()])
    hash.update(`${file}\0`).update(readFileSync(file)).update("\0")
  return hash.digest("hex")
}

const sources = hashSources()
const isForTests = process.argv.includes("--if-stale")
const isStale = !existsSync(hashFile) || readFileSync(hashFile, "utf8") !== sources
if (isStale || !isForTests) {
  rmSync("dist", { recursive: true, force: true })
  const compiler = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"]
  if (isForTests) compiler.push("--noCheck")
  const { status } = spawnSync(process.execPath, compiler, { stdio: "inherit" })
  if (status === 0) {
    chmodSync("dist/bin.js", 0o755)
    writeFileSync(hashFile, sources)
  } else process.exitCode = status ?? 1
}
