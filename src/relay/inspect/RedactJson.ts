/**
 * Masks the values of names that look like secrets in JSON (RFC 8259), also in
 * one that is cut off, and in several as in NDJSON. The rest stays as it is
 * written.
 */
import { isSecretName } from "../../domain/SecretNames.ts"
import {
  announcesSecret,
  callsForSecret,
  isCodeOf,
  isNamed,
  isPassed,
  mask,
  namesSecret,
  type Redact,
  Redaction,
} from "./Redaction.ts"

const masked = `"${mask}"`

/** The members of a key (RFC 7517, RFC 7518 6) that are private. */
const isPrivateMember = (name: string): boolean => /^(?:k|d|p|q|dp|dq|qi|oth)$/.test(name)

/** How deep values may be nested. */
const maxDepth = 100

/** A value in the text, and what it says if it is a string. */
interface JsonValue {
  readonly start: number
  readonly end: number
  readonly text: string | undefined
}

/** The text ends here, or is no JSON from here. */
const stop = Symbol("stop")

class JsonSecrets {
  private readonly text: string
  private readonly redact: Redact
  private readonly redaction: Redaction
  private at = 0
  private depth = 0
  /** The name of the member that is being read. */
  private around = ""

  constructor(text: string, redact: Redact) {
    this.text = text
    this.redact = redact
    this.redaction = new Redaction(text)
  }

  run(): string {
    try {
      for (this.skip(); this.at < this.text.length; this.skip()) this.value()
    } catch (reason) {
      if (reason !== stop) throw reason
    }
    return this.redaction.apply()
  }

  private skip(): void {
    while (/[\s\ufeff]/.test(this.text[this.at] ?? "")) this.at += 1
  }

  /** What is no JSON is masked as any other text, so that what looks like a secret is not shown. */
  private giveUp(): never {
    const rest = this.text.slice(this.at)
    this.redaction.replace(this.at, this.text.length, this.redact(rest))
    this.at = this.text.length
    throw stop
  }

  private value(): JsonValue {
    const start = this.at
    const first = this.text[this.at]
    let text: string | undefined
    if (first === "{") this.nested("}", () => this.object())
    else if (first === "[") this.nested("]", () => this.array())
    else if (first === '"') text = this.string()
    else this.literal()
    return { start, end: this.at, text }
  }

  private literal(): void {
    const [literal] = /^(?:true|false|null|-?\d[\d.eE+-]*)/.exec(this.text.slice(this.at)) ?? []
    if (literal === undefined) this.giveUp()
    else this.at += literal.length
  }

  /** Reads members up to the closing bracket. */
  private nested(
    close: string,
    read: () => { readonly member: () => void; readonly end: () => void },
  ) {
    if (this.depth >= maxDepth) this.giveUp()
    this.depth += 1
    this.at += 1
    const { end, member } = read()
    try {
      for (this.skip(); this.text[this.at] !== close; this.skip()) {
        if (this.at >= this.text.length) throw stop
        if (this.text[this.at] === ",") this.at += 1
        else member()
      }
    } finally {
      // Also where the text is cut off: what was read of it is masked.
      end()
    }
    this.at += 1
    this.depth -= 1
  }

  private object() {
    let hasSecretName = false
    let isLogin = false
    let isKey = false
    const members: Array<readonly [start: number, end: number]> = []
    const around = this.around
    const values: Array<readonly [start: number, end: number]> = []
    const passed: Array<readonly [start: number, end: number]> = []
    return {
      member: () => {
        const key = this.key()
        const start = this.at
        this.around = key
        try {
          const { text } = this.value()
          if (announcesSecret(key, text ?? "")) hasSecretName = true
          if (callsForSecret(key, text ?? "")) isLogin = true
          if (key === "kty" && text !== undefined) isKey = true
        } finally {
          this.around = around
          if (isSecretName(key) && !isCodeOf(around, key))
            this.redaction.replace(start, this.at, masked)
          if (isPrivateMember(key)) members.push([start, this.at])
          if (isNamed(key)) values.push([start, this.at])
          // What is passed by name is masked by its name.
          if (isPassed(key) && this.text[start] === "[") passed.push([start, this.at])
        }
      },
      end: () => {
        const secrets = [
          ...(hasSecretName ? values : []),
          ...(isLogin ? passed : []),
          ...(isKey ? members : []),
        ]
        for (const [start, end] of secrets) this.redaction.replace(start, end, masked)
      },
    }
  }

  /** An array of pairs whose first says what the second is, as in `["password", …]`. */
  private array() {
    let count = 0
    let isSecret = false
    const secrets: Array<readonly [start: number, end: number]> = []
    return {
      member: () => {
        const start = this.at
        count += 1
        try {
          const { text } = this.value()
          if (count % 2 === 1) isSecret = namesSecret(text ?? "")
        } finally {
          if (count % 2 === 0 && isSecret) secrets.push([start, this.at])
        }
      },
      end: () => {
        if (count % 2 === 0)
          for (const [start, end] of secrets) this.redaction.replace(start, end, masked)
      },
    }
  }

  /** The name of a member, with the colon behind it. */
  private key(): string {
    if (this.text[this.at] !== '"') this.giveUp()
    const key = parsed(this.rawString())
    this.skip()
    if (this.at >= this.text.length) throw stop
    if (this.text[this.at] !== ":") this.giveUp()
    this.at += 1
    this.skip()
    return key
  }

  private string(): string {
    const start = this.at
    const text = parsed(this.rawString())
    const redacted = this.redact(text)
    if (redacted !== text) this.redaction.replace(start, this.at, JSON.stringify(redacted))
    return text
  }

  private rawString(): string {
    const raw = /^"(?:[^"\\]|\\[\s\S])*"/.exec(this.text.slice(this.at))?.[0]
    if (raw === undefined) {
      // The string is cut off.
      const start = this.at
      this.at = this.text.length
      this.redaction.replace(start, this.at, this.redact(this.text.slice(start)))
      throw stop
    }
    this.at += raw.length
    return raw
  }
}

/** What a string says; with lone control characters it is no JSON, but is understood. */
const parsed = (raw: string): string => {
  try {
    return JSON.parse(raw.replace(/[\x00-\x1f]/g, " ")) as string
  } catch {
    return raw
      .slice(1, -1)
      .replace(/\\u([0-9a-f]{4})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
  }
}

/**
 * See the file's header.
 *
 * @param redact for what strings say, and for what is no JSON
 */
export const redactJson = (text: string, redact: Redact): string =>
  new JsonSecrets(text, redact).run()
