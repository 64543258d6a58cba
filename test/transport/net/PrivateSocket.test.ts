import { statSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { listenPrivately } from "../../../src/transport/net/PrivateSocket.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

it.skipIf(process.platform === "win32")(
  "a private socket is this user's alone as soon as it exists, and other files have their modes",
  () => {
    const before = process.umask()
    const path = join(temporaryFolder(), "s.sock")
    const server = createServer()
    listenPrivately(server, path, () => {})
    assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    assert.strictEqual(process.umask(), before)
    server.close()
  },
)
