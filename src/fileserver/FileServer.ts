/**
 * The file server: shares one folder as pages, as JSON and as files, for
 * reading unless uploads are allowed. Requests run on callbacks, without
 * Effect. Which headers and bytes are sent is decided in `http/Decision.ts`,
 * which files may be opened in `root/Root.ts`.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { SymlinkPolicy } from "../domain/config/ServerConfig.ts"
import * as Headers from "../domain/HeaderList.ts"
import { memoize, once } from "../domain/Memoize.ts"
import type { RequestHead } from "../protocol/Message.ts"
import * as Body from "../transport/body/Body.ts"
import type { Cancel, Handler, Reply } from "../transport/body/Handler.ts"
import * as Prometheus from "../transport/observe/Prometheus.ts"
import * as Accept from "../web/Accept.ts"
import * as Assets from "../web/Assets.ts"
import * as FailurePage from "../web/FailurePage.ts"
import * as Html from "../web/Html.ts"
import * as Page from "../web/Page.ts"
import * as Access from "./access/Access.ts"
import * as Guard from "./access/Guard.ts"
import * as ArchiveForm from "./archive/ArchiveForm.ts"
import { ChangeHandler, type ChangeOptions, ChangeState } from "./ChangeHandler.ts"
import * as Decision from "./http/Decision.ts"
import * as Query from "./http/Query.ts"
import * as Listing from "./listing/Listing.ts"
import { type ByteName, toFsPath } from "./names/ByteName.ts"
import * as TargetPath from "./names/TargetPath.ts"
import * as OwnerLog from "./OwnerLog.ts"
import * as FileForms from "./pages/FileForms.ts"
import * as FolderPages from "./pages/FolderPages.ts"
import type { FolderRequest } from "./pages/FolderRequest.ts"
import * as NearestFolder from "./pages/NearestFolder.ts"
import { type Account, pageHeaders, type Site } from "./pages/Site.ts"
import * as TopPage from "./pages/TopPage.ts"
import * as Render from "./render/Render.ts"
import * as HiddenFiles from "./root/HiddenFiles.ts"
import * as Root from "./root/Root.ts"
import { RootWatch } from "./root/RootWatch.ts"
import * as Visibility from "./root/Visibility.ts"
import type { FixedFile } from "./send/CompressedPage.ts"
import * as CompressedPage from "./send/CompressedPage.ts"
import { FileDigest } from "./send/FileDigest.ts"
import { FileRequest } from "./send/FileRequest.ts"
import { FileSender } from "./send/FileSender.ts"
import * as FolderWork from "./send/FolderWork.ts"
import * as Metrics from "./send/Metrics.ts"
import * as ShareLinks from "./shares/ShareLinks.ts"
import { ShareStore } from "./shares/ShareStore.ts"
import * as ThumbCache from "./thumbs/ThumbCache.ts"
import { Thumbnails } from "./thumbs/Thumbnails.ts"
import { WebSite } from "./WebSite.ts"

/** The options of a file server. */
export interface FileServerOptions extends Visibility.VisibilityOptions, ChangeOptions {
  /** The shared folder. It may be a link, which may be switched while the server runs. */
  readonly root: string
  /** Paths of files that are never served, under any name or link. */
  readonly hiddenFiles?: ReadonlyArray<string>
  /** Default: `inside`, links are followed as long as they stay inside the folder. */
  readonly symlinks?: SymlinkPolicy
  /** Whether browsers may run scripts in the files. Default: `false`. */
  readonly trustedContent?: boolean
  /**
   * Whether `app.js.br`, `app.js.zst` or `app.js.gz` is sent in place of `app.js` to clients that
   * accept the coding; never in folders that take uploads. Default: `false`.
   */
  readonly precompressed?: boolean
  /** The name of the site on its pages and of its archive, or what gives it at any time. Default: `files`. */
  readonly title?: string | (() => string)
  /** Whether folders may be downloaded as archives. Default: `true`. */
  readonly archives?: boolean
  /** Whether `index.html` is sent in place of a folder's page, and `404.html` for what does not exist. Default: `false`. */
  readonly index?: boolean
  /** Whether the `index.html` of the folder is sent in place of pages that do not exist. Default: `false`. */
  readonly spa?: boolean
  /**
   * The file that keeps the secret of share links, by which visitors may pass on what they see.
   * Default: there are no share links.
   */
  readonly shareLinks?: string | undefined
  /** Where thumbnails are cached. Default: `ptth/thumbs` in the user's cache folder. */
  readonly thumbFolder?: string
  /** How much disk that cache may take, in bytes; 0 keeps it in memory only. Default: 512 MiB. */
  readonly thumbCacheMax?: number
  /** Who may do what. Default: everybody everything that the other options allow. */
  readonly access?: Guard.AccessOptions
}

