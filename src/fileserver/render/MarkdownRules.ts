/**
 * What GitHub's Markdown has beyond `markdown-it`: anchors of headings, task
 * lists, callouts, and the alignment of columns in a form that the pages' policy allows.
 */
import type { MarkdownIt, StateCore, Token } from "markdown-it"

/** The visible text of a heading: without markup, and without the alternative texts of pictures. */
const textOf = (inline: Token | undefined): string =>
  (inline?.children ?? [])
    .map(({ content, type }) =>
      type === "text" || type === "code_inline" ? content : type.endsWith("break") ? " " : "",
    )
    .join("")

/** The anchor of a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
    .replaceAll(" ", "-")

/** A heading written in HTML, as many READMEs begin with. */
const htmlHeading = /<h([1-6])((?:\s[^<>]*)?)>((?:(?!<h[1-6]|<\/h)[\s\S])*?)<\/h\1>/gi

/** Gives each heading its anchor; further ones of the same text get `-1`, `-2` and so on. */
const addAnchors = ({ tokens }: StateCore): void => {
  const counts = new Map<string, number>()
  const unused = (anchor: string): string => {
    let candidate = anchor
    let count = counts.get(anchor) ?? 0
    while (counts.has(candidate)) candidate = `${anchor}-${++count}`
    counts.set(anchor, count)
    counts.set(candidate, counts.get(candidate) ?? 0)
    return candidate
  }
  for (const [i, token] of tokens.entries()) {
    if (token.type === "html_block") {
      token.content = token.content.replace(htmlHeading, (heading, level, attributes, content) => {
        const anchor = anchorOf(content.replaceAll(/<[^>]*>/g, "").trim())
        const hasAnchor = anchor === "" || /\sid\s*=/i.test(attributes)
        return hasAnchor
          ? heading
          : `<h${level} id="${unused(anchor)}"${attributes}>${content}</h${level}>`
      })
    }
    if (token.type !== "heading_open") continue
    const anchor = anchorOf(textOf(tokens[i + 1]))
    if (anchor !== "") token.attrSet("id", unused(anchor))
  }
}

const taskMark = /^\[([ xX])\](?=\s)/

/** Turns `[ ]` and `[x]` at the beginning of list items into check boxes (GitHub Flavored Markdown 5.3). */
const addTasks = (state: StateCore): void => {
  for (const [i, token] of state.tokens.entries()) {
    const isItem =
      token.type === "inline" &&
      state.tokens[i - 1]?.type === "paragraph_open" &&
      state.tokens[i - 2]?.type === "list_item_open"
    const first = token.children?.[0]
    const mark = isItem && first?.type === "text" ? taskMark.exec(first.content) : null
    if (first === undefined || mark === null) continue
    first.content = first.content.slice(mark[0].length)
    const box = new state.Token("html_inline", "", 0)
    box.content = `<input type="checkbox"${mark[1] === " " ? "" : " checked"}>`
    token.children?.unshift(box)
  }
}

/** The policy of the pages allows no style attributes: columns have the attribute `align` instead. */
const alignColumns = ({ tokens }: StateCore): void => {
  for (const token of tokens) {
    const align = /^text-align:(\w+)$/.exec(String(token.attrGet("style") ?? ""))?.[1]
    if (align === undefined) continue
    token.attrs = (token.attrs ?? []).filter(([name]) => name !== "style")
    token.attrSet("align", align)
  }
}

const calloutMark = /^\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\][ \t]*(?:\n|$)/

/** Turns quotes that begin with `[!NOTE]` and the like into callouts with a title, as on GitHub. */
const addCallouts = (state: StateCore): void => {
  const { tokens } = state
  for (let i = 0; i < tokens.length - 2; i++) {
    const [quote, paragraph, inline] = tokens.slice(i, i + 3)
    if (quote?.type !== "blockquote_open" || paragraph?.type !== "paragraph_open") continue
    const kind = calloutMark.exec(inline?.content ?? "")?.[1]
    if (inline === undefined || kind === undefined) continue
    quote.attrSet("class", `callout callout-${kind.toLowerCase()}`)
    const children = inline.children ?? []
    const lineEnd = children.findIndex(({ type }) => type === "softbreak")
    inline.children = lineEnd < 0 ? [] : children.slice(lineEnd + 1)
    const text = new state.Token("text", "", 0)
    text.content = kind.charAt(0) + kind.slice(1).toLowerCase()
    const title = new state.Token("inline", "", 0)
    title.children = [text]
    const open = new state.Token("paragraph_open", "p", 1)
    tokens.splice(i + 1, 0, open, title, new state.Token("paragraph_close", "p", -1))
  }
}

/** Adds the rules to a parser. */
export const add = (markdown: MarkdownIt): void => {
  for (const rule of [addAnchors, addTasks, alignColumns, addCallouts]) {
    markdown.core.ruler.push(rule.name, rule)
  }
}

/** A text and the metadata before it. */
export interface FrontMatter {
  /** `undefined` if the text has none. */
  readonly metadata: string | undefined
  readonly language: "yaml" | "toml"
  readonly text: string
}

const yaml = /^---[ \t]*\r?\n(?:(.*?)\r?\n)??(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/s
const toml = /^\+\+\+[ \t]*\r?\n(?:(.*?)\r?\n)??\+\+\+[ \t]*(?:\r?\n|$)/s

/** A line of a mapping in YAML: a key, a comment, an item of a list, or the rest of a value. */
const yamlLine = /^(?:[^\s:#-][^:]*:(?:\s.*)?|#.*|-\s.*|[\]}].*|\s.*|)$/

/**
 * Separates the front matter, as Jekyll, Hugo and Obsidian write it. Two lines
 * of dashes around anything but a mapping in YAML stay a part of the text.
 */
export const frontMatterOf = (text: string): FrontMatter => {
  const none: FrontMatter = { metadata: undefined, language: "yaml", text }
  const isYaml = text.startsWith("---")
  const match = (isYaml ? yaml : toml).exec(text)
  if (match === null) return none
  const metadata = match[1] ?? ""
  const lines = metadata.split(/\r?\n/)
  const isBlank = lines[0]?.trim() === "" && metadata !== ""
  if (isYaml && (isBlank || !lines.every((line) => yamlLine.test(line)))) return none
  return { metadata, language: isYaml ? "yaml" : "toml", text: text.slice(match[0].length) }
}
