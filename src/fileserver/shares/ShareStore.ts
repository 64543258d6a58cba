/**
 * The secret that signs share links, and how often counted links were used, in
 * a file that only its owner may read. Uses are appended to a file beside it,
 * from which they come into the first one now and then, so that a use costs the
 * same however many links there are. Revoking makes a new secret.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"

/** How often a link was used, and when it ends, in seconds since 1970. */
interface Uses {
  readonly count: number
  readonly expires: number
}

interface State {
  /** Base64url. */
  readonly secret: string
  /** Uses by the ids of links. */
  readonly uses: Map<string, Uses>
}

/** Links of this length of time after their end are forgotten, in seconds. */
const forgottenAfter = 86_400
/** The most links whose uses are counted at the same time. */
const maxCounted = 50_000
/** So many appended uses, or as many as there are links, are written into the file itself. */
const minAppended = 1_000

const newState = (): State => ({
  secret: randomBytes(32).toString("base64url"),
  uses: new Map(),
})

const isUses = (value: unknown): value is Uses =>
  typeof value === "object" &&
  value !== null &&
  Number.isInteger((value as Uses).count) &&
  Number.isFinite((value as Uses).expires)

const read = (file: string): State | undefined => {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(file, "utf8"))
    if (typeof value !== "object" || value === null) return undefined
    const { secret, uses } = value as Readonly<Record<string, unknown>>
    if (typeof secret !== "string" || secret.length < 43) return undefined
    if (typeof uses !== "object" || uses === null) return undefined
    return { secret, uses: new Map(Object.entries(uses).filter(([, each]) => isUses(each))) }
  } catch {
    return undefined
  }
}

const line = /^([\w-]{1,64}) (\d{1,9}) (\d{1,12})$/

/** What a file of appended uses has. */
interface Appended {
  readonly count: number
  /** Whether its last line is cut off, so that nothing may be appended to it. */
  readonly isCut: boolean
}

/** Adds the uses that were appended; a line that is cut off is none. */
const readAppended = (file: string, { uses }: State): Appended => {
  let lines: ReadonlyArray<string>
  try {
    lines = fs.readFileSync(file, "utf8").split("\n")
  } catch {
    return { count: 0, isCut: false }
  }
  for (const text of lines.slice(0, -1)) {
    const [, id, digits, expires] = line.exec(text) ?? []
    if (id === undefined) continue
    const count = Math.max(Number(digits), uses.get(id)?.count ?? 0)
    uses.set(id, { count, expires: Number(expires) })
  }
  return { count: lines.length - 1, isCut: lines.at(-1) !== "" }
}

/** See the head of this file. The file is made when the first link is. Methods throw if it cannot be written. */
export class ShareStore {
  readonly file: string
  private readonly most: number
  private state: State | undefined
  private isSecretStored = true
  /** Whether a further use can be appended: all others are in the files. */
  private canAppend = true
  /** How many uses have been appended since the file was written. */
  private appended = 0

  /** @param most how many links are counted at the same time */
  constructor(file: string, most = maxCounted) {
    this.file = file
    this.most = most
    this.state = read(file)
    if (this.state === undefined) return
    const { count, isCut } = readAppended(this.appendedFile, this.state)
    this.appended = count
    this.canAppend = !isCut
  }

  private get appendedFile(): string {
    return `${this.file}.uses`
  }

  /** The secret, if there ever was a link. */
  get secret(): Uint8Array | undefined {
    return this.state === undefined ? undefined : Buffer.from(this.state.secret, "base64url")
  }

  /** The secret for a new link; throws if it is not in the file and cannot be written there. */
  ensureSecret(): Uint8Array {
    if (this.state === undefined || !this.isSecretStored) {
      const state = this.state ?? newState()
      this.write(state)
      this.state = state
    }
    return this.secret as Uint8Array
  }

  /** Makes all links invalid, until the next start also if the file cannot be written. */
  revoke(): void {
    this.state = newState()
    this.isSecretStored = false
    this.canAppend = false
    this.write(this.state)
  }

  /** How often a link was used. */
  usesOf(id: string): number {
    return this.state?.uses.get(id)?.count ?? 0
  }

  /** Whether a use of a link can be counted: not if too many others are. */
  canCount(id: string): boolean {
    if (this.state === undefined) return false
    const { uses } = this.state
    if (uses.has(id) || uses.size < this.most) return true
    this.forgetEnded(uses)
    return uses.size < this.most
  }

  /** Counts a use of a link, until the next start also if the file cannot be written. */
  use(id: string, expires: number): void {
    if (this.state === undefined) return
    const { uses } = this.state
    const count = this.usesOf(id) + 1
    uses.set(id, { count, expires })
    if (!this.canAppend || this.appended >= Math.max(minAppended, uses.size)) {
      this.forgetEnded(uses)
      this.canAppend = false
      return this.write(this.state)
    }
    this.canAppend = false
    fs.appendFileSync(this.appendedFile, `${id} ${count} ${expires}\n`, { mode: 0o600 })
    this.canAppend = true
    this.appended += 1
  }

  private forgetEnded(uses: Map<string, Uses>): void {
    const before = Date.now() / 1000 - forgottenAfter
    for (const [id, { expires }] of uses) if (expires <= before) uses.delete(id)
  }

  /** A complete file takes the place of the one before, and of what was appended. */
  private write({ secret, uses }: State): void {
    fs.mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 })
    const temporary = `${this.file}.${process.pid}`
    const text = JSON.stringify({ secret, uses: Object.fromEntries(uses) })
    fs.writeFileSync(temporary, text, { mode: 0o600 })
    fs.renameSync(temporary, this.file)
    this.isSecretStored = true
    fs.rmSync(this.appendedFile, { force: true })
    this.canAppend = true
    this.appended = 0
  }
}
