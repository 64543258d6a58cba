/**
 * The ways in which header fields write URI references. Each function replaces
 * the references in a field's value and leaves every other character as it is;
 * a value that does not follow its syntax is returned unchanged.
 */

/** Replaces one reference. */
export type Move = (reference: string) => string

/** Replaces the references of a field's value. */
export type AddressSyntax = (value: string, move: Move) => string

/** The whole value is a reference, as in Location (RFC 9110 10.2.2). */
export const whole: AddressSyntax = (value, move) => move(value)

/** `5; url="/x"` as browsers read it (HTML, "shared declarative refresh steps"). */
export const refresh: AddressSyntax = (value, move) => {
  const start = /^\s*[\d.]*(?:\s*[;,]\s*|\s+)(?:url\s*=\s*)?['"]?/i.exec(value)?.[0]
  if (start === undefined) return value
  const quote = /['"]$/.exec(start)?.[0]
  const closing = quote === undefined ? -1 : value.indexOf(quote, start.length)
  const end = closing < 0 ? value.length : closing
  return start + move(value.slice(start.length, end)) + value.slice(end)
}

// In this file a quoted string or a target that is never closed extends to the end, so that each character is read once.
const linkParts =
  /<([^>]*)(>|$)|(;\s*(?:anchor|imagesrcset)\s*=\s*)(?:"([^"\\]*)"|([^\s;,"<>]+))|"(?:[^"\\]|\\.)*(?:"|\\?$)/gi

/** The targets and anchors of links (RFC 8288 3), and the images that they preload (HTML, "Processing `Link` headers"). */
export const links: AddressSyntax = (value, move) =>
  value.replace(
    linkParts,
    (
      part: string,
      target?: string,
      end?: string,
      name?: string,
      quoted?: string,
      token?: string,
    ) =>
      target !== undefined && end === ">"
        ? `<${move(target)}>`
        : quoted !== undefined
          ? `${name}"${/imagesrcset/i.test(name ?? "") ? images(quoted, move) : move(quoted)}"`
          : token !== undefined
            ? `${name}${quotedIfNeeded(move(token), token)}`
            : part,
  )

/** `/a.jpg 1x, /b.jpg 2x` (HTML, "srcset attributes"). */
const images: AddressSyntax = (value, move) =>
  value.replaceAll(
    /(?<=^|,)(\s*)([^\s,]+)/g,
    (_, space: string, image: string) => space + move(image),
  )

/** Each word of the value, as the URL patterns of Unpoly. */
export const words: AddressSyntax = (value, move) => value.replaceAll(/\S+/g, move)

/** `final;/files/a /files/b` (tus, "Concatenation"). */
export const concatenation: AddressSyntax = (value, move) =>
  value.replace(
    /^(final\s*;)(.*)$/is,
    (_, start: string, parts: string) => start + words(parts, move),
  )

const quotedString = /"((?:[^"\\]|\\.)*)("|\\?$)/g

/** Each string of a structured field (RFC 9651 3.3.3), as the endpoints of the Reporting API. */
export const strings: AddressSyntax = (value, move) =>
  value.replaceAll(quotedString, (part: string, text: string, end: string) =>
    end === '"' ? `"${move(text)}"` : part,
  )

const dictionaryParts = /(?<=^|[\s,])(match=)"([^"\\]*)"|"(?:[^"\\]|\\.)*(?:"|\\?$)/g

/** The member `match` of a dictionary (RFC 9842 2.1.1). */
export const dictionaryMatch: AddressSyntax = (value, move) =>
  value.replaceAll(dictionaryParts, (part, name?: string, pattern?: string) =>
    name === undefined || pattern === undefined ? part : `${name}"${move(pattern)}"`,
  )

/** The addresses of `report-uri` in policies (Content Security Policy Level 3, 6.5.1). */
export const policies: AddressSyntax = (value, move) =>
  value.replaceAll(
    /(^|[;,])(\s*report-uri\s)([^;,]*)/gi,
    (_, before: string, name: string, addresses: string) => before + name + words(addresses, move),
  )

const challengeParts =
  /(?<![\w-])((?:bearer\s+realm|domain|resource_metadata)\s*=\s*)"([^"\\]*)"|"(?:[^"\\]|\\.)*(?:"|\\?$)/gi

/**
 * Addresses in challenges: `domain` of Digest (RFC 7616 3.3), `resource_metadata`
 * (RFC 9728 5.1), and a `realm` of Bearer that is an address, as registries of
 * containers have it.
 */
export const challenges: AddressSyntax = (value, move) =>
  value.replaceAll(challengeParts, (part, name?: string, text?: string) => {
    if (name === undefined || text === undefined) return part
    const isName = /^bearer/i.test(name) && !/^https?:\/\//i.test(text)
    return isName ? part : `${name}"${words(text, move)}"`
  })

/** A parameter without quotes has to be a token (RFC 9110 5.6.6), which cannot contain a slash. */
const quotedIfNeeded = (moved: string, token: string): string =>
  moved === token ? token : `"${moved}"`

const htmxMembers = ["path", "push", "replace"]

/** A reference, or a JSON object with references (htmx, "HX-Location"). */
export const htmxLocation: AddressSyntax = (value, move) => {
  if (!value.startsWith("{")) return move(value)
  let object: Record<string, unknown>
  try {
    object = JSON.parse(value)
  } catch {
    return value
  }
  let isMoved = false
  for (const member of htmxMembers) {
    const reference = object[member]
    if (typeof reference !== "string") continue
    object[member] = move(reference)
    isMoved ||= object[member] !== reference
  }
  return isMoved ? JSON.stringify(object) : value
}

/** The Path of a cookie; its Domain is removed, so that it is limited to this host (RFC 6265 5.2.3, 5.2.4). */
export const cookie: AddressSyntax = (value, move) =>
  value
    .split(";")
    .flatMap((part, i) => {
      if (i === 0) return [part]
      const [name = "", ...rest] = part.split("=")
      const attribute = name.trim().toLowerCase()
      if (attribute === "domain") return []
      // Browsers accept a `__Host-` cookie only with the path `/`.
      if (attribute !== "path" || /^\s*__host-/i.test(value)) return [part]
      const path = rest.join("=").trim()
      return path.startsWith("/") ? [` Path=${move(path)}`] : [part]
    })
    .join(";")

/** The resources that lists of conditions are for, in angle brackets before them (RFC 4918 10.4). */
export const taggedLists: AddressSyntax = (value, move) => {
  const token = /\s+|<([^>]*)>|\((?:[^()<"]|<[^>]*>|"[^"]*")*\)/y
  let moved = ""
  while (token.lastIndex < value.length) {
    const [part, tag] = token.exec(value) ?? []
    if (part === undefined) return value
    moved += tag === undefined ? part : `<${move(tag)}>`
  }
  return moved
}
