/**
 * A folder of a test's own behind a file server that is called directly.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import type { HeaderList } from "../../src/domain/HeaderList.ts"
import * as FileServer from "../../src/fileserver/FileServer.ts"
import type { Handler } from "../../src/transport/body/Handler.ts"
import { type Answered, callHandler } from "./callHandler.ts"
import { temporaryFolder } from "./temporaryFolder.ts"

/** A served folder and the way to visit it. */
export interface ServedFolder {
  /** The folder in which the served one, `root`, is. */
  readonly base: string
  readonly root: string
  readonly handler: Handler
  readonly get: (target: string, headers?: HeaderList) => Promise<Answered>
  readonly head: (target: string, headers?: HeaderList) => Promise<Answered>
  /** Writes a file, and folders above it, with a last change some seconds ago. */
  readonly write: (name: string, content: string | Uint8Array, age?: number) => void
}

/** Serves a new folder with some files, an hour old. */
export const servedFolder = async (
  files: { readonly [name: string]: string | Uint8Array },
  options: Omit<FileServer.FileServerOptions, "root"> = {},
): Promise<ServedFolder> => {
  const base = temporaryFolder()
  const root = path.join(base, "root")
  fs.mkdirSync(root)
  const write = (name: string, content: string | Uint8Array, age = 3600): void => {
    const file = path.join(root, name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, content)
    const time = Math.floor(Date.now() / 1000) - age
    fs.utimesSync(file, time, time)
  }
  for (const [name, content] of Object.entries(files)) write(name, content)
  const handler = await Effect.runPromise(FileServer.make({ ...options, root }))
  const call =
    (method: string) =>
    (target: string, headers: HeaderList = []) =>
      callHandler(handler, { method, target, headers })
  return { base, root, handler, write, get: call("GET"), head: call("HEAD") }
}

/** Bytes that repeat late, so that no stretch of them looks like another. */
export const bytesOf = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13) & 255))
