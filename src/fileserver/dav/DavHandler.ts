/**
 * WebDAV, class 1 and 2 (RFC 4918), at the addresses of the files. Reading is
 * always possible, changing only where visitors may change folders.
 */
import * as Headers from "../../domain/HeaderList.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as Body from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import * as ChangeRefusal from "../change/ChangeRefusal.ts"
import { Changes } from "../change/Changes.ts"
import * as ChangeTarget from "../change/ChangeTarget.ts"
import * as Located from "../change/Located.ts"
import type * as Locks from "../change/Locks.ts"
import * as PageAddress from "../http/PageAddress.ts"
import type { ByteName } from "../names/ByteName.ts"
import * as TargetPath from "../names/TargetPath.ts"
import * as Root from "../root/Root.ts"
import { FileReceiver } from "../uploads/FileReceiver.ts"
import * as Refusal from "../uploads/Refusal.ts"
import * as UploadFailure from "../uploads/UploadFailure.ts"
import * as UploadRules from "../uploads/UploadRules.ts"
import * as Uploads from "../uploads/Uploads.ts"
import * as DavAddress from "./DavAddress.ts"
import * as DavMethods from "./DavMethods.ts"
import * as DavRefusal from "./DavRefusal.ts"
import { DavRequest } from "./DavRequest.ts"
import * as IfHeader from "./IfHeader.ts"
import * as LiveProperties from "./LiveProperties.ts"
import * as LockInfo from "./LockInfo.ts"
import * as Multistatus from "./Multistatus.ts"
import * as Propfind from "./Propfind.ts"
import * as Proppatch from "./Proppatch.ts"

const windows = process.platform === "win32"

type Path = ReadonlyArray<ByteName>
type Answer = Promise<Refusal.Refusal | undefined>

/** See the head of this file. */
export class DavHandler {
  private readonly source: Propfind.Source
  private readonly to: ChangeTarget.ChangeTarget | undefined
  private readonly changes: Changes | undefined

  /** @param to where changes go; `undefined` if nothing may be changed */
  constructor(source: Propfind.Source, to: ChangeTarget.ChangeTarget | undefined) {
    this.source = source
    this.to = to
    this.changes = to && new Changes(to)
  }

  /** Whether a request is answered here. */
  answers({ method, target }: RequestHead): boolean {
    if (DavMethods.reading.has(method)) return true
    if (this.to === undefined || !DavMethods.changing.has(method)) return false
    return method !== "PUT" || this.mayPut(this.to, target)
  }

  /** Answers a request. */
  handle(head: RequestHead, body: Body.Body, reply: Reply): Cancel {
    const request = new DavRequest(head, body, reply)
    const put = (): void => {
      const { uploads } = this.to as ChangeTarget.ChangeTarget
      request.whenCancelled(Uploads.handle(uploads, head, request.takeBody(), reply))
    }
    void this.answer(request, put)
      .catch((error: unknown) => ChangeRefusal.ofFailure(UploadFailure.of(error), ""))
      .then((refusal) => {
        if (refusal !== undefined)
          request.refuse(refusal, DavRefusal.conditionOf(refusal, head.method))
        request.end()
      })
    return request.cancel
  }

  /** Whether a file goes to a folder that may be changed; otherwise it may be an ordinary upload. */
  private mayPut({ rules }: ChangeTarget.ChangeTarget, address: string): boolean {
    const target = this.decode(address)
    return (
      target._tag === "Path" &&
      target.segments[0] === "files" &&
      !target.folder &&
      rules.allows(target.segments.slice(1, -1))
    )
  }

  private decode(target: string): TargetPath.TargetPath | TargetPath.Refusal {
    const { dotfiles } = this.source.root.visibility
    return TargetPath.decode(target, windows, dotfiles || "sidecars")
  }

