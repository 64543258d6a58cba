/**
 * The page that shows a file, with links to the file and to its siblings.
 */
import * as Assets from "../../web/Assets.ts"
import * as Format from "../../web/Format.ts"
import { type Html, html } from "../../web/Html.ts"
import { page } from "../../web/Page.ts"
import * as Query from "../http/Query.ts"
import * as ByteName from "../names/ByteName.ts"
import * as Icons from "../parts/Icons.ts"
import { pathLinks, topOf, up } from "../parts/PathLinks.ts"
import * as Text from "../parts/Text.ts"
import type { ImageFacts } from "../types/Exif.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"
import * as Content from "../views/Content.ts"
import * as Subtitles from "../views/Subtitles.ts"
import type { Site } from "./Site.ts"
import { qrCode } from "./Toolbar.ts"

const text = Text.view

/** The files of the same series around one in its folder, see `Kind.seriesOf`. */
export interface Siblings {
  readonly previous: ByteName.ByteName | undefined
  readonly next: ByteName.ByteName | undefined
  /** From 1; 0 if it is not known. */
  readonly position: number
  readonly total: number
  /** The nearest of which there may be thumbnails, in order, with the file itself. */
  readonly near: ReadonlyArray<ByteName.ByteName>
  /** The subtitles of a film. */
  readonly subtitles: ReadonlyArray<Subtitles.Subtitle>
}

/** A file to show. */
export interface View {
  readonly site: Pick<Site, "depth" | "isCounted" | "notice" | "shares" | "title">
  /** The file's path below the shared folder. */
  readonly segments: ReadonlyArray<ByteName.ByteName>
  readonly kind: Kind.Kind
  /** Bytes. */
  readonly size: number
  /** The last change in milliseconds since 1970. */
  readonly modified: number
  readonly siblings: Siblings
  /** What is in the file, if it has to be read to be shown. */
  readonly content: Content.Content | undefined
  readonly facts: ImageFacts
  /** Whether there may be a thumbnail of it. */
  readonly hasThumb: boolean
  /** The order and form of the folder's page that led here. */
  readonly query: Query.Query
  /** The address of the page, for its QR code. */
  readonly address: string | undefined
  /** The actions of {@link Slots}. */
  readonly slot: Html | undefined
}

/** What the script shows if the browser cannot show the file. */
const instead = (notice: string): Html => html`<p class="empty" data-instead hidden>${notice}</p>`

const viewLink = (name: ByteName.ByteName, query: Query.Query): string =>
  ByteName.toUrl(name) + Query.toView(query)

/** A link to the previous or next file. The script loads pictures in advance, unless downloads are counted. */
const around = (
  to: ByteName.ByteName | undefined,
  rel: "prev" | "next",
  { query, site }: View,
): Html | undefined => {
  if (to === undefined) return undefined
  const isPreloaded = site.isCounted !== true && FileTypes.kindOf(to) === "image"
  const [label, icon] =
    rel === "prev" ? [text.previous, Icons.button.previous] : [text.next, Icons.button.next]
  return html`<a rel="${rel}" href="${viewLink(to, query)}" aria-label="${label}" title="${ByteName.toDisplay(to)}" data-preload="${isPreloaded ? "yes" : "no"}">${icon}</a>`
}

/** The pictures nearby, as small pictures. */
const strip = ({ hasThumb, query, segments, siblings }: View): Html | undefined => {
  if (!hasThumb || siblings.near.length < 2) return undefined
  const links = siblings.near.map((name) => {
    const image = html`<img src="${ByteName.toUrl(name)}?thumb=160" alt="${ByteName.toDisplay(name)}" loading="lazy" width="64" height="48">`
    return name === segments.at(-1)
      ? html`<a href="${viewLink(name, query)}" aria-current="true">${image}</a>`
      : html`<a href="${viewLink(name, query)}">${image}</a>`
  })
  return html`<nav class="strip" aria-label="${text.near}">${links}</nav>`
}

/** A picture or a film on a dark ground. */
const stage = (view: View, name: string, content: Html): Html => {
  const { siblings } = view
  return html`<div class="stage">
<p class="tell" aria-hidden="true">${name}${siblings.total > 1 ? ` · ${siblings.position} / ${siblings.total}` : ""}</p>
${content}
${around(siblings.previous, "prev", view)}${around(siblings.next, "next", view)}
${view.kind === "image" ? strip(view) : undefined}
</div>`
}

const track = (subtitle: Subtitles.Subtitle, isFirst: boolean): Html => {
  const href = ByteName.toUrl(subtitle.name) + (subtitle.isSubRip ? "?vtt" : "")
  const label = Subtitles.labelOf(subtitle)
  return isFirst
    ? html`<track kind="subtitles" src="${href}" srclang="${subtitle.language || "und"}" label="${label}" default>`
    : html`<track kind="subtitles" src="${href}" srclang="${subtitle.language || "und"}" label="${label}">`
}

