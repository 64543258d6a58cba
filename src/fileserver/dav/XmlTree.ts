/**
 * The XML of WebDAV's requests as a tree, and elements as text. Documents are
 * small and bounded; a document type, and with it every entity of its own, is
 * refused (RFC 4918 20.6).
 */
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from "saxes"

/** An attribute that is neither `xml:lang` nor a declaration of a namespace. */
export interface Attribute {
  /** Empty for an attribute in no namespace. */
  readonly prefix: string
  readonly namespace: string
  readonly name: string
  readonly value: string
}

/** An element. */
export interface Element {
  readonly namespace: string
  readonly name: string
  readonly attributes: ReadonlyArray<Attribute>
  /** `xml:lang`, of the element or of one around it. */
  readonly language: string | undefined
  readonly children: ReadonlyArray<Element | string>
}

/** The namespace of WebDAV. */
export const dav = "DAV:"
/** The largest document, in bytes. */
export const maxBytes = 256 * 1024
const maxDepth = 32
/** The most elements and attributes together. */
const maxNodes = 5_000

interface Open {
  readonly element: Element
  readonly children: Array<Element | string>
}

class Limit extends Error {}

const attributesOf = (
  attributes: Readonly<Record<string, SaxesAttributeNS>>,
): ReadonlyArray<Attribute> =>
  Object.values(attributes)
    .filter(({ name, prefix }) => prefix !== "xmlns" && name !== "xmlns" && name !== "xml:lang")
    .map(({ local, prefix, uri, value }) => ({ prefix, namespace: uri, name: local, value }))

/** Parses a document; `undefined` if it is not well-formed, not bounded, or not UTF-8 or UTF-16. */
export const parse = (bytes: Uint8Array): Element | undefined => {
  const text = decode(bytes)
  if (text === undefined) return undefined
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: Array<Open> = []
  let root: Element | undefined
  let nodes = 0
  const add = (child: Element | string): void => {
    open.at(-1)?.children.push(child)
  }
  parser.on("error", (error) => {
    throw error
  })
  parser.on("doctype", () => {
    throw new Limit("a document type")
  })
  const count = (): void => {
    if (++nodes > maxNodes) throw new Limit("too large")
  }
  // Each as it is read: the event of its element comes after all of them.
  parser.on("attribute", count)
  parser.on("opentag", (tag: SaxesTagNS) => {
    if (open.length >= maxDepth) throw new Limit("too deep")
    count()
    for (const { local, prefix, value } of Object.values(tag.attributes)) {
      // Namespaces in XML 1.0: only the default namespace can be undeclared.
      if (prefix === "xmlns" && local !== "" && value === "") throw new Limit("an empty namespace")
    }
    const children: Array<Element | string> = []
    const language = tag.attributes["xml:lang"]?.value ?? open.at(-1)?.element.language
    const attributes = attributesOf(tag.attributes)
    const element = { namespace: tag.uri, name: tag.local, attributes, language, children }
    add(element)
    root ??= element
    open.push({ element, children })
  })
  parser.on("closetag", () => {
    open.pop()
  })
  parser.on("text", add)
  parser.on("cdata", add)
  try {
    parser.write(text).close()
    return root
  } catch {
    return undefined
  }
}

const decode = (bytes: Uint8Array): string | undefined => {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : "utf-8"
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The elements in an element. */
export const childrenOf = ({ children }: Element): ReadonlyArray<Element> =>
  children.filter((child) => typeof child !== "string")

/** The first element of WebDAV with a name in an element. */
export const child = (element: Element, name: string): Element | undefined =>
  childrenOf(element).find((candidate) => isDav(candidate, name))

/** Whether an element is WebDAV's of this name. */
export const isDav = ({ name, namespace }: Element, expected: string): boolean =>
  namespace === dav && name === expected

/** The text in an element, without that of the elements in it. */
export const textOf = ({ children }: Element): string =>
  children.filter((child) => typeof child === "string").join("")

const illegal = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

/** Text in an element or attribute. What XML cannot represent becomes U+FFFD. */
export const escapeText = (text: string): string =>
  text
    .toWellFormed()
    .replace(illegal, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\r", "&#13;")

/** A value in an attribute: a parser would make spaces of line breaks and tabs. */
const escapeValue = (value: string): string =>
  escapeText(value).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;")

/** An attribute as text, with its namespace. */
const writeAttribute = (
  { name, namespace, prefix, value }: Attribute,
  isDeclared: boolean,
): string => {
  if (prefix === "") return ` ${name}="${escapeValue(value)}"`
  const declaration =
    isDeclared || prefix === "xml" ? "" : ` xmlns:${prefix}="${escapeValue(namespace)}"`
  return `${declaration} ${prefix}:${name}="${escapeValue(value)}"`
}

/** An element as text that means the same wherever it stands (RFC 4918 4.3). */
export const write = (element: Element, outer = ""): string => {
  const { attributes, children, language, name, namespace } = element
  const lang =
    language === undefined || language === outer ? "" : ` xml:lang="${escapeText(language)}"`
  const declared = new Set<string>()
  const others = attributes.map((attribute) => {
    const isDeclared = declared.has(attribute.prefix)
    declared.add(attribute.prefix)
    return writeAttribute(attribute, isDeclared)
  })
  const start = `${name} xmlns="${escapeText(namespace)}"${lang}${others.join("")}`
  const content = children
    .map((child) =>
      typeof child === "string" ? escapeText(child) : write(child, language ?? outer),
    )
    .join("")
  return content === "" ? `<${start}/>` : `<${start}>${content}</${name}>`
}
