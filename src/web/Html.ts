/**
 * A tagged template for HTML that escapes every value. Only templates create
 * markup, so that data cannot.
 */

const markup: unique symbol = Symbol("Html")

/** Markup, which only the functions of this file create. */
export interface Html {
  readonly [markup]: string
}

/** A value in a template: text is escaped, and `undefined` is left out. */
export type Value = string | number | undefined | Html | ReadonlyArray<Html>

const special = /[&<>"']/
const replacements: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

/** Text escaped for use between tags or in a quoted attribute. */
const escapeText = (text: string): string =>
  special.test(text)
    ? text.replace(/[&<>"']/g, (character) => replacements[character] as string)
    : text

const make = (text: string): Html => ({ [markup]: text })

/** Empty markup. */
export const none: Html = make("")

// Parser state after the text so far; values are allowed only in the first two.
type State = "text" | "quoted" | "tag" | "unquoted" | "single" | "comment" | "raw"

// Elements whose content is raw text, in which escapes have no meaning.
const rawElement = /^<(?:script|style|xmp|iframe|noembed|noframes|plaintext)\b/i

const advance = (start: State, part: string): State => {
  let state = start
  let inRaw = false
  for (let i = 0; i < part.length; i++) {
    const character = part.charAt(i)
    if (state === "text" && character === "<") {
      inRaw = rawElement.test(part.slice(i, i + 12))
      state = part.startsWith("<!--", i) ? "comment" : "tag"
    } else if (state === "comment") {
      if (part.startsWith("-->", i)) state = "text"
    } else if (state === "raw") {
      if (part.startsWith("</", i)) state = "tag"
    } else if (state === "quoted" || state === "single") {
      if (character === (state === "quoted" ? '"' : "'")) state = "tag"
    } else if (state === "tag" || state === "unquoted") {
      if (character === ">") {
        state = inRaw ? "raw" : "text"
        inRaw = false
      } else if (state === "unquoted" && /\s/.test(character)) state = "tag"
      else if (part.charAt(i - 1) === "=" && state === "tag") {
        state = character === '"' ? "quoted" : character === "'" ? "single" : "unquoted"
      }
    }
  }
  return state === "tag" && part.endsWith("=") ? "unquoted" : state
}

const checked = new WeakSet<TemplateStringsArray>()

const check = (strings: TemplateStringsArray): void => {
  let state: State = "text"
  for (let i = 0; i < strings.length - 1; i++) {
    state = advance(state, strings[i] as string)
    if (state !== "text" && state !== "quoted") {
      throw new TypeError(
        `A value may stand only between tags or in a double-quoted attribute, not after: ${strings[i]}`,
      )
    }
  }
  checked.add(strings)
}

const write = (value: Value): string => {
  if (typeof value === "string") return escapeText(value)
  if (typeof value === "number") return String(value)
  if (value === undefined) return ""
  if (isList(value)) {
    let text = ""
    for (const item of value) text += item[markup]
    return text
  }
  return value[markup]
}

const isList = (value: Html | ReadonlyArray<Html>): value is ReadonlyArray<Html> =>
  Array.isArray(value)

/**
 * Markup from a template. Values may stand between tags or in double-quoted
 * attributes; a template with a value elsewhere throws when it is first used.
 */
export const html = (strings: TemplateStringsArray, ...values: ReadonlyArray<Value>): Html => {
  if (!checked.has(strings)) check(strings)
  let text = strings[0] as string
  for (let i = 0; i < values.length; i++) text += write(values[i]) + (strings[i + 1] as string)
  return make(text)
}

/** A style element. `css` is not escaped and must not contain `<`. */
export const style = (css: string): Html => {
  if (css.includes("<")) throw new TypeError("A style sheet in a page may not hold `<`.")
  return make(`<style>${css}</style>`)
}

/** The element of a script, which runs when the page is read. `js` is not escaped and must not contain `<`. */
export const script = (js: string): Html => {
  if (js.includes("<")) throw new TypeError("A script in a page may not hold `<`.")
  return make(`<script type="module">${js}</script>`)
}

/** An image of our own as an element of the page. */
export const inlineSvg = (svg: string): Html => {
  if (!svg.startsWith("<svg ")) throw new TypeError("Only an SVG image can be put into a page.")
  return make(svg.trim())
}

/** The output of a sanitizer as markup, without escaping. Call it with nothing else. */
export const sanitized = (text: string): Html => make(text)

/** The markup as text. */
export const toText = (page: Html): string => page[markup]

/** The markup as UTF-8. */
export const toBytes = (page: Html): Uint8Array => Buffer.from(page[markup], "utf8")
