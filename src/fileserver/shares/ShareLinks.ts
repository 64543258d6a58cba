/**
 * Share links: `?share` of a file or folder makes one, `share/TOKEN/` opens it.
 * A link opens one file, or one folder with what is below it, until it ends, as
 * often as it says and with its password; all links end at once when they are
 * revoked. Whoever may see a file may share it.
 */
import { createHmac, hash, randomBytes, scrypt } from "node:crypto"
import * as Headers from "../../domain/HeaderList.ts"
import * as Forwarded from "../../protocol/http/Forwarded.ts"
import type { RequestHead } from "../../protocol/Message.ts"
import * as BasicAuth from "../../transport/auth/BasicAuth.ts"
import * as ConstantTime from "../../transport/auth/ConstantTime.ts"
import type { LoginChecker } from "../../transport/auth/LoginChecker.ts"
import { PasswordGuard } from "../../transport/auth/PasswordGuard.ts"
import * as RequestCookies from "../../transport/auth/RequestCookies.ts"
import * as Body from "../../transport/body/Body.ts"
import type { Cancel, Reply } from "../../transport/body/Handler.ts"
import * as Accept from "../../web/Accept.ts"
import * as Html from "../../web/Html.ts"
import * as Page from "../../web/Page.ts"
import * as Text from "../../web/Text.ts"
import * as PageAddress from "../http/PageAddress.ts"
import * as Query from "../http/Query.ts"
import * as ByteName from "../names/ByteName.ts"
import type { TargetPath } from "../names/TargetPath.ts"
import * as FileForms from "../pages/FileForms.ts"
import * as FolderPages from "../pages/FolderPages.ts"
import { pageHeaders, type Site } from "../pages/Site.ts"
import { topOf } from "../parts/PathLinks.ts"
import * as Root from "../root/Root.ts"
import { FileRequest } from "../send/FileRequest.ts"
import type { FileSender } from "../send/FileSender.ts"
import { FolderWork } from "../send/FolderWork.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import * as UploadRules from "../uploads/UploadRules.ts"
import * as SharePages from "./SharePages.ts"
import * as ShareRoot from "./ShareRoot.ts"
import type { ShareStore } from "./ShareStore.ts"
import * as ShareToken from "./ShareToken.ts"

/** The longest form, in bytes. */
const maxForm = 16 * 1024
/** How long a link is valid unless the form says so, and at most, in seconds. */
const defaultSeconds = 86_400
const maxSeconds = 366 * 86_400
/** The most downloads of a link that has a number of them. */
const maxDownloads = 1_000_000
// Names that begin with `ptth-` are the relay's, which takes them away.
const cookieName = "share-password"

const deriveKey = (password: string, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) =>
    scrypt(password, salt, 32, (error, key) => (error === null ? resolve(key) : reject(error))),
  )

/** The hash of a password. It depends on the secret, since it is in the link: nobody can try passwords on it. */
const hashOf = async (secret: Uint8Array, password: string, salt: Buffer): Promise<Buffer> =>
  createHmac("sha256", secret)
    .update(await deriveKey(password, salt))
    .digest()

const hashPassword = async (secret: Uint8Array, password: string): Promise<string> => {
  const salt = randomBytes(12)
  const stored = await hashOf(secret, password, salt)
  return `${salt.toString("base64url")}.${stored.toString("base64url")}`
}

const isPassword = async (
  secret: Uint8Array,
  password: string,
  stored: string,
): Promise<boolean> => {
  const [salt = "", text = ""] = stored.split(".")
  const actual = await hashOf(secret, password, Buffer.from(salt, "base64url"))
  const expected = Buffer.from(text, "base64url")
  return ConstantTime.isEqual(actual, expected)
}

/** Checks passwords of a link. */
const checkerOf = (secret: Uint8Array, { id, password = "" }: ShareToken.Share): LoginChecker => ({
  isKnown: () => false,
  idOf: (given) => hash("sha256", `${id} ${given}`, "base64"),
  verify: (given, done) => {
    isPassword(secret, given, password).then(done, () => done(false))
  },
})

