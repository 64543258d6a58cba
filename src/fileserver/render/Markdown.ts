/**
 * Markdown as sanitized HTML: it runs no scripts and loads nothing from other
 * sites.
 */
import MarkdownIt from "markdown-it"
import sanitize from "sanitize-html"
import * as Highlight from "./Highlight.ts"

const markdown = new MarkdownIt({
  html: true,
  linkify: true,
  highlight: (text, language) => Highlight.toHtml(text, language),
})

/** Prefix of every anchor, so that none has the id of an element of the page. */
const anchorPrefix = "text-"

/** The anchor of a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  anchorPrefix +
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "")
    .trim()
    .replaceAll(" ", "-")

markdown.renderer.rules.heading_open = (tokens, index, options, _env, self) => {
  const inline = tokens[index + 1]
  const text = (inline?.children ?? []).map(({ content }) => content).join("")
  tokens[index]?.attrSet("id", anchorOf(text))
  return self.renderToken(tokens, index, options)
}

/** Whether an address is on this server: relative (RFC 3986 4.2), as browsers parse it. */
const isSameSite = (address: string): boolean =>
  // Browsers drop leading controls and spaces, and tabs and line ends anywhere.
  !/^[\x00-\x20]*(?:[a-z][a-z0-9+.-]*:|[/\\][\t\n\r]*[/\\])/i.test(
    address.replaceAll(/[\t\n\r]/g, ""),
  )

const options: sanitize.IOptions = {
  allowedTags: [
    ..."h1 h2 h3 h4 h5 h6 p br hr blockquote pre code kbd samp var ul ol li dl dt dd".split(" "),
    ..."table caption thead tbody tfoot tr th td a img em strong b i s del ins sub sup".split(" "),
    ..."small mark q cite abbr dfn span div details summary picture figure figcaption".split(" "),
  ],
  allowedAttributes: {
    "*": ["title", "lang", "dir"],
    a: ["href", "rel"],
    img: ["src", "alt", "width", "height", "loading"],
    td: ["colspan", "rowspan"],
    th: ["colspan", "rowspan", "scope"],
    ol: ["start"],
    details: ["open"],
    pre: ["tabindex"],
    ...Object.fromEntries(["h1", "h2", "h3", "h4", "h5", "h6"].map((tag) => [tag, ["id"]])),
  },
  allowedClasses: {
    span: [/^hljs-[\w-]+$/, /^(?:function|class|inherited|language|escape)_{1,2}$/],
  },
  allowedSchemes: ["http", "https", "mailto"],
  allowProtocolRelative: false,
  transformTags: {
    a: (tagName, { href, id: _id, ...attributes }) => {
      if (href === undefined) return { tagName, attribs: attributes }
      if (href.startsWith("#")) {
        let anchor = href.slice(1)
        try {
          anchor = decodeURIComponent(anchor)
        } catch {}
        return { tagName, attribs: { ...attributes, href: `#${anchorPrefix}${anchor}` } }
      }
      const rel = isSameSite(href) ? {} : { rel: "noopener noreferrer nofollow" }
      return { tagName, attribs: { ...attributes, href, ...rel } }
    },
    img: (tagName, { src, ...attributes }) =>
      src === undefined || !isSameSite(src)
        ? { tagName: "span", attribs: {}, text: attributes.alt ?? "" }
        : { tagName, attribs: { ...attributes, src, loading: "lazy" } },
    pre: (tagName) => ({ tagName, attribs: { tabindex: "0" } }),
    ...Object.fromEntries(
      ["h1", "h2", "h3", "h4", "h5", "h6"].map((tag) => [
        tag,
        (tagName: string, { id, ...attributes }: sanitize.Attributes) => ({
          tagName,
          attribs: id?.startsWith(anchorPrefix) ? { ...attributes, id } : attributes,
        }),
      ]),
    ),
  },
}

/** Renders Markdown as sanitized HTML. */
export const toHtml = (text: string): string => sanitize(markdown.render(text), options)