/** The folder cannot be shared. */
export class FileServerError extends Data.TaggedError("FileServerError")<{
  readonly code: "PTTH_ROOT_NOT_FOLDER"
  readonly detail: string
}> {
  override get message(): string {
    return `${this.code}: ${this.detail}`
  }
}

/** Whether a target is one of a share link, or a file that its pages load: these open without sign-in. */
export const needsNoSignIn = (target: string): boolean =>
  ShareLinks.isLink(target) || assetAt(target.slice(1)) !== undefined

/** Whether a request is about a share link, which needs no sign-in. */
const isLinkRequest = ({ method, target }: RequestHead): boolean =>
  (method === "GET" || method === "HEAD" || method === "POST") && ShareLinks.isLink(target)

/** The parts of one file server. */
interface Parts {
  readonly site: Site
  readonly sender: FileSender
  readonly webSite: WebSite
  /** `undefined` if there are no share links. */
  readonly shares: ShareLinks.ShareLinks | undefined
  readonly metrics: Metrics.Metrics
  /** Everything but reading. */
  readonly changes: ChangeHandler
  readonly rootWatch: RootWatch
}

const windows = process.platform === "win32"
const metricsHeaders: Headers.HeaderList = [["Content-Type", Prometheus.contentType]]

const fixedFile = ({ bytes, type }: Assets.Asset): FixedFile =>
  CompressedPage.fixedFile(bytes, [
    ["Content-Type", type],
    ...(type === Assets.logo.type ? [Decision.isolated] : []),
  ])

const lasting = (file: FixedFile): FixedFile => ({
  ...file,
  representation: { ...file.representation, cacheControl: Assets.cacheControl },
})

/** The files that pages load, by their path, which has a hash of their content. */
const assets = once(
  (): ReadonlyMap<string, FixedFile> =>
    new Map(
      [Assets.style, Assets.script, Assets.theme, Assets.logo].map((asset) => [
        asset.path,
        lasting(fixedFile(asset)),
      ]),
    ),
)

/** The file of {@link assets} at a path. Requests for others do not load them. */
const assetAt = (path: string): FixedFile | undefined =>
  path.startsWith("assets/") ? assets().get(path) : undefined

/** The same files under names that stay, for other programs. */
const namedAssets = once(
  (): ReadonlyMap<string, FixedFile> =>
    new Map([
      ["assets/style.css", fixedFile(Assets.style)],
      ["assets/app.js", fixedFile(Assets.script)],
      ["assets/theme.js", fixedFile(Assets.theme)],
      ["favicon.svg", fixedFile(Assets.logo)],
    ]),
)

