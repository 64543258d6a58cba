/**
 * The owner is told that the shared folder is gone, and not for each request.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as FileServer from "../../../src/fileserver/FileServer.ts"
import { RootWatch } from "../../../src/fileserver/root/RootWatch.ts"
import { callHandler } from "../../support/callHandler.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

it("a folder that vanishes is told, and is served again when it is back", async () => {
  const base = temporaryFolder()
  const root = path.join(base, "disk")
  fs.mkdirSync(root)
  fs.writeFileSync(path.join(root, "a.txt"), "here")
  const told = Promise.withResolvers<string>()
  const logger = Logger.make(({ message }) => told.resolve(String(message)))
  const handler = await Effect.runPromise(
    FileServer.make({ root }).pipe(Effect.provide(Logger.layer([logger]))),
  )
  const get = () => callHandler(handler, { target: "/files/a.txt" })
  fs.renameSync(root, `${root}.unplugged`)
  assert.strictEqual((await get()).status, 404)
  assert.include(await told.promise, `PTTH_ROOT_NOT_FOLDER: ${root} cannot be read (ENOENT)`)
  fs.renameSync(`${root}.unplugged`, root)
  assert.strictEqual((await get()).text, "here")
})

it("a folder is looked at now and then only", async () => {
  const folder = path.join(temporaryFolder(), "gone")
  let now = 0
  const messages: Array<string> = []
  const watch = new RootWatch(
    folder,
    (message) => messages.push(message),
    () => now,
  )
  for (now of [0, 9_999, 10_000, 19_999]) watch.look()
  while (messages.length < 2) await fs.promises.stat("/")
  assert.strictEqual(messages.length, 2)
})
