/**
 * Receives the files of one upload request, one after the other.
 */
import type * as Headers from "../../domain/HeaderList.ts"
import type * as Body from "../../transport/body/Body.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as Root from "../root/Root.ts"
import * as FileCheck from "./FileCheck.ts"
import * as Refusal from "./Refusal.ts"
import * as UploadFailure from "./UploadFailure.ts"
import { Upload } from "./UploadFile.ts"

/** The result for one file. */
export type Outcome = "created" | "replaced" | Refusal.Refusal

/** See the head of this file. */
export class FileReceiver {
  private readonly target: FileCheck.UploadTarget
  private readonly headers: Headers.HeaderList
  private readonly commit: (go: () => void) => void
  private cancelled = false
  private current: Upload | undefined

  /** @param commit see `Reply.commit` */
  constructor(
    target: FileCheck.UploadTarget,
    headers: Headers.HeaderList,
    commit: (go: () => void) => void,
  ) {
    this.target = target
    this.headers = headers
    this.commit = commit
  }

  /** Ends the file that is being received. */
  cancel(): void {
    this.cancelled = true
    this.current?.cancel()
  }

  /**
   * Receives one file. The body is read or discarded in any case.
   *
   * @param segments of the folder
   */
  async receive(
    segments: ReadonlyArray<ByteName>,
    name: ByteName,
    body: Body.Body,
  ): Promise<Outcome> {
    const { leftovers, root, rules } = this.target
    if (rules.maxBytes !== undefined && (body.length ?? 0) > rules.maxBytes) {
      body.discard()
      return this.refusalOf({ _tag: "TooLarge" }, name)
    }
    const folder = await Root.openFolder(root, segments)
    if (folder._tag !== "Folder") {
      body.discard()
      return Refusal.ofFolder(folder)
    }
    const swept = leftovers.sweep(folder.real, folder.path, Date.now())
    try {
      return await this.store(folder, name, body)
    } catch (error) {
      body.discard()
      return this.refusalOf(UploadFailure.of(error), name)
    } finally {
      this.current = undefined
      await swept
      Root.closeFolder(folder)
    }
  }

  private async store(folder: Root.OpenFolder, name: ByteName, body: Body.Body): Promise<Outcome> {
    const checked = await FileCheck.check(this.target, this.headers, folder, name)
    if ("code" in checked) {
      body.discard()
      return checked
    }
    if (this.cancelled) {
      body.discard()
      return checked.refusalOf({ _tag: "BrokenOff" })
    }
    const upload = new Upload(body, { ...checked, commit: this.commit })
    this.current = upload
    if (this.cancelled) upload.cancel()
    const outcome = await upload.done
    return typeof outcome === "string" ? outcome : checked.refusalOf(outcome)
  }

  private refusalOf(failure: UploadFailure.UploadFailure, name: ByteName): Refusal.Refusal {
    return Refusal.ofFile(failure, name, this.target.rules.maxBytes)
  }
}