/** Answers a GET or HEAD. */
const answer = (
  parts: Parts,
  request: FileRequest,
  target: TargetPath.TargetPath | TargetPath.Refusal,
): void => {
  if (target._tag === "Refusal") {
    const { detail, status } = target
    if (status === 400) return request.fail("PTTH_BAD_REQUEST", detail)
    return parts.webSite.sendAbsent(request, () => request.fail("PTTH_NOT_FOUND", detail))
  }
  const { folder, segments } = target
  const [first, second, third] = segments
  if (first === "files") {
    if (segments.length === 1 && !folder) return request.redirectToFolder(target)
    return sendShared(parts, request, target)
  }
  const { shares, webSite } = parts
  const isLink = first === "share" && (!webSite.isSite || ShareLinks.isLink(request.head.target))
  if (isLink && shares !== undefined) return shares.answer(request, target)
  if (first === "api" && second === "v1" && third === "dir") {
    if (segments.length === 3 && !folder) return request.redirectToFolder(target)
    return openShared(parts, request, target, segments.slice(3), true)
  }
  const asset = folder ? undefined : assetAt(segments.join("/"))
  if (asset !== undefined) return CompressedPage.sendFixed(request, asset)
  const own = ownAnswer(parts, request, target)
  if (webSite.isSite) {
    const below = { ...target, segments: ["files", ...segments] }
    return webSite.sendAtTop(request, target, own, () => sendShared(parts, request, below))
  }
  if (own !== undefined) return own()
  request.fail("PTTH_NOT_FOUND", "Nothing has this address; the files are below files/.")
}

/** Sends what the file server has itself at an address, unless the shared folder is a site that has something there. */
const ownAnswer = (
  parts: Parts,
  request: FileRequest,
  { folder, segments }: TargetPath.TargetPath,
): (() => void) | undefined => {
  if (segments.length === 0) return () => sendTop(parts, request)
  if (folder) return undefined
  const path = segments.join("/")
  if (path === "metrics") return () => sendMetrics(parts, request)
  if (path === "status") return () => sendStatus(parts, request)
  if (path === "robots.txt") return () => sendRobots(request)
  const file = namedAssets().get(path)
  return file && (() => CompressedPage.sendFixed(request, file))
}

/** Crawlers may read the folders, but not each of them in every order and as an archive. */
const robots = Buffer.from("User-agent: *\nDisallow: /*?\nDisallow: /api/\nDisallow: /metrics\n")

const sendRobots = (request: FileRequest): void =>
  request.sendGenerated(robots, [["Content-Type", "text/plain; charset=utf-8"]])

/** Sends something below `files/`. */
const sendShared = (parts: Parts, request: FileRequest, target: TargetPath.TargetPath): void => {
  const segments = target.segments.slice(1)
  const { shares } = parts
  if (request.query.share && shares !== undefined) {
    return shares.sendForm(request, segments, target.folder)
  }
  const open = (): void => openShared(parts, request, target, segments, false)
  if (target.folder || Query.asksForm(request.query)) return open()
  parts.sender.sendCached(request, segments, open)
}

/**
 * Opens a file or folder and sends it.
 *
 * @param segments below the shared folder
 * @param api whether the address is below `api/`, where there are only folders
 */
const openShared = (
  { rootWatch, sender, site, webSite }: Parts,
  request: FileRequest,
  target: TargetPath.TargetPath,
  segments: ReadonlyArray<ByteName>,
  api: boolean,
): void =>
  site.root.open(segments, (opened) => {
    switch (opened._tag) {
      case "Absent":
        rootWatch.look()
        if (api) return request.failNotOpen(opened)
        return webSite.sendAbsent(request, () =>
          NearestFolder.failAbsent(site.root, request, segments, target.folder),
        )
      case "Forbidden":
      case "TooLong":
      case "Busy":
      case "Broken":
        return request.failNotOpen(opened)
      case "File": {
        if (request.isCancelled() || target.folder || api) {
          Root.close(opened.handle)
          return request.failNotOpen(Root.absent)
        }
        if (Query.asksForm(request.query)) return FileForms.send(site, request, segments, opened)
        return sender.send(request, segments, opened)
      }
      case "Folder": {
        if (!request.isCancelled() && target.folder) {
          const to = { site, request, segments, api }
          if (api || !webSite.isSite) return FolderPages.send(to, opened)
          Root.closeFolder(opened)
          return webSite.sendIndex(request, segments, () => reopenFolder(to))
        }
        Root.closeFolder(opened)
        return request.redirectToFolder(target)
      }
    }
  })

