/**
 * `npm run build:image`: a container image of a relay for each processor, as a
 * file in `release/`. `--only ARCHITECTURE` makes one.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Archives from "./package/Archives.ts"
import * as OciImage from "./package/OciImage.ts"
import * as Release from "./package/Release.ts"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

if (spawnSync("mmdebstrap", ["--version"]).error !== undefined)
  throw new Error("mmdebstrap is needed: apt-get install mmdebstrap")

const { values } = parseArgs({ options: { only: { type: "string" } } })
const targets = [
  { architecture: "amd64", platform: "linux-x64" },
  { architecture: "arm64", platform: "linux-arm64" },
] as const

await Release.withParts(async (parts) => {
  const licenses = parts.companions.find(({ path }) => path === "THIRD_PARTY_LICENSES")
  for (const { architecture, platform } of targets) {
    if (values.only !== undefined && values.only !== architecture) continue
    const output = join(Release.folder, `ptth-${Release.version}-${architecture}.oci.tar`)
    const options: OciImage.ImageOptions = {
      version: Release.version,
      architecture,
      program: await Release.writeFolder(platform, parts),
      licenses: licenses?.content ?? Buffer.alloc(0),
      time: Release.time(),
    }
    await OciImage.write(options, output)
    process.stdout.write(`${output}\n`)
  }
})
await Archives.writeSums(Release.folder)
