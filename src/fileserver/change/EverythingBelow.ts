/**
 * Everything in a folder on disk and below, served or not. Links are not followed.
 */
import * as fs from "node:fs"
import { type ByteName, toFsPath } from "../names/ByteName.ts"
import type { Located } from "./Located.ts"

/** A file, folder or link. */
export interface Below {
  /** The segments of the folder that it is in. */
  readonly folder: ReadonlyArray<ByteName>
  readonly name: ByteName
  readonly path: string | Buffer
  readonly isFolder: boolean
}

/** What is below an entry that is a folder, in no order. Fails with errors of the file system. */
export async function* everythingBelow({
  folder,
  name,
  segments,
}: Pick<Located, "folder" | "name" | "segments">): AsyncGenerator<Below, void> {
  const pending = [{ path: `${folder.path}/${name}`, segments }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, segments } = next
    const options = { encoding: "latin1", withFileTypes: true } as const
    for (const entry of await fs.promises.readdir(toFsPath(path), options)) {
      const child = `${path}/${entry.name}`
      const isFolder = entry.isDirectory()
      if (isFolder) pending.push({ path: child, segments: [...segments, entry.name] })
      yield { folder: segments, name: entry.name, path: toFsPath(child), isFolder }
    }
  }
}
