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
const targets = [
  { architecture: "amd64", platform: "linux-x64" },
  { architecture: "arm64", platform: "linux-arm64" },
] as const

await Release.withParts(async (parts) => {
  for (const { architecture, platform } of targets) {
    if (values.only !== undefined && values.only !== architecture) continue
    const output = join(Release.folder, `ptth_${Release.version}_${architecture}.deb`)
    const options: DebianPackage.DebianOptions = {
      version: Release.version,
      architecture,
      program: await Release.writeFolder(platform, parts),
      companions: parts.companions,
      time: Release.time(),
      ...(values.fast ? { compression: ["gzip", 1] as const } : {}),
    }
    DebianPackage.write(options, join(Release.folder, ".deb"), output)
    process.stdout.write(`${output}\n`)
  }
})
await Archives.writeSums(Release.folder)