/** Sends the page of a folder that has no `index.html`. */
const reopenFolder = (to: FolderRequest): void =>
  to.site.root.open(to.segments, (opened) => {
    if (opened._tag === "Folder") return FolderPages.send(to, opened)
    if (opened._tag === "File") Root.close(opened.handle)
    to.request.failNotOpen(opened._tag === "File" ? Root.absent : opened)
  })

/** People are led to the files; programs get the state, as at `status`. */
const sendTop = (parts: Parts, request: FileRequest): void => {
  if (Accept.weight(request.accept(), "text/html") > 0) request.redirect("files/")
  else sendStatus(parts, request)
}

const sendStatus = ({ metrics, site }: Parts, request: FileRequest): void => {
  const page = TopPage.render(metrics.snapshot(), site.title, site.uploadRules !== undefined)
  request.sendGenerated(Html.toBytes(page), pageHeaders(Page.policy))
}

const sendMetrics = ({ metrics }: Parts, request: FileRequest): void => {
  const text = Prometheus.render(Metrics.read(metrics.snapshot()))
  request.sendGenerated(Buffer.from(text), metricsHeaders)
}

const refuseMethod = (head: RequestHead, reply: Reply, { allow, rules }: ChangeHandler): void => {
  const failure = FailurePage.render(
    {
      code: "PTTH_METHOD_NOT_ALLOWED",
      status: 405,
      detail:
        rules === undefined ? "Files can only be read." : "Files can only be read and uploaded.",
      headers: [["Allow", allow]],
    },
    Headers.first(head.headers, "accept"),
  )
  reply.respond({ status: failure.status, headers: failure.headers }, Body.fromBytes(failure.body))
}

/** Answers the form that downloads chosen entries; `undefined` if a request is not such a form. */
const receiveArchiveForm = (
  parts: Parts,
  target: TargetPath.TargetPath | TargetPath.Refusal,
  head: RequestHead,
  body: Body.Body,
  reply: Reply,
): Cancel | undefined => {
  if (target._tag !== "Path" || !target.folder) return undefined
  if (target.segments[0] !== "files" && !ShareLinks.isLink(head.target)) return undefined
  const query = Query.parse(target.query)
  if (!ArchiveForm.isSent(query, head.headers)) return undefined
  let cancel: Cancel = () => {}
  const flow = ArchiveForm.read(Body.contentOf(body), (entries) => {
    const chosen = { ...query, entries: entries ?? [] }
    const request = new FileRequest(head, "GET", chosen, reply, parts.site.title)
    cancel = request.cancel
    if (entries === undefined) {
      return request.fail("PTTH_BODY_TOO_LARGE", "The form is too long or was cut off.")
    }
    if (entries.length === 0) {
      return request.fail("PTTH_BAD_REQUEST", "No entries were chosen.", { status: 400 })
    }
    answer(parts, request, target)
  })
  return () => {
    flow.cancel()
    cancel()
  }
}

/** Answers a form that changes nothing; `undefined` if a request is not such a form. */
const receiveForm = (
  parts: Parts,
  target: TargetPath.TargetPath | TargetPath.Refusal,
  head: RequestHead,
  body: Body.Body,
  reply: Reply,
): Cancel | undefined =>
  (target._tag === "Path" ? parts.shares?.receive(target, head, body, reply) : undefined) ??
  receiveArchiveForm(parts, target, head, body, reply)

const handle = (parts: Parts): Handler => {
  const { dotfiles } = parts.site.root.visibility
  const served = dotfiles || (parts.changes.canManage && "sidecars")
  const { isSite } = parts.webSite
  const pathOf = memoize((target) => TargetPath.decode(target, windows, served, isSite))
  return (head, body, reply) => {
    const { method } = head
    if (method === "POST") {
      const cancel = receiveForm(parts, pathOf(head.target), head, body, reply)
      if (cancel !== undefined) return cancel
    }
    const changing = parts.changes.handle(head, body, reply)
    if (changing !== undefined) return changing
    body.discard()
    if (method !== "GET" && method !== "HEAD") {
      refuseMethod(head, reply, parts.changes)
      return () => {}
    }
    const target = pathOf(head.target)
    const query = target._tag === "Path" ? Query.parse(target.query) : Query.none
    const request = new FileRequest(head, method, query, reply, parts.site.title)
    answer(parts, request, target)
    return request.cancel
  }
}

