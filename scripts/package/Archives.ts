/**
 * Packs files into archives whose bytes depend on nothing but the files and the
 * time that is given: no owners, no order of a folder, no time zone.
 */
import { createHash } from "node:crypto"
import { createReadStream, createWriteStream, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { constants, createGzip } from "node:zlib"
import { pack } from "tar-stream"
import { ZipFile } from "yazl"
import type { PackedFile } from "./Contents.ts"

/** A link of a package: its path, and what it refers to from its folder. */
export interface PackedLink {
  readonly path: string
  readonly target: string
}

/** A folder that is not simply root's. */
export interface PackedFolder {
  readonly path: string
  readonly mode: number
  /** Its user and group. */
  readonly owner: number
}

/** What is packed, and how. */
export interface ArchiveOptions {
  readonly files: ReadonlyArray<PackedFile>
  readonly links?: ReadonlyArray<PackedLink>
  readonly folders?: ReadonlyArray<PackedFolder>
  /** The time of all files. */
  readonly time: Date
  /** The level of compression, 1 to 9. */
  readonly level?: number
}

const best = constants.Z_BEST_COMPRESSION

/** The folders above the paths, each before what is in it. */
const foldersOf = (paths: ReadonlyArray<string>): ReadonlyArray<string> => {
  const folders = paths.flatMap((path) => {
    const parts = path.split("/").slice(0, -1)
    return parts.map((_, i) => parts.slice(0, i + 1).join("/"))
  })
  return [...new Set(folders)].sort()
}

/** The files as a tar archive. */
export const tar = ({ files, folders = [], links = [], time }: ArchiveOptions) => {
  const archive = pack()
  const common = { mtime: time, uid: 0, gid: 0 }
  const special = new Map(folders.map((folder) => [folder.path, folder]))
  const above = foldersOf([...files, ...links].map(({ path }) => path))
  for (const path of [...new Set([...above, ...special.keys()])].sort()) {
    const { mode = 0o755, owner = 0 } = special.get(path) ?? {}
    const header = { ...common, uid: owner, gid: owner, mode }
    archive.entry({ ...header, name: `${path}/`, type: "directory" })
  }
  for (const { content, mode, path } of files)
    archive.entry({ ...common, name: path, mode }, content)
  for (const { path, target } of links)
    archive.entry({ ...common, name: path, type: "symlink", linkname: target, mode: 0o777 })
  archive.finalize()
  return archive
}

/** Writes a `.tar.gz`. */
export const writeTarGz = (file: string, options: ArchiveOptions): Promise<void> =>
  pipeline(tar(options), createGzip({ level: options.level ?? best }), createWriteStream(file))

/** Writes a `.zip`, which has no links. */
export const writeZip = (
  file: string,
  { files, level = best, time }: ArchiveOptions,
): Promise<void> => {
  const archive = new ZipFile()
  for (const { content, mode, path } of files)
    archive.addBuffer(content, path, {
      mtime: time,
      mode: 0o100000 | mode,
      compressionLevel: level,
    })
  archive.end()
  return pipeline(archive.outputStream, createWriteStream(file))
}

/** What is given to others, and therefore has a checksum. */
const isReleased = /\.(?:tar\.gz|zip|deb|tgz|json|oci\.tar)$/

/** The SHA-256 of each file that a folder has to give to others, in the order of their names. */
export const sumsOf = async (folder: string): Promise<ReadonlyMap<string, string>> => {
  const sums = new Map<string, string>()
  const names = readdirSync(folder).filter((name) => isReleased.test(name))
  for (const name of names.sort()) {
    const hash = createHash("sha256")
    await pipeline(createReadStream(join(folder, name)), hash)
    sums.set(name, hash.digest("hex"))
  }
  return sums
}

/** Writes `SHA256SUMS` of what a folder has to give to others, for `sha256sum --check`. */
export const writeSums = async (folder: string): Promise<void> => {
  const lines = [...(await sumsOf(folder))].map(([name, sum]) => `${sum}  ${name}\n`)
  writeFileSync(join(folder, "SHA256SUMS"), lines.join(""))
}
