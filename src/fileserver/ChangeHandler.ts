/**
 * Requests other than GET and HEAD: uploads in their several forms, WebDAV, and
 * what the server can do. Which of them are answered depends on what visitors
 * may change.
 */
import type * as Headers from "../domain/HeaderList.ts"
import { once } from "../domain/Memoize.ts"
import type { RequestHead } from "../protocol/Message.ts"
import * as Body from "../transport/body/Body.ts"
import type { Cancel, Reply } from "../transport/body/Handler.ts"
import type { Access } from "./access/Access.ts"
import { Bin } from "./change/Bin.ts"
import type { ChangeTarget } from "./change/ChangeTarget.ts"
import { Locks } from "./change/Locks.ts"
import * as ManageRules from "./change/ManageRules.ts"
import { Properties } from "./change/Properties.ts"
import { DavHandler } from "./dav/DavHandler.ts"
import * as DavMethods from "./dav/DavMethods.ts"
import * as Decision from "./http/Decision.ts"
import { FormHandler } from "./manage/FormHandler.ts"
import type { HiddenFiles } from "./root/HiddenFiles.ts"
import type * as Root from "./root/Root.ts"
import type { FolderWork } from "./send/FolderWork.ts"
import * as TusFields from "./tus/TusFields.ts"
import * as TusUploads from "./tus/TusUploads.ts"
import { UnfinishedUploads } from "./tus/UnfinishedUploads.ts"
import { UploadTurns } from "./tus/UploadTurns.ts"
import type { UploadTarget } from "./uploads/FileCheck.ts"
import * as Leftovers from "./uploads/Leftovers.ts"
import * as UploadRules from "./uploads/UploadRules.ts"
import * as Uploads from "./uploads/Uploads.ts"

/** What visitors may change. */
export interface ChangeOptions {
  /** What they may upload. Default: nothing. */
  readonly uploads?: UploadRules.UploadOptions | false
  /** Which folders they may change in any way. Default: none. */
  readonly manage?: ManageRules.ManageOptions | false
}

/** What all visitors share, whatever each may do. */
export class ChangeState {
  readonly locks = new Locks()
  readonly properties = new Properties()
  readonly leftovers = Leftovers.make()
  readonly unfinished: UnfinishedUploads
  readonly turns = new UploadTurns()
  readonly bin: Bin

  /** @param root in which everything is known */
  constructor(root: Root.Root) {
    this.bin = new Bin(root)
    this.unfinished = new UnfinishedUploads(root, this.turns)
  }
}

/** The folder as a visitor sees it. */
export interface ChangedRoots {
  /** What is served. */
  readonly root: Root.Root
  /** What is served, and where files may be uploaded without being served. */
  readonly uploadRoot: Root.Root
  readonly hidden: HiddenFiles
  /** Limits the listings of WebDAV together with the others. */
  readonly folderWork: FolderWork
}

const noCancel: Cancel = () => {}

/** The rules for uploads of a visitor with rules of its own. */
const uploadsOf = (
  { uploads = false }: ChangeOptions,
  access: Access | undefined,
): UploadRules.UploadOptions | undefined => {
  if (access?.uploads !== undefined) {
    const { maxBytes, overwrite } = uploads || { overwrite: false, maxBytes: undefined }
    return { overwrite, maxBytes, within: access.uploads }
  }
  return uploads === false ? undefined : { ...uploads, within: access?.readsAll }
}

/** The rules for other changes of a visitor with rules of its own. */
const manageOf = (
  { manage = false, uploads }: ChangeOptions,
  access: Access | undefined,
): ManageRules.ManageRules | undefined => {
  const maxBytes = (manage || undefined)?.maxBytes ?? (uploads || undefined)?.maxBytes
  if (access?.manages !== undefined) return ManageRules.make({ maxBytes, within: access.manages })
  return manage === false
    ? undefined
    : ManageRules.make({ ...manage, maxBytes, within: access?.readsAll })
}

/** See the head of this file. */
export class ChangeHandler {
  /** By which rules files are uploaded; `undefined` if none may be. */
  readonly rules: UploadRules.UploadRules | undefined
  /** By which rules folders are changed; `undefined` if none may be. */
  readonly manageRules: ManageRules.ManageRules | undefined
  readonly bin: Bin
  private readonly uploads: UploadTarget | undefined
  private readonly tus: TusUploads.TusUploads | undefined
  private readonly forms: () => FormHandler | undefined
  private readonly dav: () => DavHandler
  private readonly options: Headers.HeaderList

  /** @param access the rules of one visitor; default: those of the options hold for everybody */
  constructor(
    { folderWork, hidden, root, uploadRoot }: ChangedRoots,
    options: ChangeOptions,
    { bin, leftovers, locks, properties, turns, unfinished }: ChangeState,
    access?: Access,
  ) {
    const uploadOptions = uploadsOf(options, access)
    const manageRules = manageOf(options, access)
    this.manageRules = manageRules
    this.bin = bin
    this.rules =
      uploadOptions === undefined && manageRules === undefined
        ? undefined
        : UploadRules.make(uploadOptions, manageRules)
    const target = this.rules && { root: uploadRoot, hidden, rules: this.rules, leftovers }
    this.uploads = target && { ...target, isLocked: (real) => locks.isLocked(real) }
    this.tus = this.uploads && new TusUploads.TusUploads(this.uploads, unfinished, turns)
    const changes: ChangeTarget | undefined = manageRules &&
      target && {
        // WebDAV looks at locks itself, since its requests have their tokens. What may be changed may
        // be read: only that is copied, and not what others have uploaded.
        uploads: { ...target, root },
        rules: manageRules,
        locks,
        properties,
        bin,
      }
    if (changes !== undefined) bin.start()
    this.forms = once(() => changes && new FormHandler(changes))
    const sidecars = changes !== undefined
    this.dav = once(() => new DavHandler({ root, hidden, locks, sidecars, folderWork }, changes))
    this.options = [
      ["Allow", this.allow],
      ...DavMethods.capabilities,
      ...(this.rules === undefined ? [] : TusFields.capabilities(this.rules.maxBytes)),
      ["Cache-Control", "no-store"],
    ]
  }

  /** Whether visitors may change folders. */
  get canManage(): boolean {
    return this.manageRules !== undefined
  }

  /** The methods that are answered at all. */
  get allow(): string {
    const { rules } = this
    return [
      Decision.allow,
      ...(rules === undefined ? [] : UploadRules.methods),
      ...DavMethods.names(this.canManage).filter(
        (method) => rules === undefined || !UploadRules.methods.includes(method),
      ),
    ].join(", ")
  }

  /** Answers a request, unless it is one for reading or its method is unknown. */
  handle(head: RequestHead, body: Body.Body, reply: Reply): Cancel | undefined {
    const { method } = head
    if (method === "GET") return undefined
    const content = Body.contentOf(body)
    if (this.tus !== undefined && TusUploads.speaks(head))
      return this.tus.handle(head, content, reply)
    if (method === "HEAD") return undefined
    const form = this.forms()?.handle(head, content, reply)
    if (form !== undefined) return form
    const isDav = DavMethods.reading.has(method) || DavMethods.changing.has(method)
    if (isDav && this.dav().answers(head)) return this.dav().handle(head, content, reply)
    if (this.uploads !== undefined && (method === "PUT" || method === "POST"))
      return Uploads.handle(this.uploads, head, content, reply)
    if (method !== "OPTIONS") return undefined
    body.discard()
    // The same for every address, since clients ask at any.
    reply.respond({ status: 204, headers: this.options }, Body.empty)
    return noCancel
  }
}
