/**
 * Masks secrets in visitors' requests before an administrator sees them: the
 * values of fields that hold secrets, and of names that look like secrets.
 */
import type { Header, HeaderList } from "../../domain/HeaderList.ts"
import { isSecretName, withoutSecrets } from "../../transport/observe/AccessLog.ts"

/** Stands for a secret. */
const mask = "***"

/** Challenges ask for a secret but hold none. */
const isChallenge = /^(?:www|proxy)-authenticate$/i

const isKey = /^(?:x[-_]api[-_]?key|x[-_]apikey)$/i

const pairs = (value: string): string => value.replace(/=[^;]*/g, `=${mask}`)

const value = (name: string, text: string): string => {
  switch (name.toLowerCase()) {
    case "authorization":
    case "proxy-authorization":
      return text.replace(/^(\S+)\s.*$/s, `$1 ${mask}`).replace(/^\S+$/, mask)
    case "cookie":
      return text.includes("=") ? pairs(text) : mask
    case "set-cookie": {
      const [first = "", ...attributes] = text.split(";")
      return [first.includes("=") ? pairs(first) : mask, ...attributes].join(";")
    }
  }
  if (isKey.test(name) || (isSecretName(name) && !isChallenge.test(name))) return mask
  return withoutSecrets(text)
}

/** The fields of a head with their secrets masked. */
export const fields = (headers: HeaderList): HeaderList =>
  headers.map(([name, text]): Header => [name, value(name, text)])

/** Path and query with their secrets masked. */
export const target: (target: string) => string = withoutSecrets

/** The text of a body; in forms and JSON the values of names that look like secrets are masked. */
export const body = (text: string, type: string): string => {
  if (/^application\/x-www-form-urlencoded\b/i.test(type))
    return withoutSecrets(`?${text}`).slice(1)
  if (!/\bjson\b/i.test(type)) return text
  return text.replace(
    /"((?:[^"\\]|\\.)*)"(\s*:\s*)(?:"(?:[^"\\]|\\.)*(?:"|$)|-?\d[\d.eE+-]*)/g,
    (pair, name: string, colon: string) =>
      isSecretName(name) ? `"${name}"${colon}"${mask}"` : pair,
  )
}