const notFolder = (root: string, problem: string): FileServerError =>
  new FileServerError({ code: "PTTH_ROOT_NOT_FOLDER", detail: `${root} ${problem}.` })

// Not by `fs.promises`, which takes a mebibyte that a file server may never need.
const open = promisify(fs.open)
const readLink = promisify(fs.readlink)
const stat = promisify(fs.stat)

const realPath = (folder: string): Promise<ByteName> =>
  new Promise((resolve, reject) => {
    fs.realpath.native(folder, { encoding: "latin1" }, (error, real) => {
      if (error === null) resolve(real)
      else reject(error)
    })
  })

/** Whether /proc gives the real path of an open handle, as on most Linux systems. */
const hasHandlePaths = async (real: ByteName): Promise<boolean> => {
  if (process.platform !== "linux") return false
  const folder = await open(toFsPath(real), "r")
  try {
    return (await readLink(`/proc/self/fd/${folder}`, "latin1")) === real
  } catch {
    return false
  } finally {
    fs.closeSync(folder)
  }
}

/** The shared folder, as it was when the server started. */
interface SharedFolder {
  readonly folder: string
  readonly real: ByteName
  readonly check: Root.Check
}

/** Finds the shared folder; fails if the path is not a folder, or cannot be read. */
const findFolder = (root: string): Effect.Effect<SharedFolder, FileServerError> => {
  const folder = path.resolve(root)
  return Effect.tryPromise({
    try: async (): Promise<SharedFolder> => {
      const real = await realPath(folder)
      const stats = await stat(toFsPath(real))
      if (!stats.isDirectory()) throw notFolder(root, "is not a folder")
      return { folder, real, check: (await hasHandlePaths(real)) ? "handle" : "path" }
    },
    catch: (error) =>
      error instanceof FileServerError
        ? error
        : notFolder(root, "does not exist or cannot be opened"),
  })
}

/** What is of no single visitor. Caches by paths are not among it: visitors see different folders. */
const sharedParts = (
  { archives = true, thumbCacheMax, thumbFolder }: FileServerOptions,
  root: Root.Root,
  hidden: HiddenFiles.HiddenFiles,
  log: Site["log"],
) => ({
  base: [],
  depth: 1,
  notice: undefined,
  archives,
  thumbs: new Thumbnails(
    root,
    new ThumbCache.ThumbCache(thumbFolder ?? ThumbCache.defaultFolder(), thumbCacheMax),
  ),
  digests: new FileDigest(),
  folderWork: new FolderWork.FolderWork(FolderWork.listings),
  longWork: new FolderWork.FolderWork({ ...FolderWork.listings, maxWorking: 2, maxWaiting: 16 }),
  archiveWork: new FolderWork.FolderWork(FolderWork.archives),
  log,
  hidden,
  renderer: Render.make(),
})

/** Makes the handlers of one file server: one for everybody, or one for each rule of access. */
class Handlers {
  private readonly options: FileServerOptions
  private readonly folder: SharedFolder
  private readonly hidden: HiddenFiles.HiddenFiles
  /** The folder for whom no rule of access holds. */
  private readonly root: Root.Root
  private readonly metrics = Metrics.make()
  private readonly state: ChangeState
  /** `undefined` if there are no share links. */
  private readonly store: ShareStore | undefined
  private readonly titleOf: () => string
  private readonly shared: ReturnType<typeof sharedParts>
  private readonly rootWatch: RootWatch

  constructor(options: FileServerOptions, folder: SharedFolder, log: Site["log"]) {
    const { shareLinks, title = "files" } = options
    this.options = options
    this.folder = folder
    this.hidden = HiddenFiles.make(options.hiddenFiles ?? [])
    this.root = this.rootFor()
    this.state = new ChangeState(this.root)
    this.store = shareLinks === undefined ? undefined : new ShareStore(shareLinks)
    this.titleOf = typeof title === "string" ? () => title : title
    this.shared = sharedParts(options, this.root, this.hidden, log)
    this.rootWatch = new RootWatch(folder.folder, log)
  }

