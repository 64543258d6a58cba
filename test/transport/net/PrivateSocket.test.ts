import { statSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import {
  addressesIn,
  addressIn,
  listenPrivately,
} from "../../../src/transport/net/PrivateSocket.ts"
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

it("a socket is in its folder, and found there by its ending", () => {
  assert.strictEqual(
    addressIn("/run/user/1/ptth", "7.status", "linux"),
    "/run/user/1/ptth/7.status",
  )
  assert.deepEqual(
    addressesIn("/run/user/1/ptth", ".status", "linux", (folder) => {
      assert.strictEqual(folder, "/run/user/1/ptth")
      return ["7.status", "control.sock"]
    }),
    ["/run/user/1/ptth/7.status"],
  )
})

it("a folder that cannot be read has no sockets", () => {
  const failing = (): never => {
    throw new Error("ENOENT")
  }
  for (const platform of ["linux", "win32"] as const)
    assert.deepEqual(addressesIn("/none", ".status", platform, failing), [])
})

describe("on Windows a named pipe", () => {
  const folder = "C:\\Users\\Zoë\\AppData\\Local\\ptth\\run"

  it("has a name that pipes may have, however long the folder's path is", () => {
    const address = addressIn(`${folder}\\${"a".repeat(300)}`, "123.status", "win32")
    assert.match(address, /^\\\\\.\\pipe\\ptth-[0-9a-f]{16}-123\.status$/)
    assert.isBelow(address.length, 256)
  })

  it("is found again among those of other programs and folders, whatever case the path has", () => {
    const own = addressIn(folder, "123.status", "win32")
    const other = addressIn("C:\\Users\\Max", "9.status", "win32")
    const names = [own, other].map((address) => address.slice("\\\\.\\pipe\\".length))
    const list = (where: string): ReadonlyArray<string> => {
      assert.strictEqual(where, "\\\\.\\pipe\\")
      return ["lsass", ...names, `${names[0]}.log`]
    }
    for (const path of [folder, folder.toUpperCase(), `${folder}\\`, folder.replaceAll("\\", "/")])
      assert.deepEqual(addressesIn(path, ".status", "win32", list), [own])
  })
})
