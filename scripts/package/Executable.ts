/**
 * Makes the single executable of a platform: Node's program with the command's
 * bundle inside (https://nodejs.org/api/single-executable-applications.html).
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { inject } from "postject"
import { loaderOf, partsIn } from "../Bundle.ts"
import * as Elf from "./Elf.ts"
import * as MachO from "./MachO.ts"
import * as Pe from "./Pe.ts"
import * as Runtimes from "./Runtimes.ts"

/** What Node looks for in itself at the start; given in its documentation. */
const resource = {
  name: "NODE_SEA_BLOB",
  fuse: "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2",
  segment: "NODE_SEA",
}

/**
 * The blob with the bundle, made in `folder` by a runtime of this version for this machine.
 * It has no compiled code, since an archive would hardly stay below 45 MB with it.
 */
const blobOf = async (bundle: string, folder: string, version: string): Promise<Buffer> => {
  const assets: Record<string, string> = {}
  const add = (name: string, content: string | Buffer): void => {
    writeFileSync(join(folder, name), content)
    assets[name] = name
  }
  const loader = loaderOf(bundle, "executable")
  add("loader.cjs", loader)
  for (const name of partsIn(bundle)) add(name, readFileSync(join(bundle, name)))
  const start = `${loader}\nload(process.env[partVariable] ?? "Command.js")\n`
  writeFileSync(join(folder, "ptth.cjs"), start)
  // Names without a folder, because the main one becomes a part of the blob.
  const settings = { main: "ptth.cjs", output: "ptth.blob", assets }
  writeFileSync(
    join(folder, "sea-config.json"),
    JSON.stringify({ ...settings, disableExperimentalSEAWarning: true }),
  )
  execFileSync(await Runtimes.nodeOf(version), ["--experimental-sea-config", "sea-config.json"], {
    cwd: folder,
    stdio: "ignore",
  })
  return readFileSync(join(folder, "ptth.blob"))
}

/** Node's program without what does not hold, or is not needed, once the bundle is in it. */
const bare = (platform: Runtimes.Platform, program: Buffer): Buffer => {
  if (platform.startsWith("linux")) return Elf.strip(program)
  return platform.startsWith("win") ? Pe.unsign(program) : program
}

/** Writes the executable of a platform, with the bundle in a folder, to `file`. */
export const write = async (
  platform: Runtimes.Platform,
  bundle: string,
  file: string,
): Promise<void> => {
  const runtime = Runtimes.runtimes[platform]
  const [program] = await Runtimes.filesOf(runtime, [runtime.program])
  if (program === undefined) throw new Error(`${runtime.name} has no ${runtime.program}`)
  const folder = resolve(dirname(file), ".parts")
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const blob = await blobOf(bundle, folder, runtime.version)
  rmSync(folder, { recursive: true })
  writeFileSync(file, bare(platform, program))
  chmodSync(file, 0o755)
  await inject(file, resource.name, blob, {
    sentinelFuse: resource.fuse,
    ...(platform.startsWith("macos") ? { machoSegmentName: resource.segment } : {}),
  })
  if (platform.startsWith("win") && Pe.signatureOf(readFileSync(file)).length > 0)
    throw new Error(`${file} has a signature, which cannot be right`)
  if (platform.startsWith("macos"))
    writeFileSync(file, MachO.sign(MachO.strip(readFileSync(file)), "ptth"))
}
