/**
 * Masks secrets in visitors' requests and in responses before an administrator
 * sees them: the values of fields that hold secrets, and of names that look
 * like secrets.
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { isSecretName, withoutSecrets } from "../../domain/SecretNames.ts"
import { isCsvWithSecrets, redactCsv, redactMultipart, redactUrlEncoded } from "./RedactForm.ts"
import { mask } from "./Redaction.ts"
import { redactJson } from "./RedactJson.ts"
import { redactMarkup } from "./RedactMarkup.ts"
import { redactText } from "./RedactText.ts"

/** Challenges ask for a secret but hold none. */
const isChallenge = /^(?:www|proxy)-authenticate$/i

/** Fields that end like this are keys of an API, except those that identify a request or a handshake. */
const isKey = (name: string): boolean =>
  /[-_]key$/i.test(name) &&
  !/^(?:sec-websocket|(?:x-)?idempotency|surrogate|cache)[-_]key$/i.test(name)

const pairs = (value: string): string => value.replace(/=[^;]*/g, `=${mask}`)

const value = (name: string, text: string): string => {
  switch (name.toLowerCase()) {
    case "authorization":
    case "proxy-authorization":
      return text.replace(/^(\S+)\s.*$/s, `$1 ${mask}`).replace(/^\S+$/, mask)
    case "cookie":
    case "cookie2":
      return text.includes("=") ? pairs(text) : mask
    case "set-cookie":
    case "set-cookie2": {
      const [first = "", ...attributes] = text.split(";")
      return [first.includes("=") ? pairs(first) : mask, ...attributes].join(";")
    }
    // Where a browser can set no other field, applications send tokens as a protocol.
    case "sec-websocket-protocol":
      return /bearer|token|auth|key|secret|eyJ|[\w-]{32}/i.test(text) ? mask : text
  }
  if (isKey(name) || (isSecretName(name) && !isChallenge.test(name))) return mask
  return redactText(withoutSecrets(text))
}

/** The fields of a head with their secrets masked. */
export const fields = (headers: HeaderList): HeaderList =>
  headers.map(([name, text]): Header => [name, value(name, text)])

/** Path and query with their secrets masked. */
export const target: (target: string) => string = withoutSecrets

/** JSON in Base64, which begins with `{"`. */
const base64Json = /^eyJ[\w+/-]{9,}={0,2}$/

/** How often a text may be within another, such as JSON in a field of a form. */
const maxNested = 4

/** `)]}'` and the like before JSON, which keep it from being run as a script. */
const jsonPrefix = /^\s*(?:\)\]\}',?|for\s*\(;;\);|while\s*\(1\);)?\s*/

const isUrlEncoded = /^[^\s=&?<{[]+=[^\s&]*(?:&[^\s=&]*(?:=[^\s&]*)?)*\s*$/

/**
 * The text of a body with the values of names that look like secrets masked,
 * by what the text is, whatever its type says.
 */
export const body = (text: string, type: string): string => redactBody(text, type, 0)

const redactBody = (text: string, type: string, nested: number): string => {
  if (nested > maxNested) return redactText(text)
  const inner = (part: string): string => {
    const decoded = base64Json.test(part) ? Buffer.from(part, "base64").toString() : part
    const redacted = redactBody(decoded, "", nested + 1)
    return decoded === part ? redacted : redacted === decoded ? part : mask
  }
  if (/^\s*multipart\//i.test(type) || /^--\S+\r?\n(?:content-|\r?\n)/i.test(text))
    return redactMultipart(text, type, (part, partType) => redactBody(part, partType, nested + 1))
  const [prefix = ""] = jsonPrefix.exec(text) ?? []
  const rest = text.slice(prefix.length)
  if (/\bjson\b/i.test(type) || /^[[{\ufeff]/.test(rest) || /^"[\s\S]*"\s*$/.test(rest))
    return prefix + redactJson(rest, (part) => (part === rest ? redactText(part) : inner(part)))
  if (/\bx-www-form-urlencoded\b/i.test(type) || isUrlEncoded.test(text))
    return redactUrlEncoded(text, inner)
  if (/\b(?:xml|html)\b/i.test(type) || /^\s*</.test(text)) {
    const isHtml = /\bhtml\b/i.test(type) || /^\s*<(?:!doctype\s+html|html)\b/i.test(text)
    return redactMarkup(text, isHtml, redactText)
  }
  if (/\b(?:csv|tab-separated-values)\b/i.test(type) || isCsvWithSecrets(text))
    return redactCsv(text, redactText)
  return redactText(text)
}
