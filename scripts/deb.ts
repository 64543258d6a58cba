/**
 * `npm run build:deb`: the Debian packages in `release/`, for amd64 and arm64.
 * `--only ARCHITECTURE` makes one, and `--fast` compresses it little, for tests.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Archives from "./package/Archives.ts"
import * as DebianPackage from "./package/DebianPackage.ts"
import * as Release from "./package/Release.ts"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

if (spawnSync("dpkg-deb", ["--version"]).error !== undefined)
  throw new Error("dpkg-deb is needed: run this on Debian, or install dpkg")

const { values } = parseArgs({
  options: { only: { type: "string" }, fast: { type: "boolean", default: false } },
})

await Release.forArchitectures(values.only, async (architecture, program, { companions }) => {
  const output = Release.debOf(architecture)
  const options: DebianPackage.DebianOptions = {
    version: Release.version,
    architecture,
    program,
    companions,
    time: Release.time(),
    ...(values.fast ? { compression: ["gzip", 1] as const } : {}),
  }
  DebianPackage.write(options, join(Release.folder, ".deb"), output)
  return output
})
await Archives.writeSums(Release.folder)
