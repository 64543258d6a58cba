/**
 * Uploads by the tus protocol 1.0.0: POST to a folder begins one, PATCH appends
 * to it, HEAD tells how much has arrived, and DELETE ends it. Its address is
 * that of the folder with a query.
 */
import * as Headers from "../../domain/HeaderList.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import type { Body } from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import * as HttpDate from "../http/HttpDate.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import * as Root from "../root/Root.ts"
import * as FileCheck from "../uploads/FileCheck.ts"
import * as FolderPath from "../uploads/FolderPath.ts"
import * as Refusal from "../uploads/Refusal.ts"
import * as UploadFailure from "../uploads/UploadFailure.ts"
import { publish } from "../uploads/UploadFile.ts"
import { UploadReply } from "../uploads/UploadReply.ts"
import * as UploadRules from "../uploads/UploadRules.ts"
import { PartFile } from "./PartFile.ts"
import { PartWriter } from "./PartWriter.ts"
import * as TusFields from "./TusFields.ts"
import * as TusRefusal from "./TusRefusal.ts"
import type { UnfinishedUploads } from "./UnfinishedUploads.ts"
import type { UploadTurns } from "./UploadTurns.ts"

const hasUpload = new RegExp(`[?&]${TusFields.parameter}=`)
const windows = process.platform === "win32"

/** Whether a request is one of this protocol. */
export const speaks = ({ headers, method, target }: RequestHead): boolean => {
  switch (method) {
    case "HEAD":
    case "POST":
      return Headers.has(headers, "tus-resumable")
    case "PATCH":
    case "DELETE":
      return Headers.has(headers, "tus-resumable") || hasUpload.test(target)
    default:
      return false
  }
}

/** See the head of this file. */
export class TusUploads {
  private readonly to: FileCheck.UploadTarget
  private readonly unfinished: UnfinishedUploads
  private readonly turns: UploadTurns

  constructor(to: FileCheck.UploadTarget, unfinished: UnfinishedUploads, turns: UploadTurns) {
    this.to = to
    this.unfinished = unfinished
    this.turns = turns
  }

  /** Answers a request that {@link speaks} the protocol. */
  handle(head: RequestHead, body: Body, reply: Reply): Cancel {
    const request = new TusRequest(head, body, reply, this.to, this.unfinished, this.turns)
    void request.answer()
    return request.response.cancel
  }
}

/** Where a request leads. */
interface Endpoint {
  readonly target: TargetPath.TargetPath
  /** The folder, relative to the shared folder. */
  readonly folder: ReadonlyArray<ByteName>
}

class TusRequest {
  private readonly head: RequestHead
  private readonly body: Body
  readonly response: UploadReply
  private readonly to: FileCheck.UploadTarget
  private readonly unfinished: UnfinishedUploads
  private readonly turns: UploadTurns
  private isBodyRead = false
  /** Whether another request waits for the upload. */
  private isInterrupted = false
  private writer: PartWriter | undefined

  constructor(
    head: RequestHead,
    body: Body,
    reply: Reply,
    to: FileCheck.UploadTarget,
    unfinished: UnfinishedUploads,
    turns: UploadTurns,
  ) {
    this.head = head
    this.body = body
    this.response = new UploadReply(head, reply, [TusFields.resumable])
    // What has arrived is kept.
    this.response.whenCancelled(() => this.writer?.cancel())
    this.to = to
    this.unfinished = unfinished
    this.turns = turns
  }

  private readonly interrupt = (): void => {
    this.isInterrupted = true
    this.writer?.interrupt()
  }

  /** Answers; never rejects. */
  async answer(): Promise<void> {
    try {
      const refusal = await this.dispatch()
      if (refusal !== undefined) this.response.refuse(refusal)
    } catch (error) {
      const { rules } = this.to
      this.response.refuse(Refusal.ofFile(UploadFailure.of(error), "the file", rules.maxBytes))
    } finally {
      if (!this.isBodyRead) this.body.discard()
    }
  }

  private async dispatch(): Promise<Refusal.Refusal | undefined> {
    const { headers } = this.head
    if (Headers.first(headers, "tus-resumable")?.trim() !== TusFields.version)
      return TusRefusal.otherVersion
    const target = TargetPath.decode(this.head.target, windows)
    if (target._tag === "Refusal") return Refusal.ofTarget(target)
    const [first, ...folder] = target.segments
    if (first !== "files") return Refusal.wrongTarget(true, UploadRules.allow)
    if (!UploadRules.isSameOrigin(headers)) return Refusal.otherSite
    if (!this.to.rules.allows(folder)) return Refusal.folderNotAllowed
    const endpoint: Endpoint = { target, folder }
    const method = TusFields.methodOf(this.head.method, headers)
    const upload = TusFields.uploadIn(target.query)
    if (method === "POST") return this.create(endpoint)
    if (upload === undefined) return TusRefusal.noUpload
    switch (method) {
      case "HEAD":
        return this.visit(endpoint, upload, (folder, part) => this.tell(folder, part))
      case "PATCH":
        return this.visit(endpoint, upload, (folder, part) => this.append(folder, part))
      case "DELETE":
        return this.visit(endpoint, upload, (folder, part) => this.terminate(folder, part))
      default:
        return Refusal.wrongTarget(true, UploadRules.allow)
    }
  }

