/**
 * Masks secrets in text of no known form: configuration, scripts, queries,
 * logs. What follows the name of a secret and `:` or `=` is masked, userinfo of
 * addresses, and what tells by itself that it is a secret.
 */
import {
  decodedName,
  isSecretName,
  replaceUserinfo,
  withoutTokens,
} from "../../domain/SecretNames.ts"
import { isCodeAfter, mask, Redaction } from "./Redaction.ts"

/** Private keys (RFC 7468), also of OpenSSH and PGP, and what is there of one that is cut off. */
const privateKey =
  /-----BEGIN ((?:[A-Z0-9]+ )?PRIVATE KEY(?: BLOCK)?)-----[\s\S]*?(?:-----END \1-----|$)/g

/** The private half of a key of PuTTY, and what is there of one that is cut off. */
const puttyKey = /^Private-Lines:[\s\S]*?(?=^Private-MAC:|(?![\s\S]))/gm

/** A name and what assigns to it; the look-behind keeps the search linear. */
const assignment =
  /(?<![\p{L}\w.\-[\]$%\\@])([\p{L}\w.\-[\]$%\\@]+)["'`]?(?:[ \t]{0,20}(?:=>|:=|[:=])[ \t]*)/gu

/** A password that follows its name without a sign, as in SQL. */
const quotedPassword =
  /\b((?:identified[ \t]+(?:with[ \t]+\S{1,64}[ \t]+)?by|password|passphrase)[ \t]+)(["'])(?:[^\\]|\\[\s\S])*?(?:\2|$)/gi

/** A password that SQL sets for a user that is named before. */
const setPassword =
  /\b(set[ \t]+password[ \t]+for[ \t]+\S{1,200}[ \t]*(?:=|to)[ \t]*(?:password[ \t]*\([ \t]*)?)(["'])(?:[^\\]|\\[\s\S])*?(?:\2|$)/gi

/** A secret that follows a flag of a command line, and one behind the user, as of curl. */
const flagged =
  /(?<=^|[\s"'=])(--?[A-Za-z][\w-]{1,40}[ \t]+)(?![-\s])("[^"\n]*"|'[^'\n]*'|[^\s"']+)/gm
const userFlag =
  /(\bcurl\b[^\n]{0,500}?[ \t](?:-u|--user|--proxy-user|-U)[ =]?["']?[^\s:"']{1,200}):[^\s"']+/g

/** Passwords that other programs take as a flag of one letter. */
const commandPassword =
  /(\b(?:sshpass[ \t]+-p|(?:docker|podman)[ \t]+login\b[^\n]{0,200}?[ \t]-p|redis-cli\b[^\n]{0,200}?[ \t]-a)[ \t]+|\bptth[ \t][^\n]{0,200}?--ticket[ \t=]+|\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n]{0,200}?[ \t]-p)(?=[^\s-])[^\s]+/g

/** What `.netrc` says of a host. */
const netrc = /(\blogin[ \t]+\S+\s+password[ \t]+)\S+/g

/** A string with its length, as PHP writes it, and the one behind it. */
const phpString = /(s:\d+:"([^"]{1,64})";s:\d+:)"(?:[^"]|"(?!;))*(?:"|$)/g

/** A row of SQL with the names of its columns. */
const insertInto =
  /(\binsert\s+into\s+\S{1,200}\s*\()([^()]{1,2000})(\)\s*values\s*)((?:\((?:[^()'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*\)\s*(?:,\s*)?)+)/gi

/** What is before another assignment on the same line, or the end of the line. Base64 ends in `=` and is none. */
const restOfLine =
  /^(?:(?:basic|bearer|digest|negotiate|ntlm|token|apikey)[ \t]+[^\s,;"'&]+)?.*?(?=[&\r\n]|$|(?<![\s,;])[\s,;]+["']?[\w.-]+["']?[ \t]*[:=])/im

/** A number or a name by which a program tells how something ended. */
const code = /^(?:-?\d{1,5}|0x[\da-f]{1,8}|[A-Z][A-Z_]{1,40}\d{0,3})(?![\p{L}\w-])/u

/** How much before a name is looked at, in characters. */
const maxBefore = 32

/** A value that is masked already. */
const isMasked = /^\*\*\*(?=[\s&?#;,)\]}"'`<]|$)/

/**
 * How long a value at the start of a text is.
 *
 * @param indent how far the line of its name is indented
 */
const valueLength = (text: string, indent: number): number => {
  if (isMasked.test(text)) return mask.length
  const quoted =
    /^("""|''')[\s\S]*?(?:\1|$)/.exec(text) ?? /^(["'`])(?:[^\\]|\\[\s\S])*?(?:\1|$)/.exec(text)
  if (quoted !== null) return quoted[0].length
  if (/^[[{(]/.test(text)) return bracketsLength(text)
  const line = restOfLine.exec(text)?.[0].length ?? 0
  return /^(?:[|>][-+\d]*)?[ \t]*$/.test(text.slice(0, line))
    ? line + blockLength(text, line, indent)
    : line
}

/** Up to the bracket that closes the first one; all if none does. */
const bracketsLength = (text: string): number => {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string
    if ("[{(".includes(character)) depth += 1
    else if ("]})".includes(character)) depth -= 1
    if (depth === 0) return at + 1
  }
  return text.length
}

/** The lines after an empty value that belong to it because they are indented further, as in YAML. */
const blockLength = (text: string, at: number, indent: number): number =>
  new RegExp(`^(?:\\r?\\n(?:[ \\t]{${indent + 1},}\\S|[ \\t]{${indent}}- ).*)*`).exec(
    text.slice(at),
  )?.[0].length ?? 0

/** The values of a list, each with the comma before it. */
const listed = /(?:^|,)(?:[^,'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*/g

/** Masks the values of a row whose columns have the names of secrets. */
const redactInsert = (text: string): string =>
  text.replace(
    insertInto,
    (whole, start: string, columns: string, between: string, rows: string) => {
      const secrets = new Set(
        columns.split(",").flatMap((name, i) => (isSecretName(name.trim()) ? [i] : [])),
      )
      if (secrets.size === 0) return whole
      const masked = rows.replace(
        /\(((?:[^()'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*)\)/g,
        (_, row: string) => {
          let at = -1
          const values = row.replace(listed, (value) => {
            at += 1
            return secrets.has(at) ? `${value.startsWith(",") ? "," : ""} ${mask}` : value
          })
          return `(${values})`
        },
      )
      return start + columns + between + masked
    },
  )

/** Masks what needs no sign of assignment. */
const redactPhrases = (text: string): string =>
  redactInsert(text)
    .replace(quotedPassword, `$1${mask}`)
    .replace(setPassword, `$1${mask}`)
    .replace(flagged, (whole, flag: string) =>
      isSecretName(flag.trim().replace(/^-+/, "")) ? flag + mask : whole,
    )
    .replace(userFlag, `$1:${mask}`)
    .replace(commandPassword, `$1${mask}`)
    .replace(netrc, `$1${mask}`)
    .replace(phpString, (whole, start: string, name: string) =>
      isSecretName(name) ? `${start}"${mask}"` : whole,
    )

/** See the file's header. */
export const redactText = (body: string): string => {
  const text = replaceUserinfo(
    withoutTokens(body.replace(privateKey, mask).replace(puttyKey, `${mask}\n`)),
    `${mask}@`,
  )
  const redaction = new Redaction(text)
  let masked = 0
  for (const match of text.matchAll(assignment)) {
    const [whole, name = ""] = match
    if (match.index < masked || !isSecretName(decodedName(name))) continue
    const start = match.index + whole.length
    const before = text.slice(text.lastIndexOf("\n", match.index) + 1, match.index)
    if (isCodeAfter(before.slice(-maxBefore), name) && code.test(text.slice(start))) continue
    const end = start + valueLength(text.slice(start), before.search(/[^ \t]|$/))
    if (text.slice(start, end).trim() === "") continue
    redaction.replace(start, end, mask)
    masked = end
  }
  return redactPhrases(redaction.apply())
}