  private async answer(request: DavRequest, put: () => void): Answer {
    const { head } = request
    const target = this.decode(head.target)
    if (target._tag === "Refusal") {
      return target.status === 400
        ? Refusal.invalidTarget(target.detail)
        : { code: "PTTH_NOT_FOUND", detail: target.detail }
    }
    const [first, ...path] = target.segments
    const isReading = DavMethods.reading.has(head.method)
    if (first !== "files") {
      return isReading && first === undefined ? this.sendTop(request) : ChangeRefusal.absent
    }
    if (!isReading && !UploadRules.isSameOrigin(request.headers)) return ChangeRefusal.otherSite
    if (request.conditions === undefined) return DavRefusal.badIf
    if (request.conditions.length > 0 && !(await this.holds(request, path)))
      return ChangeRefusal.changed
    switch (head.method) {
      case "PROPFIND":
        return this.propfind(request, path)
      case "PROPPATCH":
        return this.proppatch(request, path)
      case "MKCOL":
        return this.makeCollection(request, path)
      case "DELETE":
        return this.remove(request, path)
      case "COPY":
      case "MOVE":
        return this.transfer(request, path, head.method)
      case "LOCK":
        return this.lock(request, path)
      case "UNLOCK":
        return this.unlock(request, path)
      default:
        return this.checkPut(request, path, put)
    }
  }

  // ------------------------------------------------------------------ reading

  private viewOf({ headers }: DavRequest): LiveProperties.View {
    return { prefix: PageAddress.prefixOf(headers), now: Date.now() }
  }

  /** The top of the site has one folder; Windows asks for it before it mounts that. */
  private async sendTop(request: DavRequest): Answer {
    const wanted = await this.wantedBy(request)
    if ("code" in wanted) return wanted
    const files = await Propfind.find(this.source, [])
    if ("_tag" in files) return ChangeRefusal.ofFolder(files)
    const view = this.viewOf(request)
    const { opened, ...self } = files
    if (opened !== undefined) Root.closeFolder(opened)
    const depth = request.depth()
    request.sendList(
      (async function* () {
        yield Multistatus.start
        yield await Propfind.render(self, wanted, view, `${view.prefix}/`)
        if (depth !== "0") yield await Propfind.render(self, wanted, view)
        yield Multistatus.end
      })(),
      this.source.folderWork,
      Propfind.resourceBytes,
    )
    return undefined
  }

  private async wantedBy(request: DavRequest): Promise<Propfind.Wanted | Refusal.Refusal> {
    const body = await request.readBody()
    if (body === undefined) return DavRefusal.largeBody
    const wanted = Propfind.parse(body)
    return wanted === "too many" ? DavRefusal.tooManyProperties : (wanted ?? DavRefusal.badBody)
  }

  private async propfind(request: DavRequest, path: Path): Answer {
    const depth = request.depth()
    if (depth === "malformed") return DavRefusal.badDepth
    const wanted = await this.wantedBy(request)
    if ("code" in wanted) return wanted
    const { folderWork } = this.source
    const leave = await folderWork.turn(request.isCancelled)
    if (leave === undefined) return DavRefusal.crowded
    const read = await this.read(request, path, depth).finally(leave)
    if (!("entries" in read)) return read
    const { entries, self } = read
    const all = [self, ...entries]
    const view = this.viewOf(request)
    request.sendList(
      (async function* () {
        yield Multistatus.start
        for (const one of all) yield await Propfind.render(one, wanted, view)
        yield Multistatus.end
      })(),
      folderWork,
      all.length * Propfind.resourceBytes,
    )
    return undefined
  }

  /** A resource with what is in it as deep as is asked for. */
  private async read(
    { isCancelled }: DavRequest,
    path: Path,
    depth: "0" | "1" | "infinity",
  ): Promise<
    | Refusal.Refusal
    | { readonly self: Propfind.Found; readonly entries: ReadonlyArray<Propfind.Found> }
  > {
    const target = await Propfind.find(this.source, path)
    if ("_tag" in target) return DavRefusal.ofOpening(target)
    const { opened, ...self } = target
    if (opened === undefined) return { self, entries: [] }
    try {
      const entries =
        depth === "0"
          ? []
          : depth === "1"
            ? await Propfind.entriesOf(this.source, opened, isCancelled)
            : await Propfind.everythingIn(this.source, opened, isCancelled)
      if (entries === "too many") return DavRefusal.infinite
      return "_tag" in entries ? DavRefusal.ofOpening(entries) : { self, entries }
    } finally {
      Root.closeFolder(opened)
    }
  }

  // --------------------------------------------------------------- conditions

