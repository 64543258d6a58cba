/**
 * Masks secrets in XML and HTML: the content of elements and the values of
 * attributes with the name of a secret, and what stands beside such a name.
 */
import { isSecretName } from "../../domain/SecretNames.ts"
import {
  announcesSecret,
  callsForSecret,
  isCodeOf,
  isNamed,
  labelsSecret,
  mask,
  type Redact,
  Redaction,
} from "./Redaction.ts"

const special = /<!--[\s\S]*?(?:-->|$)|<!\[CDATA\[([\s\S]*?)(?:\]\]>|$)|<[!?][^<>]*>/y

const tagName = /<(\/?)([A-Za-z_][^\s/<>]*)/y

/** The index of the `>` that ends a tag, outside of quotes; -1 if it is cut off. */
const tagEnd = (text: string, from: number): number => {
  let quote: string | undefined
  for (let at = from; at < text.length; at++) {
    const character = text[at] as string
    if (character === quote) quote = undefined
    else if (quote === undefined && (character === '"' || character === "'")) quote = character
    else if (quote === undefined && character === ">") return at
  }
  return -1
}

const execAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** Names have no quotes, so that many of them are not read again and again. */
const attribute = /(?<![^\s/"'])([^\s=/"']+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)/g

const voidElements = /^(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)$/i

const unquoted = (value: string): string => value.replace(/^(["'])([\s\S]*)\1$/, "$2")

const localName = (name: string): string => name.replace(/^.*:/, "")

/** Calls whose parameters have no names and a password among them (XML-RPC). */
const callWithPassword = /^(?:wp|blogger|metaWeblog|mt)\./

/** Whether an element says that the next one holds a secret: by its name, as a table does, or as the name of a call. */
const namesNext = (element: string, text: string): boolean =>
  announcesSecret(element, text) ||
  (/^(?:t[dh]|dt)$/i.test(element) && labelsSecret(text)) ||
  (element === "methodName" && (callsForSecret("method", text) || callWithPassword.test(text)))

const isSecretElement = (name: string, parent: string): boolean =>
  isSecretName(name) && !isCodeOf(parent, name)

/** An element that is open. */
interface OpenElement {
  readonly name: string
  /** Whether its content is a secret. */
  readonly isSecret: boolean
  /** Whether a child has named the next one, as in `<key>password</key><string>…</string>`. */
  nextIsSecret: boolean
}

class MarkupSecrets {
  private readonly text: string
  private readonly isHtml: boolean
  private readonly redact: Redact
  private readonly redaction: Redaction
  private readonly open: Array<OpenElement> = [{ name: "", isSecret: false, nextIsSecret: false }]
  /** How many elements of each name are open, so that nothing is searched for one that is not. */
  private readonly openNames = new Map<string, number>()

  constructor(text: string, isHtml: boolean, redact: Redact) {
    this.text = text
    this.isHtml = isHtml
    this.redact = redact
    this.redaction = new Redaction(text)
  }

  run(): string {
    for (let at = 0; at < this.text.length; ) at = this.next(at)
    return this.redaction.apply()
  }

  /** Reads a tag, or what is up to the next one; returns where it ends. */
  private next(at: number): number {
    const [whole, data] = execAt(special, this.text, at) ?? []
    if (whole !== undefined) {
      if (!/^<[!?][^-[]/.test(whole)) this.content(data ?? whole, at, whole)
      return at + whole.length
    }
    const [tag, slash, name = ""] = execAt(tagName, this.text, at) ?? []
    if (tag === undefined) {
      const next = this.text.indexOf("<", at + 1)
      const text = this.text.slice(at, next < 0 ? this.text.length : next)
      this.content(text, at, text)
      return at + text.length
    }
    const from = at + tag.length
    const end = tagEnd(this.text, from)
    if (end < 0) {
      this.cutOff(at)
      return this.text.length
    }
    if (slash === "/") this.close(name)
    else this.start(name, this.text.slice(from, end), from)
    return end + 1
  }

  /** A tag that is cut off is masked if it may hold a secret. */
  private cutOff(index: number): void {
    const rest = this.text.slice(index)
    const mayHoldSecret = this.current.isSecret || rest.split(/[^\w-]+/).some(isSecretName)
    if (mayHoldSecret) this.redaction.replace(index, this.text.length, `<${mask}`)
  }

  private get current(): OpenElement {
    return this.open.at(-1) as OpenElement
  }

  private start(name: string, attributes: string, at: number): void {
    const parent = this.current
    const pairs = [...attributes.matchAll(attribute)].map((match) => {
      const [whole, key = "", value = ""] = match
      const start = at + match.index + whole.length - value.length
      return { key: localName(key), value, start }
    })
    const isNamedSecret = pairs.some(({ key, value }) => announcesSecret(key, unquoted(value)))
    for (const { key, start, value } of pairs) {
      const isSecret = isSecretName(key) || parent.isSecret || (isNamedSecret && isNamed(key))
      const redacted = isSecret ? `"${mask}"` : `"${this.redact(unquoted(value))}"`
      if (isSecret || redacted !== `"${unquoted(value)}"`)
        this.redaction.replace(start, start + value.length, redacted)
    }
    const isEmpty = /\/\s*$/.test(attributes) || (this.isHtml && voidElements.test(name))
    const isSecret =
      parent.isSecret ||
      parent.nextIsSecret ||
      (!this.isHtml &&
        (isNamedSecret || isSecretElement(localName(name), localName(parent.name)))) ||
      (this.isHtml && isNamedSecret && /^(?:textarea|option|output)$/i.test(name))
    parent.nextIsSecret = false
    if (isEmpty) return
    this.open.push({ name, isSecret, nextIsSecret: false })
    this.openNames.set(name, (this.openNames.get(name) ?? 0) + 1)
  }

  /** Closes an element, and all that are open in it. */
  private close(name: string): void {
    if ((this.openNames.get(name) ?? 0) === 0) return
    for (let closed = this.open.pop(); closed !== undefined; closed = this.open.pop()) {
      this.openNames.set(closed.name, (this.openNames.get(closed.name) ?? 0) - 1)
      if (closed.name === name) return
    }
  }

  private content(text: string, at: number, whole: string): void {
    if (text.trim() === "") return
    const { isSecret, name } = this.current
    const isName = namesNext(localName(name), text.trim())
    const parent = this.open.at(-2)
    if (isName && parent !== undefined) parent.nextIsSecret = true
    const redacted = isSecret ? mask : this.redact(text)
    if (redacted !== text)
      this.redaction.replace(
        at,
        at + whole.length,
        whole.replace(text, () => redacted),
      )
  }
}

/**
 * See the file's header.
 *
 * @param redact for content and attributes
 */
export const redactMarkup = (text: string, isHtml: boolean, redact: Redact): string =>
  new MarkupSecrets(text, isHtml, redact).run()