/** The number of a field; `undefined` if it is left out or empty, `invalid` if it is none within the limits. */
const numberIn = (
  fields: URLSearchParams,
  name: string,
  most: number,
): number | "invalid" | undefined => {
  const value = (fields.get(name) ?? "").trim()
  if (value === "") return undefined
  const number = /^\d{1,9}$/.test(value) ? Number(value) : 0
  return number >= 1 && number <= most ? number : "invalid"
}

/** The password of Basic credentials, under any user name. */
const basicPasswordOf = (headers: Headers.HeaderList): string | undefined => {
  const credentials = BasicAuth.credentialsOf(headers)
  return credentials && ByteName.toText(credentials.slice(credentials.indexOf(":") + 1))
}

/** Whether a target is one of a share link, which needs no sign-in. */
export const isLink = (target: string): boolean => /^\/share\/[\w-]+\.[\w-]+(?:[/?]|$)/.test(target)

/**
 * Whether a response has the content of a file, and so is a download. The page that shows a picture,
 * a film or a sound has not: what it loads is one.
 */
const hasContent = ({ sha256, thumb, view }: Query.Query, name: ByteName.ByteName): boolean =>
  !sha256 && thumb === undefined && (!view || Kind.isText(FileTypes.kindOf(name)))

/** Whether a browser fetches something that its user may never ask for (Fetch, Sec-Purpose). */
const isPrefetch = (headers: Headers.HeaderList): boolean =>
  ["sec-purpose", "purpose", "x-moz"].some((name) =>
    /\bpre(?:fetch|view)\b/i.test(Headers.first(headers, name) ?? ""),
  )

/** A request for a link that is valid. */
interface Visit {
  readonly share: ShareToken.Share
  readonly token: string
  readonly request: FileRequest
  readonly target: TargetPath
  /** Below the link. */
  readonly rest: ReadonlyArray<ByteName.ByteName>
}

/** See the head of this file. */
export class ShareLinks {
  private readonly site: Site
  private readonly sender: FileSender
  private readonly store: ShareStore
  private readonly passwords = new PasswordGuard(() => performance.now())
  /** Passwords of new links are hashed one after the other: it takes the threads that read files. */
  private readonly hashing = new FolderWork({
    maxWorking: 1,
    maxWaiting: 32,
    maxHeldBytes: 1,
    patience: 10_000,
    stalledAfter: 10_000,
  })

  constructor(site: Site, sender: FileSender, store: ShareStore) {
    this.site = site
    this.sender = sender
    this.store = store
  }

  /** Sends the form that makes a link. */
  sendForm(
    request: FileRequest,
    segments: ReadonlyArray<ByteName.ByteName>,
    isFolder: boolean,
  ): void {
    const place = { title: this.site.title, segments, isFolder }
    this.sendPage(request, SharePages.form(place, this.readsAll([])))
  }

  /** Answers a POST; `undefined` if it is not about share links. */
  receive(
    target: TargetPath,
    head: RequestHead,
    body: Body.Body,
    reply: Reply,
  ): Cancel | undefined {
    const [first] = target.segments
    const query = Query.parse(target.query)
    const isForm = first === "files" && query.share
    const isPassword =
      first === "share" && target.segments.length >= 2 && query.archive === undefined
    if (!isForm && !isPassword) return undefined
    const request = new FileRequest(head, "GET", query, reply, this.site.title)
    if (!UploadRules.isSameOrigin(head.headers)) {
      body.discard()
      request.fail("PTTH_UPLOAD_REFUSED", "The request comes from a page of another site.")
      return request.cancel
    }
    const flow = Body.collect(Body.contentOf(body), maxForm, {
      whole: (bytes) => {
        const fields = new URLSearchParams(bytes.toString("utf8"))
        if (!isForm) return this.checkPassword(request, target, fields.get("password") ?? "")
        this.makeLink(request, target, fields).catch((error: unknown) => {
          this.logNotStored(error)
          request.fail("PTTH_INTERNAL", "This could not be stored; the server's log says why.")
        })
      },
      tooLarge: () => request.fail("PTTH_BODY_TOO_LARGE", "The form is too long."),
      cut: () => {},
    })
    return () => {
      flow.cancel()
      request.cancel()
    }
  }

