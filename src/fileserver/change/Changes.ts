/**
 * Makes, moves, copies and deletes files and folders. What is deleted or
 * replaced goes to the bin. Locks and dead properties follow.
 */
import * as fs from "node:fs"
import type { ByteName } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import * as Refusal from "../uploads/Refusal.ts"
import * as UploadFailure from "../uploads/UploadFailure.ts"
import type { BinItem } from "./Bin.ts"
import * as ChangeRefusal from "./ChangeRefusal.ts"
import * as ChangeTarget from "./ChangeTarget.ts"
import { CopyTree, type Failure } from "./CopyTree.ts"
import * as HiddenInside from "./HiddenInside.ts"
import * as Located from "./Located.ts"
import { moveEntry } from "./MoveEntry.ts"

type Path = ReadonlyArray<ByteName>

/** Who asks for a change. */
export interface Asker {
  /** The lock tokens that the request has. */
  readonly tokens: ReadonlySet<string>
  readonly isCancelled: () => boolean
  /** Resolves when the change may have its effect, or with `false` if it may not any more; see `Reply.commit`. */
  readonly untilCommitted: () => Promise<boolean>
}

/** What is done with something that has the new name. */
export interface TransferOptions {
  readonly overwrite: boolean
  /** Whether the content of a folder is copied, too. */
  readonly deep: boolean
}

/** The result of a move or copy. */
export interface Transferred {
  readonly outcome: "created" | "replaced"
  readonly failures: ReadonlyArray<Failure>
}

const cancelled: Refusal.Refusal = { code: "PTTH_BAD_REQUEST", detail: "The client has left." }

const isRefusal = (value: object): value is Refusal.Refusal => "code" in value

/** See the head of this file. No method rejects. */
export class Changes {
  private readonly to: ChangeTarget.ChangeTarget

  constructor(to: ChangeTarget.ChangeTarget) {
    this.to = to
  }

  /** Makes a folder. */
  makeFolder(path: Path, asker: Asker): Promise<"created" | Refusal.Refusal> {
    return this.withEntry(
      path,
      async (entry) => {
        if (entry.stats !== undefined) return ChangeRefusal.exists(entry.name)
        const refusal = this.lockRefusal(entry, asker)
        if (refusal !== undefined) return refusal
        if (!(await asker.untilCommitted())) return cancelled
        await fs.promises.mkdir(entry.path)
        return "created"
      },
      "make",
    )
  }

  /** Deletes something; gives what is in the bin, unless it is not worth keeping. */
  remove(path: Path, asker: Asker): Promise<BinItem | "removed" | Refusal.Refusal> {
    return this.withEntry(path, async (entry) => {
      const refusal = await this.removalRefusal(entry, asker)
      if (refusal !== undefined) return refusal
      if (!(await asker.untilCommitted())) return cancelled
      return this.discard(entry)
    })
  }

  /** Moves something to another path. */
  move(
    from: Path,
    to: Path,
    { overwrite }: Pick<TransferOptions, "overwrite">,
    asker: Asker,
  ): Promise<Transferred | Refusal.Refusal> {
    return this.withEntry(from, async (source) => {
      const refusal = await this.removalRefusal(source, asker)
      if (refusal !== undefined) return refusal
      const transfer = async (place: Located.Located) => {
        const outcome = await this.makeRoom(source, place, overwrite, asker)
        if (typeof outcome !== "string") return outcome
        await moveEntry(source.path, place.path)
        await this.giveProperties(source, place, "move")
        this.to.locks.forget(source.real)
        return { outcome, failures: [] }
      }
      return this.withEntry<Transferred | Refusal.Refusal>(to, transfer, "make")
    })
  }

  /** Copies something to another path. */
  copy(
    from: Path,
    to: Path,
    { deep, overwrite }: TransferOptions,
    asker: Asker,
  ): Promise<Transferred | Refusal.Refusal> {
    return this.withEntry(
      from,
      async (source) => {
        if (source.stats === undefined) return ChangeRefusal.absent
        const transfer = async (place: Located.Located) => {
          const outcome = await this.makeRoom(source, place, overwrite, asker)
          if (typeof outcome !== "string") return outcome
          const tree = new CopyTree(this.to, asker.isCancelled)
          await tree.copy(from, place, deep)
          await this.giveProperties(source, place, "copy")
          return { outcome, failures: tree.failures }
        }
        return this.withEntry<Transferred | Refusal.Refusal>(to, transfer, "make")
      },
      "read",
    )
  }

  /** Puts something from the bin back to where it was, and makes the folders above it. */
  async restore(id: string, asker: Asker): Promise<Path | Refusal.Refusal> {
    const item = await this.to.bin.find(id)
    if (item === undefined) return ChangeRefusal.absent
    const above = item.segments.slice(0, -1)
    for (let i = 1; i <= above.length; i++) {
      const result = await this.makeFolder(above.slice(0, i), asker)
      if (typeof result !== "string" && result.code !== "PTTH_CHANGE_CONDITION") return result
    }
    const restore = async (entry: Located.Located) => {
      if (entry.stats !== undefined) return ChangeRefusal.exists(entry.name)
      const refusal = this.lockRefusal(entry, asker)
      if (refusal !== undefined) return refusal
      if (!(await asker.untilCommitted())) return cancelled
      await this.to.bin.restore(item, entry)
      return item.segments
    }
    return this.withEntry<Path | Refusal.Refusal>(item.segments, restore, "make")
  }

