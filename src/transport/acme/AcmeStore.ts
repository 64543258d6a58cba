/**
 * Where the account, the certificates with their keys, and failures are kept:
 * texts by names, in a folder that only its owner may read.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs/promises"
import * as NodePath from "node:path"
import * as Effect from "effect/Effect"
import { AcmeError } from "./AcmeError.ts"

/** A store of texts by names such as `account.json`. */
export interface AcmeStore {
  /** `undefined` if there is none. */
  readonly read: (name: string) => Effect.Effect<string | undefined, AcmeError>
  readonly write: (name: string, text: string) => Effect.Effect<void, AcmeError>
  readonly remove: (name: string) => Effect.Effect<void, AcmeError>
  readonly list: Effect.Effect<ReadonlyArray<string>, AcmeError>
  /** Fails if nothing can be written. */
  readonly check: Effect.Effect<void, AcmeError>
}

/** The folder of one authority below a folder of state, by the address of its directory. */
export const folderOf = (stateFolder: string, directory: string): string =>
  NodePath.join(
    stateFolder,
    "acme",
    directory.replace(/^https?:\/\//, "").replaceAll(/[^A-Za-z0-9.-]+/g, "_"),
  )

const attempt = <A>(place: string, run: () => Promise<A>): Effect.Effect<A, AcmeError> =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      new AcmeError({
        code: "PTTH_STATE_UNUSABLE",
        detail: `${place}: ${(error as NodeJS.ErrnoException).code ?? error}`,
      }),
  })

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT"

/** Writes beside the file and renames, so that a crash leaves the old text or the new one. */
const replace = async (path: string, text: string): Promise<void> => {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.new`
  try {
    const file = await fs.open(temporary, "wx", 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await fs.rename(temporary, path)
  } catch (error) {
    await fs.rm(temporary, { force: true })
    throw error
  }
}

/** A store in a folder, which is made when something is written. */
export const inFolder = (folder: string): AcmeStore => {
  const pathOf = (name: string): string => NodePath.join(folder, name)
  const make = () => fs.mkdir(folder, { recursive: true, mode: 0o700 })
  return {
    read: (name) =>
      attempt(pathOf(name), () =>
        fs.readFile(pathOf(name), "utf8").catch((error) => {
          if (isMissing(error)) return undefined
          throw error
        }),
      ),
    write: (name, text) =>
      attempt(pathOf(name), async () => {
        await make()
        await replace(pathOf(name), text)
      }),
    remove: (name) => attempt(pathOf(name), () => fs.rm(pathOf(name), { force: true })),
    list: attempt(folder, () =>
      fs.readdir(folder).catch((error) => {
        if (isMissing(error)) return []
        throw error
      }),
    ),
    check: attempt(folder, async () => {
      await make()
      await replace(pathOf(".writable"), "")
    }),
  }
}