  /** Whether the visitor may read everything at a path. */
  private readsAll(path: ReadonlyArray<ByteName.ByteName>): boolean {
    return this.site.readsAll?.(path) !== false
  }

  private sendPage(request: FileRequest, page: Html.Html): void {
    request.sendGenerated(Html.toBytes(page), pageHeaders(Page.filesPolicy))
  }

  private async makeLink(
    request: FileRequest,
    target: TargetPath,
    fields: URLSearchParams,
  ): Promise<void> {
    const segments = target.segments.slice(1)
    const opened = await Root.openEntry(this.site.root, segments)
    if (opened._tag === "File") Root.close(opened.handle)
    else if (opened._tag === "Folder") Root.closeFolder(opened)
    else return request.failNotOpen(opened)
    const isFolder = opened._tag === "Folder"
    if (isFolder !== target.folder) return request.failNotOpen(Root.absent)
    if (!this.readsAll(segments)) {
      const detail = "The folder has things that you may not see, and so may not give to others."
      return request.fail("PTTH_NOT_READABLE", detail)
    }
    const place = { title: this.site.title, segments, isFolder }
    if (fields.has("revoke")) return this.revokeAll(request, place)
    const seconds = numberIn(fields, "expires", maxSeconds)
    const downloads = numberIn(fields, "downloads", maxDownloads)
    if (seconds === "invalid" || downloads === "invalid") {
      const detail =
        seconds === "invalid"
          ? `The field expires must be a number of seconds from 1 to ${maxSeconds}.`
          : `The field downloads must be a number from 1 to ${maxDownloads}, or empty.`
      return request.fail("PTTH_BAD_REQUEST", detail)
    }
    const password = fields.get("password") ?? ""
    const secret = this.store.ensureSecret()
    const leave = password === "" ? () => {} : await this.hashing.turn(request.isCancelled)
    if (leave === undefined) return request.failCrowded("Too many links are being made.")
    if (request.isCancelled()) return leave()
    const share: ShareToken.Share = {
      path: segments,
      isFolder,
      expires: Math.floor(Date.now() / 1000) + (seconds ?? defaultSeconds),
      downloads,
      password: password === "" ? undefined : await hashPassword(secret, password).finally(leave),
      id: randomBytes(9).toString("base64url"),
    }
    this.sendLink(request, place, share, ShareToken.sign(secret, share))
  }

  /** Ends all links, also those to what the visitor may not see, which needs the right to read everything. */
  private revokeAll(request: FileRequest, place: SharePages.Place): void {
    if (!this.readsAll([])) {
      const detail = "Some links may be to what you may not see; only others may end all of them."
      return request.fail("PTTH_NOT_READABLE", detail)
    }
    this.store.revoke()
    this.sendPage(request, SharePages.revoked(place))
  }

  /** Answers with a new link, as a page or as JSON. */
  private sendLink(
    request: FileRequest,
    place: SharePages.Place,
    share: ShareToken.Share,
    token: string,
  ): void {
    const { isFolder, segments } = place
    const levels = isFolder ? segments.length : segments.length - 1
    const path = `${topOf(levels, 1)}share/${token}/`
    const address = PageAddress.of(request.head)
    const url = address === undefined ? path : new URL(path, address).href
    if (Accept.weight(request.accept(), "application/json") > 0) {
      const expires = new Date(share.expires * 1000).toISOString()
      const name = segments.at(-1)
      const file = isFolder || name === undefined ? {} : { file: url + ByteName.toUrl(name) }
      return request.sendGenerated(Buffer.from(`${JSON.stringify({ url, ...file, expires })}\n`), [
        ["Content-Type", "application/json"],
      ])
    }
    this.sendPage(request, SharePages.created(place, url, share.expires))
  }

