import { homedir } from "node:os"
import { assert, it } from "@effect/vitest"
import { homeFolder } from "../../../src/transport/runtime/HomeFolder.ts"

it("is / for a user without a home folder", () => {
  assert.strictEqual(homeFolder(), homedir())
  const find = (): string => {
    throw new Error("uv_os_homedir returned ENOENT")
  }
  assert.strictEqual(homeFolder(find), "/")
})
