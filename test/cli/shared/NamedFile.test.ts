/**
 * What is said of who can read a file with a secret.
 */
import { assert, it } from "@effect/vitest"
import { accessNote } from "../../../src/cli/shared/NamedFile.ts"

it("on Windows, which has no modes, a command is named by which only this user can read the file", () => {
  assert.include(
    accessNote("C:\\My Files\\ptth_server.toml", "win32"),
    'icacls "C:\\My Files\\ptth_server.toml" /inheritance:r /grant:r "%USERNAME%:F"',
  )
  assert.isUndefined(accessNote("/etc/ptth/ptth_server.toml", "linux"))
})