  // --------------------------------------------------------------- creation

  private async create({
    folder: segments,
    target,
  }: Endpoint): Promise<Refusal.Refusal | undefined> {
    const { headers } = this.head
    if (Headers.has(headers, "upload-defer-length") || Headers.has(headers, "upload-concat"))
      return TusRefusal.noExtension
    const length = TusFields.parseBytes(Headers.first(headers, "upload-length"))
    if (length === undefined) return TusRefusal.noLength
    const metadata = Headers.first(headers, "upload-metadata") ?? ""
    const values = TusFields.parseMetadata(metadata)
    const file = values === undefined ? undefined : TusFields.fileIn(values)
    if (file === undefined) return TusRefusal.badMetadata
    const { maxBytes } = this.to.rules
    if (maxBytes !== undefined && length > maxBytes)
      return Refusal.ofFile({ _tag: "TooLarge" }, file.name, maxBytes)
    const visitor = Forwarded.visitorOf(headers)
    if (!(await this.unfinished.makeRoom(visitor, Date.now()))) return TusRefusal.tooMany
    const refusal = await FolderPath.make(this.to, segments, file.folders)
    if (refusal !== undefined) return refusal
    const path = [...segments, ...file.folders]
    return this.inFolder(path, async (folder) => {
      const checked = await FileCheck.check(this.to, headers, folder, file.name)
      if ("code" in checked) return checked
      const conditions = headers.filter(([name]) =>
        UploadRules.preconditions.has(name.toLowerCase()),
      )
      const info = { length, name: file.name, metadata, conditions }
      const part = await PartFile.create(folder, info, checked.mode)
      this.unfinished.add(folder, part, visitor)
      const last = target.folder ? undefined : target.segments.at(-1)
      const location = TusFields.location(last, file.folders, part.id)
      return this.begin(folder, part, [["Location", location]])
    })
  }

  /** Appends what came with the request that created an upload, and answers. */
  private async begin(
    folder: Root.OpenFolder,
    part: PartFile,
    fields: Headers.HeaderList,
  ): Promise<Refusal.Refusal | undefined> {
    const leave = await this.turns.enter(keyOf(folder, part.id), this.interrupt)
    try {
      const isPart = this.hasPart()
      const refusal =
        (isPart ? await this.write(part) : undefined) ??
        (part.isComplete ? await this.finish(folder, part) : undefined)
      if (refusal !== undefined) {
        // No client has its address, so none can continue it.
        await this.drop(folder, part)
        return refusal
      }
      const progress = isPart ? progressOf(part) : expiryOf(part)
      this.response.succeed(201, [...fields, ...progress])
      return undefined
    } finally {
      leave()
    }
  }

  private hasPart(): boolean {
    return (
      Headers.first(this.head.headers, "content-type")?.trim().toLowerCase() ===
      TusFields.contentType
    )
  }

  // ------------------------------------------------------- requests for one

  /** Works on an upload, alone. */
  private visit(
    { folder: segments, target }: Endpoint,
    id: string,
    work: (folder: Root.OpenFolder, part: PartFile) => Promise<Refusal.Refusal | undefined>,
  ): Promise<Refusal.Refusal | undefined> {
    if (!target.folder) return Promise.resolve(TusRefusal.noUpload)
    return this.inFolder(segments, async (folder) => {
      const key = keyOf(folder, id)
      const leave = await this.turns.enter(key, this.interrupt)
      try {
        const length = this.unfinished.lengthOfFinished(key)
        if (length !== undefined && this.head.method === "HEAD") {
          this.response.succeed(200, [
            ["Upload-Offset", String(length)],
            ["Upload-Length", String(length)],
          ])
          return undefined
        }
        const part = await PartFile.find(folder, id, Date.now())
        return part === undefined ? TusRefusal.noUpload : await work(folder, part)
      } finally {
        leave()
      }
    })
  }

  private async tell(
    folder: Root.OpenFolder,
    part: PartFile,
  ): Promise<Refusal.Refusal | undefined> {
    // The process may have ended, or the client left, before the file got its name.
    const refusal = part.isComplete ? await this.finish(folder, part) : undefined
    if (refusal !== undefined) return refusal
    const { length, metadata } = part.info
    this.response.succeed(200, [
      ...progressOf(part),
      ["Upload-Length", String(length)],
      ...(metadata === "" ? [] : ([["Upload-Metadata", metadata]] as const)),
    ])
    return undefined
  }