  /** Whether the If field holds. */
  private holds(request: DavRequest, path: Path): Promise<boolean> {
    return IfHeader.evaluate(request.conditions ?? [], async (resource) => {
      if (resource === undefined) return this.stateOf(path)
      const target = DavAddress.resolve(resource, request.headers)
      return target === "elsewhere" || target._tag === "Refusal"
        ? { tokens: new Set<string>(), tag: undefined }
        : this.stateOf(target.segments.slice(1))
    })
  }

  private async stateOf(path: Path): Promise<IfHeader.State> {
    const target = await Propfind.find(this.source, path, false)
    if ("_tag" in target) {
      // A lock may be for a name that is free.
      const locks = await this.locksOf(path)
      return { tokens: new Set(locks.map(({ token }) => token)), tag: undefined }
    }
    if (target.opened !== undefined) Root.closeFolder(target.opened)
    const { folder, locks } = target.resource
    return {
      tokens: new Set(locks.map(({ token }) => token)),
      tag: folder ? undefined : LiveProperties.tagOf(target.resource, Date.now()),
    }
  }

  private async locksOf(path: Path): Promise<ReadonlyArray<Locks.Lock>> {
    if (this.to === undefined) return []
    const entry = await ChangeTarget.locate(this.to, path, "read")
    if ("code" in entry) return []
    Located.release(entry)
    return this.to.locks.of(entry.real)
  }

  // ------------------------------------------------------------------ changes

  private async checkPut(request: DavRequest, path: Path, put: () => void): Answer {
    const refusal = await this.must.checkPut(path, request)
    if (refusal !== undefined) return refusal
    put()
    return undefined
  }

  private async makeCollection(request: DavRequest, path: Path): Answer {
    const body = await request.readBody()
    if (body === undefined || body.length > 0) return DavRefusal.bodyOfCollection
    const result = await this.must.makeFolder(path, request)
    if (typeof result !== "string")
      return result.code === "PTTH_CHANGE_CONDITION" ? DavRefusal.taken : result
    request.succeed(201)
    return undefined
  }

  private async remove(request: DavRequest, path: Path): Answer {
    if (request.depth() !== "infinity") return DavRefusal.badDepth
    const removed = await this.must.remove(path, request)
    if (typeof removed !== "string" && "code" in removed) return removed
    request.succeed(204)
    return undefined
  }

  private async transfer(request: DavRequest, path: Path, method: "COPY" | "MOVE"): Answer {
    const depth = request.depth()
    const overwrite = request.overwrite()
    if (depth === "malformed" || depth === "1" || (method === "MOVE" && depth === "0"))
      return DavRefusal.badDepth
    if (overwrite === "malformed") return DavRefusal.badOverwrite
    const destination = Headers.first(request.headers, "destination")
    if (destination === undefined) return DavRefusal.noDestination
    const target = DavAddress.resolve(destination, request.headers)
    if (target === "elsewhere") return DavRefusal.elsewhere
    if (target._tag === "Refusal") {
      return target.status === 400
        ? Refusal.invalidTarget(target.detail)
        : { ...ChangeRefusal.notAllowed, detail: target.detail }
    }
    const to = target.segments.slice(1)
    const options = { overwrite, deep: depth === "infinity" }
    const done =
      method === "MOVE"
        ? await this.must.move(path, to, options, request)
        : await this.must.copy(path, to, options, request)
    if ("code" in done) return done
    if (done.failures.length > 0) {
      const { prefix } = this.viewOf(request)
      const list = done.failures.map(({ refusal, segments }) =>
        Multistatus.withStatus(
          prefix + DavAddress.pathOf(segments, false),
          Refusal.statusOf(refusal),
        ),
      )
      request.sendXml(207, Multistatus.start + list.join("") + Multistatus.end)
    } else request.succeed(done.outcome === "created" ? 201 : 204)
    return undefined
  }

  private async proppatch(request: DavRequest, path: Path): Answer {
    const to = this.to as ChangeTarget.ChangeTarget
    const body = await request.readBody()
    if (body === undefined) return DavRefusal.largeBody
    const updates = Proppatch.parse(body)
    if (updates === undefined) return DavRefusal.badBody
    const entry = await ChangeTarget.locate(to, path)
    if ("code" in entry) return entry
    try {
      if (entry.stats === undefined) return ChangeRefusal.absent
      if (to.locks.blocking(entry.real, request.tokens) !== undefined)
        return Refusal.locked(entry.name)
      if (!(await request.untilCommitted())) return undefined
      const groups = await Proppatch.change(to, entry, updates)
      const href = this.viewOf(request).prefix + DavAddress.pathOf(path, entry.stats.isDirectory())
      request.sendXml(
        207,
        Multistatus.start + Multistatus.withProperties(href, groups) + Multistatus.end,
      )
      return undefined
    } finally {
      Located.release(entry)
    }
  }