  /** Deletes something in the bin for good. */
  async erase(id: string, asker: Asker): Promise<"removed" | Refusal.Refusal> {
    const item = await this.to.bin.find(id)
    if (item === undefined) return ChangeRefusal.absent
    if (!this.to.rules.allows(item.segments.slice(0, -1))) return ChangeRefusal.notAllowed
    if (!(await asker.untilCommitted())) return cancelled
    try {
      await this.to.bin.remove(id)
      return "removed"
    } catch (error) {
      return ChangeRefusal.ofFailure(UploadFailure.of(error), item.segments.at(-1) ?? "")
    }
  }

  /** Why a file may not be put at a path; `undefined` if it may. */
  checkPut(path: Path, asker: Pick<Asker, "tokens">): Promise<Refusal.Refusal | undefined> {
    return this.withEntry<Refusal.Refusal | undefined>(
      path,
      async (entry) => this.lockRefusal(entry, asker, entry.stats === undefined),
      "make",
    )
  }

  // -------------------------------------------------------------------- steps

  /** Frees the place of a move or copy. */
  private async makeRoom(
    source: Located.Located,
    place: Located.Located,
    overwrite: boolean,
    asker: Asker,
  ): Promise<"created" | "replaced" | Refusal.Refusal> {
    if (Root.isInside(place.real, source.real) || Root.isInside(source.real, place.real))
      return ChangeRefusal.intoItself
    const isFree = place.stats === undefined || isSameFile(source, place)
    if (!isFree && !overwrite) return ChangeRefusal.exists(place.name)
    const refusal = isFree
      ? this.lockRefusal(place, asker)
      : await this.removalRefusal(place, asker)
    if (refusal !== undefined) return refusal
    if (!(await asker.untilCommitted())) return cancelled
    if (isFree) return "created"
    const discarded = await this.discard(place)
    return typeof discarded !== "string" && isRefusal(discarded) ? discarded : "replaced"
  }

  /** Gives the new entry the properties of the old one. Those of a folder are inside it. */
  private async giveProperties(
    from: Located.Located,
    to: Located.Located,
    operation: "copy" | "move",
  ): Promise<void> {
    if (from.stats?.isDirectory() === true) return
    const { properties } = this.to
    await properties.transfer(from.folder, from.name, to.folder, to.name, operation === "copy")
  }

  /** Moves an entry to the bin, with what belongs to it. */
  private async discard(entry: Located.Located): Promise<BinItem | "removed" | Refusal.Refusal> {
    const { bin, locks, properties } = this.to
    let item: BinItem | "removed" | Refusal.Refusal = "removed"
    if (Located.isSidecar(entry) && entry.stats?.isFile() === true)
      await fs.promises.unlink(entry.path)
    else item = await bin.put(entry)
    if (typeof item !== "string" && isRefusal(item)) return item
    if (entry.stats?.isDirectory() !== true) await properties.remove(entry.folder, entry.name)
    locks.forget(entry.real)
    return item
  }

  private async removalRefusal(
    entry: Located.Located,
    asker: Asker,
  ): Promise<Refusal.Refusal | undefined> {
    if (entry.stats === undefined) return ChangeRefusal.absent
    const { hidden, root } = this.to.uploads
    return this.lockRefusal(entry, asker) ?? (await HiddenInside.check(root, hidden, entry))
  }

  /** The refusal for what is locked by somebody else: the entry, or with `listed` the list of its folder. */
  private lockRefusal(
    { folder, name, real }: Located.Located,
    { tokens }: Pick<Asker, "tokens">,
    listed = true,
  ): Refusal.Refusal | undefined {
    const { locks } = this.to
    const isBlocked =
      locks.blocking(real, tokens, true) !== undefined ||
      (listed && locks.blocking(folder.real, tokens) !== undefined)
    return isBlocked ? Refusal.locked(name) : undefined
  }

  private async withEntry<A>(
    path: Path,
    work: (entry: Located.Located) => Promise<A>,
    use: Located.Use = "change",
  ): Promise<A | Refusal.Refusal> {
    let entry: Located.Located | undefined
    try {
      const located = await ChangeTarget.locate(this.to, path, use)
      if (isRefusal(located)) return located
      entry = located
      return await work(located)
    } catch (error) {
      return ChangeRefusal.ofFailure(UploadFailure.of(error), path.at(-1) ?? "")
    } finally {
      if (entry !== undefined) Located.release(entry)
    }
  }
}

/** Whether two names are one file, spelled in another case on a file system that ignores case. */
const isSameFile = (a: Located.Located, b: Located.Located): boolean =>
  a.stats !== undefined &&
  b.stats !== undefined &&
  a.stats.ino === b.stats.ino &&
  a.stats.dev === b.stats.dev &&
  a.real.toLowerCase() === b.real.toLowerCase()