  private async append(
    folder: Root.OpenFolder,
    part: PartFile,
  ): Promise<Refusal.Refusal | undefined> {
    if (!this.hasPart()) return TusRefusal.wrongType
    const offset = TusFields.parseBytes(Headers.first(this.head.headers, "upload-offset"))
    if (offset !== part.offset) return TusRefusal.wrongOffset(part.offset)
    this.unfinished.touch(keyOf(folder, part.id))
    const refusal =
      (await this.write(part)) ?? (part.isComplete ? await this.finish(folder, part) : undefined)
    if (refusal !== undefined) return refusal
    this.response.succeed(204, progressOf(part))
    return undefined
  }

  private async terminate(
    folder: Root.OpenFolder,
    part: PartFile,
  ): Promise<Refusal.Refusal | undefined> {
    if (!(await this.response.untilCommitted())) return undefined
    await this.drop(folder, part)
    this.response.succeed(204)
    return undefined
  }

  // ---------------------------------------------------------------- on disk

  /** Appends the body to an upload; it stays as long as it was if the checksum is wrong. */
  private async write(part: PartFile): Promise<Refusal.Refusal | undefined> {
    const { headers } = this.head
    const field = Headers.first(headers, "upload-checksum")
    const checksum = field === undefined ? undefined : TusFields.parseChecksum(field)
    if (field !== undefined && checksum === undefined) return TusRefusal.badChecksum
    if ((this.body.length ?? 0) > part.info.length - part.offset)
      return TusRefusal.tooMuch(part.info.length)
    this.isBodyRead = true
    this.writer = new PartWriter(part, this.body, checksum)
    if (this.response.isCancelled()) this.writer.cancel()
    else if (this.isInterrupted) this.writer.interrupt()
    const outcome = await this.writer.done
    this.writer = undefined
    switch (outcome._tag) {
      case "Written":
        return undefined
      case "WrongChecksum":
        return TusRefusal.wrongChecksum
      case "TooLarge":
        return TusRefusal.tooMuch(part.info.length)
      case "Full":
        return TusRefusal.noRoom
      default:
        return Refusal.ofFile(outcome, part.info.name, this.to.rules.maxBytes)
    }
  }

  /** Gives a complete file its name. It is dropped if it may not have that any more. */
  private async finish(
    folder: Root.OpenFolder,
    part: PartFile,
  ): Promise<Refusal.Refusal | undefined> {
    const { conditions, length, name } = part.info
    const checked = await FileCheck.check(this.to, conditions, folder, name)
    if ("code" in checked) {
      await this.drop(folder, part)
      return checked
    }
    const handle = await part.open()
    let isOpen = true
    try {
      const outcome = await publish(handle.fd, part.path, checked, async () => {
        isOpen = false
        await handle.close()
        return this.response.untilCommitted()
      })
      if (typeof outcome === "string") {
        await part.forget()
        this.unfinished.finish(keyOf(folder, part.id), length)
        return undefined
      }
      if (outcome._tag !== "BrokenOff") await this.drop(folder, part)
      return checked.refusalOf(outcome)
    } catch (error) {
      const failure = UploadFailure.of(error)
      if (failure._tag === "Exists") await this.drop(folder, part)
      return checked.refusalOf(failure)
    } finally {
      if (isOpen) await handle.close()
    }
  }

  private async drop(folder: Root.OpenFolder, part: PartFile): Promise<void> {
    await part.remove()
    this.unfinished.remove(keyOf(folder, part.id))
  }

  private async inFolder(
    segments: ReadonlyArray<ByteName>,
    work: (folder: Root.OpenFolder) => Promise<Refusal.Refusal | undefined>,
  ): Promise<Refusal.Refusal | undefined> {
    const folder = await Root.openFolder(this.to.root, segments)
    if (folder._tag !== "Folder") return Refusal.ofFolder(folder)
    const swept = this.to.leftovers.sweep(folder.real, folder.path, Date.now())
    try {
      return await work(folder)
    } finally {
      await swept
      Root.closeFolder(folder)
    }
  }
}

const keyOf = ({ real }: Root.OpenFolder, id: string): string => `${real}/${id}`

const expiryOf = (part: PartFile): Headers.HeaderList =>
  part.isComplete ? [] : [["Upload-Expires", HttpDate.format(Math.floor(part.expires / 1000))]]

const progressOf = (part: PartFile): Headers.HeaderList => [
  ["Upload-Offset", String(part.offset)],
  ...expiryOf(part),
]