const viewerOf = (view: View, href: string, name: string): Html => {
  if (view.content !== undefined) return Content.render(view.content, href)
  const viewer: Kind.Viewer = Kind.kinds[view.kind].viewer
  switch (viewer) {
    case "image":
      return stage(
        view,
        name,
        html`<figure class="viewer"><img src="${href}" alt="${name}">${instead(text.noImage)}</figure>`,
      )
    case "video":
      return stage(
        view,
        name,
        html`<div class="viewer"><video src="${href}" controls preload="metadata" aria-label="${name}">${view.siblings.subtitles.map((each, i) => track(each, i === 0))}</video>${instead(text.noMedia)}</div>`,
      )
    case "audio":
      return html`<div class="viewer"><audio src="${href}" controls preload="metadata" aria-label="${name}"></audio>${instead(text.noMedia)}</div>`
    case "pdf":
      return html`<div class="viewer"><object data="${href}" type="application/pdf" aria-label="${name}"><p>${text.noPdf} <a href="${href}">${text.open}</a></p></object></div>`
    case "markdown":
    case "code":
    case "none":
      return html`<p class="empty">${text.notViewable}</p>`
  }
}

const factRow = (label: string, value: string | Html | undefined): Html | undefined =>
  value === undefined ? undefined : html`<dt>${label}</dt><dd>${value}</dd>`

const info = (view: View, href: string): Html => {
  const { facts, modified, segments, size } = view
  const dimensions =
    facts.width === undefined || facts.height === undefined
      ? undefined
      : `${facts.width} × ${facts.height}`
  return html`<details class="drop info" name="toolbar" id="page.info"><summary class="button" title="${text.info}">${Icons.button.info}<span class="unseen">${text.info}</span></summary><div><dl>
${factRow(text.type, FileTypes.mediaTypeOf(segments.at(-1) as ByteName.ByteName))}
${factRow(text.size, `${Format.bytes(size)} (${Text.listing.bytes(size)})`)}
${factRow(text.changed, Format.minute(modified))}
${factRow(text.dimensions, dimensions)}${factRow(text.taken, facts.taken)}${factRow(text.camera, facts.camera)}${factRow(text.exposure, facts.exposure)}
${factRow("SHA-256", html`<a href="${href}?sha256" rel="nofollow">${text.compute}</a>`)}
</dl>${qrCode(view.address)}</div></details>`
}

const scriptButton = (action: string, label: string, icon: Html | undefined): Html =>
  html`<button type="button" data-do="${action}" data-script hidden title="${label}">${icon ?? label}${icon && html`<span class="unseen">${label}</span>`}</button>`

/** The buttons that only some kinds of files have. */
const kindButtons = ({ content, kind }: View, href: string): Html | undefined => {
  switch (kind) {
    case "image":
      return html`${scriptButton("slides", text.slides, Icons.button.play)}${scriptButton("full", text.full, Icons.button.full)}`
    case "video":
      return scriptButton("full", text.full, Icons.button.full)
    case "audio":
      return html`<button type="button" data-do="play" data-file="${href}" data-script hidden>${Icons.button.play}${text.playFrom}</button>`
    default:
      return content?._tag === "Lines"
        ? html`<button type="button" data-do="wrap" aria-pressed="false" data-script hidden title="${text.wrap}">${Icons.button.wrap}<span class="label">${text.wrap}</span></button><button type="button" data-do="copy" data-from="page.text" data-script hidden title="${text.copy}">${Icons.button.copy}<span class="label">${text.copy}</span></button>`
        : undefined
  }
}

/** The page. */
export const render = (view: View): Html => {
  const { kind, query, segments, siblings, site } = view
  const { depth, notice, shares, title } = site
  const fileName = segments.at(-1) as ByteName.ByteName
  const name = ByteName.toDisplay(fileName)
  const href = ByteName.toUrl(fileName)
  const isOnStage = view.content === undefined && (kind === "image" || kind === "video")
  const image =
    view.hasThumb && view.address !== undefined
      ? new URL(`${href}?thumb=640`, view.address).href
      : undefined
  return page({
    title: `${name} · ${title}`,
    top: topOf(segments.length - 1, depth),
    home: up(segments.length - 1),
    heading: pathLinks({ title, segments, folder: false, query }),
    script: Assets.script,
    preview: {
      site: title,
      description: `${Kind.kinds[kind].label}, ${Format.bytes(view.size)}`,
      image,
    },
    main: html`<h1 class="unseen">${name}</h1>
<div class="viewer-bar" role="group" aria-label="${text.tools}">
<a class="button" rel="up" href="${Query.toHref({ ...query, page: 1 })}">${Icons.button.folder}<span class="label">${text.folder}</span></a>
${isOnStage ? undefined : html`${around(siblings.previous, "prev", view)}${around(siblings.next, "next", view)}`}
${siblings.total > 1 && siblings.position > 0 ? html`<span class="count-of">${siblings.position} / ${siblings.total}</span>` : undefined}
<span class="gap"></span>
${kindButtons(view, href)}
${view.slot}
${shares ? html`<a class="button" href="${href}?share" rel="nofollow" title="${Text.listing.share}">${Icons.button.share}<span class="label">${Text.listing.share}</span></a>` : undefined}
<a class="button open" href="${href}" title="${text.open}">${Icons.button.open}<span class="label">${text.open}</span></a>
<a class="button" href="${href}" download title="${text.download(Format.bytes(view.size))}">${Icons.button.download}<span class="label">${text.download(Format.bytes(view.size))}</span></a>
${info(view, href)}
</div>
${notice}${viewerOf(view, href, name)}`,
  })
}
