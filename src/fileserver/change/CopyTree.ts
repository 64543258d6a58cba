/**
 * Copies a file or folder to a free name: what is served, and nothing else. A
 * link to a file is copied as that file; links to folders are left out, since
 * they may lead in circles.
 */
import * as fs from "node:fs"
import { pipeline } from "node:stream/promises"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import * as Folder from "../root/Folder.ts"
import * as Root from "../root/Root.ts"
import type * as Refusal from "../uploads/Refusal.ts"
import * as UploadFailure from "../uploads/UploadFailure.ts"
import { temporaryName } from "../uploads/UploadFile.ts"
import * as ChangeRefusal from "./ChangeRefusal.ts"
import type { ChangeTarget } from "./ChangeTarget.ts"
import type { Located } from "./Located.ts"

/** The most files and folders of one copy. */
const maxEntries = 100_000

/** A part that could not be copied. */
export interface Failure {
  /** Where it would be. */
  readonly segments: ReadonlyArray<ByteName>
  readonly refusal: Refusal.Refusal
}

const copyFile = async (
  { handle, stats }: Root.OpenFile,
  folder: ByteName,
  name: ByteName,
): Promise<void> => {
  const temporary = toFsPath(`${folder}/${temporaryName()}`)
  const mode = Number(stats.mode) & 0o777
  try {
    await pipeline(
      fs.createReadStream("", { fd: handle, autoClose: false, start: 0 }),
      fs.createWriteStream(temporary, { flags: "wx", mode: mode | 0o200 }),
    )
    await fs.promises.rename(temporary, toFsPath(`${folder}/${name}`))
  } catch (error) {
    await fs.promises.rm(temporary, { force: true })
    throw error
  }
}

/** One copy. */
export class CopyTree {
  readonly failures: Array<Failure> = []
  private readonly to: ChangeTarget
  private readonly isCancelled: () => boolean
  private left = maxEntries

  constructor(to: ChangeTarget, isCancelled: () => boolean) {
    this.to = to
    this.isCancelled = isCancelled
  }

  /**
   * Copies; {@link failures} has what is missing.
   *
   * @param deep whether the content of a folder is copied
   */
  async copy(from: ReadonlyArray<ByteName>, to: Located, deep: boolean): Promise<void> {
    await this.copyTo(from, to.folder.path, to.name, to.segments, deep)
  }

  private async copyTo(
    from: ReadonlyArray<ByteName>,
    folder: ByteName,
    name: ByteName,
    segments: ReadonlyArray<ByteName>,
    deep: boolean,
  ): Promise<void> {
    const fail = (refusal: Refusal.Refusal): void => {
      this.failures.push({ segments, refusal })
    }
    if (this.isCancelled()) return
    if (--this.left < 0) return fail(ChangeRefusal.tooManyEntries)
    const opened = await Root.openEntry(this.to.uploads.root, from)
    try {
      switch (opened._tag) {
        case "File":
          return await copyFile(opened, folder, name)
        case "Folder":
          return await this.copyFolder(opened, `${folder}/${name}`, segments, deep)
        default:
          return fail({ ...ChangeRefusal.notWritable, detail: opened.detail })
      }
    } catch (error) {
      fail(ChangeRefusal.ofFailure(UploadFailure.of(error), name))
    } finally {
      if (opened._tag === "File") Root.close(opened.handle)
      if (opened._tag === "Folder") Root.closeFolder(opened)
    }
  }

  private async copyFolder(
    from: Root.OpenFolder,
    path: ByteName,
    segments: ReadonlyArray<ByteName>,
    deep: boolean,
  ): Promise<void> {
    await fs.promises.mkdir(toFsPath(path))
    await this.to.properties.copy(from, { path, real: path }, deep)
    if (!deep) return
    for (const { folder, link, name } of await this.entries(from)) {
      if (folder && link === true) continue
      await this.copyTo([...from.segments, name], path, name, [...segments, name], true)
    }
  }

  private async entries(from: Root.OpenFolder): Promise<ReadonlyArray<Folder.Entry>> {
    const { hidden, root } = this.to.uploads
    const names = await fs.promises.readdir(toFsPath(from.path), { encoding: "latin1" })
    const visible = names.filter((name) => from.isVisible(name) || TargetPath.isSidecar(name))
    return new Promise((resolve) =>
      Folder.look(root, hidden, from, visible, this.isCancelled, resolve),
    )
  }
}
