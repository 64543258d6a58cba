/**
 * A text with parts of it replaced, found in any order; a part within another
 * is replaced with it.
 */
import { isSecretName } from "../../domain/SecretNames.ts"

/** Stands for a secret. */
export const mask = "***"

/** Masks what holds secrets in a text of unknown form, such as the value of a field. */
export type Redact = (text: string) => string

/** How long the name of a secret is at most, where a value may be one. */
const maxName = 64

/** Whether a value is the name of a secret, as in `{"name": "password", "value": …}`. */
export const namesSecret = (value: string): boolean =>
  value.length <= maxName && !/\s/.test(value.trim()) && isSecretName(value)

/** Whether a label on a page is that of a secret, as in `<dt>API key</dt><dd>…</dd>`. */
export const labelsSecret = (label: string): boolean =>
  label.length <= maxName && label.trim().split(/\s+/).length <= 3 && isSecretName(label)

const outcomeBefore =
  /(?<![\p{L}\w])(?:error|fault|failure|status|response|result|reason|exit|return|http)(?:[ \t]|&nbsp;)$/iu

/** Whether a `code` says what went wrong, which is no secret: the one in `error`, as in `{"error": {"code": 404}}`. */
export const isCodeOf = (around: string, name: string): boolean =>
  /^code$/i.test(name) && /^(?:errors?|faults?|failures?)$/i.test(around)

/** The same in a text, by what is before it: `Error code: 501`. */
export const isCodeAfter = (before: string, name: string): boolean =>
  /^code$/i.test(name) && outcomeBefore.test(before)

/** Fields whose value names another value, which stands in the field after it. */
const isNaming = (name: string): boolean =>
  /^(?:name|key|field|id|label|param(?:eter)?)$/i.test(name)

/** Whether a field says that the value beside it is a secret: by its name, or its kind as in `{"type": "password"}`. */
export const announcesSecret = (name: string, value: string): boolean =>
  isNaming(name)
    ? namesSecret(value)
    : /^(?:type|kind)$/i.test(name) && /^(?:password|passphrase|pin|secret|t?otp)$/i.test(value)

/** Fields whose value is named by another field. */
export const isNamed = (name: string): boolean =>
  /^(?:values?|val|content|text|data|answer)$/i.test(name)

/** Whether a field names a call that takes a password, as in `{"method": "login", "params": ["me", …]}`. */
export const callsForSecret = (name: string, value: string): boolean =>
  /^(?:method|action|function|command|cmd|operation|op)$/i.test(name) &&
  /log[-_ ]?[io]n|sign[-_ ]?[iu][np]|auth|passw/i.test(value.slice(0, maxName))

/** Fields with what is passed to a call. */
export const isPassed = (name: string): boolean => /^(?:params|args|arguments)$/i.test(name)

interface Edit {
  readonly start: number
  readonly end: number
  readonly replacement: string
}

/** See the file's header. */
export class Redaction {
  private readonly text: string
  private readonly edits: Array<Edit> = []

  constructor(text: string) {
    this.text = text
  }

  /** Replaces the characters from `start` to `end`. */
  replace(start: number, end: number, replacement: string): void {
    if (end > start) this.edits.push({ start, end, replacement })
  }

  /** The text with the replacements. */
  apply(): string {
    let redacted = ""
    let at = 0
    // Of two for the same part the later one counts, which is that of what is around it.
    const edits = this.edits.toReversed().sort((a, b) => a.start - b.start || b.end - a.end)
    for (const { end, replacement, start } of edits) {
      if (start < at) continue
      redacted += this.text.slice(at, start) + replacement
      at = end
    }
    return redacted + this.text.slice(at)
  }
}