  /** The share of a token, if it is valid and has not ended. */
  private shareOf(token: string): ShareToken.Share | undefined {
    const { secret } = this.store
    const share = secret === undefined ? undefined : ShareToken.verify(secret, token)
    return share !== undefined && share.expires * 1000 > Date.now() ? share : undefined
  }

  private failEnded(request: FileRequest): void {
    request.fail("PTTH_SHARE_ENDED", "The link has ended or was revoked.")
  }

  /** Proves that a password was given. */
  private proofOf(token: string): string {
    return createHmac("sha256", this.store.ensureSecret())
      .update(`ptth share password ${token}`)
      .digest("base64url")
  }

  private checkPassword(request: FileRequest, { segments }: TargetPath, password: string): void {
    const token = segments[1] as string
    const share = this.shareOf(token)
    if (share === undefined) return this.failEnded(request)
    if (share.password === undefined) return this.admit(request, token, share)
    this.guess(request, share, password, (isRight) => {
      if (isRight) this.admit(request, token, share)
      else this.ask(request, segments.length - 2, true)
    })
  }

  /** Gives the proof that the password was right, and leads to the link. */
  private admit(request: FileRequest, token: string, { expires }: ShareToken.Share): void {
    const proto = PageAddress.of(request.head)?.startsWith("https:") === true ? "; Secure" : ""
    const lasting = Math.max(1, expires - Math.floor(Date.now() / 1000))
    request.respond(
      {
        status: 303,
        headers: [
          ["Location", "./"],
          [
            "Set-Cookie",
            `${cookieName}=${this.proofOf(token)}; Max-Age=${lasting}; HttpOnly; SameSite=Lax${proto}`,
          ],
          ["Content-Length", "0"],
          ["Cache-Control", "no-store"],
        ],
      },
      Body.empty,
    )
  }

  /** Checks a password, now or later. Who has guessed too often is refused. */
  private guess(
    request: FileRequest,
    share: ShareToken.Share,
    password: string,
    decide: (isRight: boolean) => void,
  ): void {
    const cancel = this.passwords.check(
      checkerOf(this.store.ensureSecret(), share),
      password,
      Forwarded.visitorOf(request.head.headers),
      (verdict) => {
        if (verdict === "right" || verdict === "wrong") return decide(verdict === "right")
        const { code, detail, retryAfter = 60 } = verdict
        request.fail(code, Text.sentence(detail), { retryAfter })
      },
    )
    request.cancelWith({ cancel })
  }

  private ask(request: FileRequest, levels: number, isWrong: boolean): void {
    const bytes = Html.toBytes(SharePages.question(levels, isWrong))
    request.respond(
      {
        status: 403,
        headers: [
          ...pageHeaders(Page.filesPolicy),
          ["Content-Length", String(bytes.length)],
          ["Cache-Control", "no-store"],
        ],
      },
      request.method === "HEAD" ? Body.empty : Body.fromBytes(bytes),
    )
  }

  /** Answers a GET or HEAD of a link. */
  answer(request: FileRequest, target: TargetPath): void {
    const [, token = "", ...rest] = target.segments
    const share = this.shareOf(token)
    if (share === undefined) return this.failEnded(request)
    const visit: Visit = { share, token, request, target, rest }
    if (share.password === undefined) return this.open(visit)
    const proof = Buffer.from(this.proofOf(token))
    const hasProof = RequestCookies.valuesOf(request.head.headers, cookieName).some((value) =>
      ConstantTime.isEqual(Buffer.from(value), proof),
    )
    if (hasProof) return this.open(visit)
    const basic = basicPasswordOf(request.head.headers)
    const levels = target.folder ? rest.length : Math.max(0, rest.length - 1)
    if (basic === undefined) return this.ask(request, levels, false)
    this.guess(request, share, basic, (isRight) => {
      if (isRight) this.open(visit)
      else this.ask(request, levels, true)
    })
  }

