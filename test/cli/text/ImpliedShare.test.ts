import { assert, it } from "@effect/vitest"
import { withImpliedShare } from "../../../src/cli/text/ImpliedShare.ts"

it.each([
  ["3000", "share 3000"],
  ["--quiet 3000 --qr", "--quiet share 3000 --qr"],
  ["--log-format json ./Pictures", "--log-format json share ./Pictures"],
  ["--log-format=json ./Pictures", "--log-format=json share ./Pictures"],
  ["--port 3000", "--port 3000"],
  ["relay", "relay"],
  ["", ""],
])("`ptth %s` is `ptth %s`", (given, meant) => {
  assert.deepStrictEqual(withImpliedShare(given.split(" ")), meant.split(" "))
})