  /** The handler of the file server. */
  main(): Handler {
    const { access } = this.options
    if (access === undefined) return this.metrics.count(this.handlerFor(undefined))
    const guarded = this.guarded(access)
    if (this.store === undefined) return this.metrics.count(guarded)
    const open = this.handlerFor(undefined)
    return this.metrics.count((head, body, reply) =>
      isLinkRequest(head) ? open(head, body, reply) : guarded(head, body, reply),
    )
  }

  /** The shared folder, of which a visitor sees what `allows` accepts. */
  private rootFor(allows?: (path: ReadonlyArray<ByteName>) => boolean): Root.Root {
    const { check, folder, real } = this.folder
    return Root.make(folder, real, check, this.hidden, {
      symlinks: this.options.symlinks ?? "inside",
      visibility: Visibility.make(this.options, allows),
    })
  }

  /** The handler that finds out who a visitor is, and applies the rules that hold for them. */
  private guarded(access: Guard.AccessOptions): Handler {
    const handlers = new Map<Access.AccessRule, Handler>()
    const handlerOf = (rule: Access.AccessRule, account: Account | undefined): Handler => {
      // Who has not signed in could end the links of others.
      const mayShare = rule !== access.visitors
      const handler = handlers.get(rule) ?? this.handlerFor(Access.make(rule), account, mayShare)
      handlers.set(rule, handler)
      return handler
    }
    const isAsset = (path: string): boolean => assetAt(path) !== undefined
    return Guard.protect(access, { title: this.titleOf, handlerOf, isAsset })
  }

  /** The handler for a visitor with these rules; without rules for everybody. */
  private handlerFor(
    access: Access.Access | undefined,
    account?: Account,
    mayShare = true,
  ): Handler {
    const { hidden, metrics, options, rootWatch, shared, state, titleOf } = this
    const root = access === undefined ? this.root : this.rootFor(access.reads)
    const uploadRoot = access === undefined ? this.root : this.rootFor(access.knows)
    const roots = { root, uploadRoot, hidden, folderWork: shared.folderWork }
    const changes = new ChangeHandler(roots, options, state, access)
    const { manageRules, rules } = changes
    const store = mayShare ? this.store : undefined
    const site: Site = {
      ...shared,
      get title() {
        return titleOf()
      },
      root,
      listings: Listing.make(),
      uploadRules: rules,
      shares: store !== undefined,
      managing: manageRules && { rules: manageRules, bin: state.bin },
      readsAll: access?.readsAll,
      account,
    }
    const sender = new FileSender(root, {
      trusted: options.trustedContent ?? false,
      // Whoever may upload could otherwise decide what others get for a file that they may not replace.
      usesPrecompressed: (folder) =>
        options.precompressed === true &&
        options.access === undefined &&
        rules?.allows(folder) !== true,
    })
    const { index = false, spa = false } = options
    const webSite = new WebSite(root, sender, { index, spa })
    const shares = store && new ShareLinks.ShareLinks(site, sender, store)
    return handle({ site, sender, webSite, shares, metrics, changes, rootWatch })
  }
}

/**
 * Shares a folder. The handler answers GET and HEAD of `/`, `/files/…`,
 * `/api/v1/dir/…`, `/metrics`, `/status`, `/robots.txt`, `/favicon.svg`, the style sheet and the
 * scripts, OPTIONS and PROPFIND, below `/files/` also uploads and changes where
 * they are allowed, and everything else with a failure page; it never calls `reply.fail`.
 *
 * Fails with PTTH_ROOT_NOT_FOLDER if the root is not a folder that can be read.
 */
export const make = Effect.fn("FileServer.make")(function* (options: FileServerOptions) {
  const folder = yield* findFolder(options.root)
  return new Handlers(options, folder, yield* OwnerLog.make).main()
})