  private open(visit: Visit): void {
    const { request, rest, share, target } = visit
    if (this.isUsedUp(share)) return this.failEnded(request)
    if (rest.length === 0 && !target.folder) return request.redirectToFolder(target)
    const folder = share.isFolder ? share.path : share.path.slice(0, -1)
    this.site.root.open(folder, (opened) => {
      if (opened._tag === "File") Root.close(opened.handle)
      if (opened._tag !== "Folder") return this.failEnded(request)
      Root.closeFolder(opened)
      const only = share.isFolder ? undefined : share.path.at(-1)
      const base = { segments: folder, real: opened.real, only }
      this.openBelow(visit, ShareRoot.make(this.site.root, base), folder)
    })
  }

  private openBelow(visit: Visit, root: Root.Root, base: ReadonlyArray<ByteName.ByteName>): void {
    const { request, rest, share, target } = visit
    const isLanding = !share.isFolder && rest.length === 0
    const segments = isLanding ? share.path.slice(-1) : rest
    root.open(segments, (opened) => {
      if (opened._tag !== "File" && opened._tag !== "Folder") return request.failNotOpen(opened)
      const site: Site = {
        ...this.site,
        root,
        base,
        title: ByteName.toText(share.path.at(-1) ?? ByteName.fromText(this.site.title)),
        depth: 2,
        notice: SharePages.notice(share.expires),
        isCounted: share.downloads !== undefined,
        shares: false,
        uploadRules: undefined,
        managing: undefined,
        account: undefined,
      }
      if (opened._tag === "Folder") {
        if (!target.folder) {
          Root.closeFolder(opened)
          return request.redirectToFolder(target)
        }
        const isArchive = request.query.archive !== undefined
        if (isArchive && !this.count(visit)) return Root.closeFolder(opened)
        return FolderPages.send({ site, request, segments, api: false }, opened)
      }
      if (isLanding) {
        Root.close(opened.handle)
        const name = segments[0] as ByteName.ByteName
        return this.sendPage(
          request,
          SharePages.file(name, Number(opened.stats.size), share.expires),
        )
      }
      if (target.folder) {
        Root.close(opened.handle)
        return request.failNotOpen(Root.absent)
      }
      const name = segments.at(-1) as ByteName.ByteName
      if (hasContent(request.query, name) && !this.count(visit)) return Root.close(opened.handle)
      if (Query.asksForm(request.query)) return FileForms.send(site, request, segments, opened)
      this.sender.send(this.whole(visit), [...base, ...segments], opened)
    })
  }

  /** Whether all downloads of a link have taken place. */
  private isUsedUp({ downloads, id }: ShareToken.Share): boolean {
    return downloads !== undefined && this.store.usesOf(id) >= downloads
  }

  /** Counts a download; whether it may take place. Otherwise the request is refused. */
  private count({ request, share }: Visit): boolean {
    if (share.downloads === undefined || request.method === "HEAD") return true
    // Another request may have been the last one while the file was opened.
    if (this.isUsedUp(share)) {
      this.failEnded(request)
      return false
    }
    if (isPrefetch(request.head.headers)) {
      const detail = "A link with a number of downloads is not fetched in advance."
      request.fail("PTTH_BAD_REQUEST", detail, { status: 503 })
      return false
    }
    if (!this.store.canCount(share.id)) {
      request.failCrowded("Too many links with a number of downloads are in use.")
      return false
    }
    try {
      this.store.use(share.id, share.expires)
    } catch (error) {
      this.logNotStored(error)
    }
    return true
  }

  private logNotStored(error: unknown): void {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    this.site.log(
      `The secret and the counts of share links cannot be stored in ${this.store.file} (${reason}). Make it writable. Until then, a restart undoes what was not stored: ended links work again, and counts of downloads are lower.`,
    )
  }

  /** The request; for a counted link without ranges, of which a download could be put together uncounted. */
  private whole({ request, share }: Visit): FileRequest {
    return share.downloads === undefined ? request : request.withoutFields(/^(?:range|if-.*)$/i)
  }
}
