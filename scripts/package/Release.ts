/**
 * What the scripts that fill `release/` have in common: the bundle, what
 * belongs to each program, and the folder of each platform.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { bundleCommand, manifest, packagesIn } from "../Bundle.ts"
import * as Contents from "./Contents.ts"
import * as Executable from "./Executable.ts"
import * as Runtimes from "./Runtimes.ts"

/** Where everything is written; not in version control. */
export const folder = "release"

/** The version that is built. */
export const version = manifest.version

/** The processors that Linux's packages and images are for, by their names there, with their platforms. */
const platformOf = { amd64: "linux-x64", arm64: "linux-arm64" } as const

/** A processor, as packages and images of Linux name it. */
export type Architecture = keyof typeof platformOf

/** What is built: the one that `--only` names, or without it all. */
export const chosen = <A extends string>(
  all: ReadonlyArray<A>,
  only: string | undefined,
): ReadonlyArray<A> => {
  const some = all.filter((one) => only === undefined || one === only)
  if (some.length === 0) throw new Error(`--only is one of ${all.join(", ")}, not ${only}`)
  return some
}

/** When the commit was made, as the time of all files. `SOURCE_DATE_EPOCH` overrides it. */
export const time = (): Date => {
  const seconds =
    process.env.SOURCE_DATE_EPOCH ??
    execFileSync("git", ["log", "-1", "--format=%ct"], { encoding: "utf8" })
  return new Date(Number(seconds) * 1000)
}

/** The bundle, and what belongs to each program. */
export interface Parts {
  /** The folder of the bundle. */
  readonly bundle: string
  /** The folders of the packages in it. */
  readonly packages: ReadonlyArray<string>
  readonly companions: ReadonlyArray<Contents.PackedFile>
}

/** Builds the bundle; `use` works with it, and afterwards it is removed. */
export const withParts = async <A>(use: (parts: Parts) => Promise<A>): Promise<A> => {
  const bundle = join(folder, ".bundle")
  rmSync(bundle, { recursive: true, force: true })
  const output = await bundleCommand(bundle)
  // Not every runtime comes with Node's licence.
  const [node] = await Runtimes.filesOf(Runtimes.runtimes["linux-x64"], ["LICENSE"])
  if (node === undefined) throw new Error("the runtime has no licence")
  const packages = packagesIn([output])
  const companions = await Contents.companions(version, packages, node.toString("utf8"))
  const result = await use({ bundle, packages, companions })
  rmSync(bundle, { recursive: true })
  return result
}

/** The Debian package for a processor. */
export const debOf = (architecture: string): string =>
  join(folder, `ptth_${version}_${architecture}.deb`)

/** The container image for a processor. */
export const imageOf = (architecture: string): string =>
  join(folder, `ptth-${version}-${architecture}.oci.tar`)

const isWindows = (platform: Runtimes.Platform): boolean => platform.startsWith("win")

/** The folder of a platform. */
export const folderOf = (platform: Runtimes.Platform): string => join(folder, `ptth-${platform}`)

/** The program in the folder of its platform. */
export const programOf = (platform: Runtimes.Platform): string =>
  isWindows(platform) ? "ptth.exe" : "ptth"

/** The other names of the program on a platform; Windows has no links. */
export const linksOf = (platform: Runtimes.Platform): ReadonlyArray<string> =>
  isWindows(platform) ? [] : Contents.programNames

/** Writes the folder of a platform: the executable, its other names, and what belongs to it. */
export const writeFolder = async (platform: Runtimes.Platform, parts: Parts): Promise<string> => {
  const target = folderOf(platform)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const program = join(target, programOf(platform))
  await Executable.write(platform, parts.bundle, program)
  for (const { content, mode, path } of parts.companions) {
    mkdirSync(dirname(join(target, path)), { recursive: true })
    writeFileSync(join(target, path), content)
    chmodSync(join(target, path), mode)
  }
  for (const link of linksOf(platform)) symlinkSync(programOf(platform), join(target, link))
  process.stdout.write(`${program}\n`)
  return program
}

/** Builds what is for Linux, for each processor or that of `--only`, from its executable; `build` gives the file. */
export const forArchitectures = (
  only: string | undefined,
  build: (architecture: Architecture, program: string, parts: Parts) => Promise<string>,
): Promise<void> => {
  const architectures = chosen(Object.keys(platformOf) as Array<Architecture>, only)
  return withParts(async (parts) => {
    for (const architecture of architectures) {
      const program = await writeFolder(platformOf[architecture], parts)
      process.stdout.write(`${await build(architecture, program, parts)}\n`)
    }
  })
}
