/**
 * `npm run build:binaries`: the single executables in `release/`, and an archive
 * of each with what belongs to it. `--only PLATFORM` makes one, and
 * `--no-archives` leaves the archives out.
 */
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Archives from "./package/Archives.ts"
import * as Contents from "./package/Contents.ts"
import * as Release from "./package/Release.ts"
import * as Runtimes from "./package/Runtimes.ts"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))

/** The most that an archive may have, in bytes. */
const maxArchive = 45_000_000

const { values } = parseArgs({
  options: { only: { type: "string" }, "no-archives": { type: "boolean", default: false } },
})
const platforms = Release.chosen(Runtimes.platforms, values.only)

const writeArchive = async (
  platform: Runtimes.Platform,
  companions: ReadonlyArray<Contents.PackedFile>,
): Promise<void> => {
  const program = Release.programOf(platform)
  const top = `ptth-${Release.version}-${platform}`
  const isZip = Release.linksOf(platform).length === 0
  const content = readFileSync(join(Release.folderOf(platform), program))
  const file = join(Release.folder, `${top}${isZip ? ".zip" : ".tar.gz"}`)
  await (isZip ? Archives.writeZip : Archives.writeTarGz)(file, {
    files: [Contents.file(program, content, 0o755), ...companions].map((packed) => ({
      ...packed,
      path: `${top}/${packed.path}`,
    })),
    links: Release.linksOf(platform).map((path) => ({ path: `${top}/${path}`, target: program })),
    time: Release.time(),
  })
  const { size } = statSync(file)
  process.stdout.write(`${file}  ${size} bytes\n`)
  if (size > maxArchive) throw new Error(`${file} is larger than ${maxArchive} bytes`)
}

await Release.withParts(async (parts) => {
  for (const platform of platforms) {
    await Release.writeFolder(platform, parts)
    if (!values["no-archives"]) await writeArchive(platform, parts.companions)
  }
})
if (!values["no-archives"]) await Archives.writeSums(Release.folder)