  // -------------------------------------------------------------------- locks

  private async lock(request: DavRequest, path: Path): Answer {
    const to = this.to as ChangeTarget.ChangeTarget
    const depth = request.depth()
    if (depth === "malformed" || depth === "1") return DavRefusal.badDepth
    const body = await request.readBody()
    if (body === undefined) return DavRefusal.largeBody
    const seconds = LockInfo.secondsOf(Headers.first(request.headers, "timeout"))
    const entry = await ChangeTarget.locate(to, path, "make")
    if ("code" in entry) return entry
    Located.release(entry)
    if (body.length === 0) return this.refresh(request, entry, seconds)
    const info = LockInfo.parse(body)
    if (info === undefined) return DavRefusal.badBody
    const isFree = entry.stats === undefined
    const isFolder = entry.stats?.isDirectory() === true
    const refusal = isFree ? await this.must.checkPut(path, request) : undefined
    if (refusal !== undefined) return refusal
    const lock = to.locks.add({
      ...info,
      address: DavAddress.pathOf(path, isFolder),
      real: entry.real,
      deep: depth === "infinity",
      seconds,
      visitor: Forwarded.visitorOf(request.headers),
    })
    if (lock === "full") return DavRefusal.tooManyLocks
    if ("conflict" in lock) return DavRefusal.conflict(entry.name)
    const fault = isFree ? await this.makeEmpty(request, path) : undefined
    if (fault !== undefined) {
      to.locks.remove(lock.token, entry.real)
      return fault
    }
    this.sendLocks(request, isFree ? 201 : 200, [lock], [["Lock-Token", `<${lock.token}>`]])
    return undefined
  }

  /** Makes the empty file that a lock of a free name needs (RFC 4918 7.3). */
  private async makeEmpty(request: DavRequest, path: Path): Answer {
    const { uploads } = this.to as ChangeTarget.ChangeTarget
    const receiver = new FileReceiver(uploads, [], request.commit)
    request.whenCancelled(() => receiver.cancel())
    const name = path.at(-1) ?? ""
    const outcome = await receiver.receive(path.slice(0, -1), name, Body.empty)
    return typeof outcome === "string" ? undefined : outcome
  }

  private async refresh(request: DavRequest, { real }: Located.Located, seconds: number): Answer {
    const { locks } = this.to as ChangeTarget.ChangeTarget
    const own = locks.of(real).filter(({ token }) => request.tokens.has(token))
    const refreshed = own.flatMap(({ token }) => locks.refresh(token, seconds) ?? [])
    if (refreshed.length === 0) return DavRefusal.noLock
    this.sendLocks(request, 200, refreshed, [])
    return undefined
  }

  private sendLocks(
    request: DavRequest,
    status: number,
    locks: ReadonlyArray<Locks.Lock>,
    headers: Headers.HeaderList,
  ): void {
    const view = this.viewOf(request)
    const content = locks.map((lock) => LiveProperties.activeLock(lock, view)).join("")
    const text = `<?xml version="1.0" encoding="utf-8"?>\n<D:prop xmlns:D="DAV:">${Multistatus.property("lockdiscovery", content)}</D:prop>\n`
    request.sendXml(status, text, headers)
  }

  private async unlock(request: DavRequest, path: Path): Answer {
    const { locks } = this.to as ChangeTarget.ChangeTarget
    const token = LockInfo.tokenIn(Headers.first(request.headers, "lock-token"))
    if (token === undefined) return DavRefusal.noToken
    const entry = await ChangeTarget.locate(this.to as ChangeTarget.ChangeTarget, path)
    if ("code" in entry) return entry
    Located.release(entry)
    if (!locks.remove(token, entry.real)) return DavRefusal.noSuchLock
    request.succeed(204)
    return undefined
  }

  /** Called only where changes are allowed. */
  private get must(): Changes {
    return this.changes as Changes
  }
}
