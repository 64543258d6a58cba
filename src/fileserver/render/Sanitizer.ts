/**
 * Makes the HTML of a Markdown file safe to show: it runs no scripts, loads
 * nothing from other sites and does not look like a part of the page. Links to
 * other texts lead to their pages.
 */
import sanitize from "sanitize-html"
import { type ByteName, fromText } from "../names/ByteName.ts"
import * as FileTypes from "../types/FileTypes.ts"
import * as Kind from "../types/Kind.ts"

/** Whether an address is on this server: relative (RFC 3986 4.2), as browsers parse it. */
const isSameSite = (address: string): boolean =>
  // Browsers drop leading controls and spaces, and tabs and line ends anywhere.
  !/^[\x00-\x20]*(?:[a-z][a-z0-9+.-]*:|[/\\][\t\n\r]*[/\\])/i.test(
    address.replaceAll(/[\t\n\r]/g, ""),
  )

const decoded = (segment: string): ByteName => {
  try {
    return fromText(decodeURIComponent(segment))
  } catch {
    return segment
  }
}

/** The address of a link: if it leads to a text below the shared folder, that of the text's page. */
const pageOf = (href: string): string => {
  const [, path = "", fragment = ""] = /^([^?#/\\\s][^?#]*)(#.*)?$/s.exec(href) ?? []
  const name = decoded(path.slice(path.lastIndexOf("/") + 1))
  return name !== "" && Kind.isText(FileTypes.kindOf(name)) && !FileTypes.isDocument(name)
    ? `${path}?view${fragment}`
    : href
}

const headings = ["h1", "h2", "h3", "h4", "h5", "h6"]

/** Ids of the pages' own elements contain a dot, so that no anchor is one of them. */
const isAnchor = (id: string | undefined): id is string =>
  id !== undefined && /^[\p{L}\p{N}\p{M}_:-]+$/u.test(id)

/** Keeps the id of an element that links may lead to. */
const anchored = (tagName: string, { id, ...attributes }: sanitize.Attributes): sanitize.Tag => ({
  tagName,
  attribs: isAnchor(id) ? { ...attributes, id } : attributes,
})

const link = (
  tagName: string,
  { href, id, name, ...attributes }: sanitize.Attributes,
): sanitize.Tag => {
  const place = id ?? name
  const anchor = isAnchor(place) ? { id: place } : {}
  if (href === undefined) return { tagName, attribs: { ...attributes, ...anchor } }
  const target = isSameSite(href)
    ? { href: pageOf(href) }
    : { href, rel: "noopener noreferrer nofollow" }
  return { tagName, attribs: { ...attributes, ...anchor, ...target } }
}

/** Of form fields only check boxes are shown, which nobody can change. */
const checkBox = (_tagName: string, { checked, type }: sanitize.Attributes): sanitize.Tag => {
  if (type?.toLowerCase() !== "checkbox") return { tagName: "span", attribs: {} }
  const isDone = checked !== undefined
  return {
    tagName: "input",
    attribs: {
      type: "checkbox",
      disabled: "",
      "aria-label": isDone ? "Done" : "To do",
      ...(isDone ? { checked: "" } : {}),
    },
  }
}

const options: sanitize.IOptions = {
  allowedTags: [
    ...headings,
    ..."p br hr blockquote pre code kbd samp var ul ol li dl dt dd".split(" "),
    ..."table caption thead tbody tfoot tr th td a img em strong b i s del ins sub sup".split(" "),
    ..."small mark q cite abbr dfn span div details summary picture figure figcaption".split(" "),
    ..."section input".split(" "),
  ],
  allowedAttributes: {
    "*": ["title", "lang", "dir", "align"],
    a: ["href", "rel", "id", "aria-label"],
    img: ["src", "alt", "width", "height", "loading"],
    td: ["colspan", "rowspan"],
    th: ["colspan", "rowspan", "scope"],
    ol: ["start"],
    li: ["id"],
    details: ["open"],
    pre: ["tabindex"],
    input: ["type", "disabled", "checked", "aria-label"],
    ...Object.fromEntries(headings.map((tag) => [tag, ["id"]])),
  },
  allowedClasses: {
    span: [/^hljs-[\w-]+$/, /^(?:function|class|inherited|language|escape)_{1,2}$/],
    section: ["footnotes"],
    blockquote: ["callout", /^callout-(?:note|tip|important|warning|caution)$/],
  },
  allowedSchemes: ["http", "https", "mailto"],
  allowProtocolRelative: false,
  transformTags: {
    a: link,
    img: (tagName, { src, ...attributes }) =>
      src === undefined || !isSameSite(src)
        ? { tagName: "span", attribs: {}, text: attributes.alt ?? "" }
        : { tagName, attribs: { ...attributes, src, loading: "lazy" } },
    input: checkBox,
    li: anchored,
    pre: (tagName) => ({ tagName, attribs: { tabindex: "0" } }),
    ...Object.fromEntries(headings.map((tag) => [tag, anchored])),
  },
}

/** The HTML without anything dangerous. */
export const clean = (html: string): string => sanitize(html, options)
