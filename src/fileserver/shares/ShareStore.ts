/**
 * The secret that signs share links, and how often counted links were used, in
 * a file that only its owner may read. Revoking makes a new secret.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"

interface State {
  /** Base64url. */
  readonly secret: string
  /** Uses by the ids of links. */
  readonly uses: { readonly [id: string]: { readonly count: number; readonly expires: number } }
}

/** Links of this length of time after their end are forgotten, in seconds. */
const forgottenAfter = 86_400

const newState = (): State => ({ secret: randomBytes(32).toString("base64url"), uses: {} })

const isState = (value: unknown): value is State =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as State).secret === "string" &&
  (value as State).secret.length >= 43 &&
  typeof (value as State).uses === "object"

const read = (file: string): State | undefined => {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(file, "utf8"))
    return isState(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** See the head of this file. The file is made when the first link is. Methods throw if it cannot be written. */
export class ShareStore {
  readonly file: string
  private state: State | undefined
  private isSecretStored = true

  constructor(file: string) {
    this.file = file
    this.state = read(file)
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
    this.write(this.state)
  }

  /** How often a link was used. */
  usesOf(id: string): number {
    return this.state?.uses[id]?.count ?? 0
  }

  /** Counts a use of a link, until the next start also if the file cannot be written. */
  use(id: string, expires: number): void {
    if (this.state === undefined) return
    const now = Date.now() / 1000
    const uses = Object.entries(this.state.uses).filter(
      ([, each]) => each.expires + forgottenAfter > now,
    )
    this.state = {
      ...this.state,
      uses: { ...Object.fromEntries(uses), [id]: { count: this.usesOf(id) + 1, expires } },
    }
    this.write(this.state)
  }

  /** A complete file takes the place of the one before. */
  private write(state: State): void {
    fs.mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 })
    const temporary = `${this.file}.${process.pid}`
    fs.writeFileSync(temporary, JSON.stringify(state), { mode: 0o600 })
    fs.renameSync(temporary, this.file)
    this.isSecretStored = true
  }
}
