/**
 * `npm run build:image`: a container image of a relay for each processor, as a
 * file in `release/`. `--only ARCHITECTURE` makes one.
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Archives from "./package/Archives.ts"
import * as OciImage from "./package/OciImage.ts"
import * as Release from "./package/Release.ts"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

if (spawnSync("mmdebstrap", ["--version"]).error !== undefined)
  throw new Error("mmdebstrap is needed: apt-get install mmdebstrap")

const { values } = parseArgs({ options: { only: { type: "string" } } })

await Release.forArchitectures(values.only, async (architecture, program, { companions }) => {
  const output = Release.imageOf(architecture)
  const licenses = companions.find(({ path }) => path === "THIRD_PARTY_LICENSES")
  const options: OciImage.ImageOptions = {
    version: Release.version,
    architecture,
    program,
    licenses: licenses?.content ?? Buffer.alloc(0),
    time: Release.time(),
  }
  await OciImage.write(options, output)
  return output
})
await Archives.writeSums(Release.folder)
