/**
 * HTML that cannot be forged from data: a tagged template that escapes all
 * that is put into it. Only what the template itself made is markup.
 */

const markup: unique symbol = Symbol("Html")

/** Finished markup. It is made by {@link html}, {@link style} and {@link sanitized} alone. */
export interface Html {
  readonly [markup]: string
}

/** What may be put into a template: text and numbers are escaped; nothing is put in for `undefined`. */
export type Value = string | number | undefined | Html | ReadonlyArray<Html>

const special = /[&<>"']/
const replacements: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

/** Text as it has to be written between tags or in a quoted attribute. */
const escapeText = (text: string): string =>
  special.test(text)
    ? text.replace(/[&<>"']/g, (character) => replacements[character] as string)
    : text

const make = (text: string): Html => ({ [markup]: text })

/** No markup. */
export const none: Html = make("")

// Where the text so far leaves the reader; only in the first two is escaping enough.
type Place = "text" | "quoted" | "tag" | "unquoted" | "single" | "comment" | "raw"

// Elements in which escapes are not undone.
const rawElement = /^<(?:script|style|xmp|iframe|noembed|noframes|plaintext)\b/i

const follow = (start: Place, part: string): Place => {
  let place = start
  let inRaw = false
  for (let i = 0; i < part.length; i++) {
    const character = part.charAt(i)
    if (place === "text" && character === "<") {
      inRaw = rawElement.test(part.slice(i, i + 12))
      place = part.startsWith("<!--", i) ? "comment" : "tag"
    } else if (place === "comment") {
      if (part.startsWith("-->", i)) place = "text"
    } else if (place === "raw") {
      if (part.startsWith("</", i)) place = "tag"
    } else if (place === "quoted" || place === "single") {
      if (character === (place === "quoted" ? '"' : "'")) place = "tag"
    } else if (place === "tag" || place === "unquoted") {
      if (character === ">") {
        place = inRaw ? "raw" : "text"
        inRaw = false
      } else if (place === "unquoted" && /\s/.test(character)) place = "tag"
      else if (part.charAt(i - 1) === "=" && place === "tag") {
        place = character === '"' ? "quoted" : character === "'" ? "single" : "unquoted"
      }
    }
  }
  return place === "tag" && part.endsWith("=") ? "unquoted" : place
}

const checked = new WeakSet<TemplateStringsArray>()

const check = (strings: TemplateStringsArray): void => {
  let place: Place = "text"
  for (let i = 0; i < strings.length - 1; i++) {
    place = follow(place, strings[i] as string)
    if (place !== "text" && place !== "quoted") {
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
 * Markup with values in it. Text is escaped; it may stand between tags or in a
 * double-quoted attribute, and a template that puts it anywhere else throws
 * when it is first used.
 */
export const html = (strings: TemplateStringsArray, ...values: ReadonlyArray<Value>): Html => {
  if (!checked.has(strings)) check(strings)
  let text = strings[0] as string
  for (let i = 0; i < values.length; i++) text += write(values[i]) + (strings[i + 1] as string)
  return make(text)
}

/** A style element. `css` must not hold `<`: nothing in it is escaped. */
export const style = (css: string): Html => {
  if (css.includes("<")) throw new TypeError("A style sheet in a page may not hold `<`.")
  return make(`<style>${css}</style>`)
}

/** What a sanitizer has let through, as it is. To be called right behind one, with nothing else. */
export const sanitized = (text: string): Html => make(text)

/** The markup as text. */
export const toText = (page: Html): string => page[markup]

/** The markup as UTF-8. */
export const toBytes = (page: Html): Uint8Array => Buffer.from(page[markup], "utf8")
