/**
 * What the policy does to V8, seen from a process of its own.
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const program = fileURLToPath(new URL("../support/HeapPolicyProcess.ts", import.meta.url))

describe("the heap's policy", () => {
  it("lets the new space grow again after V8 has shrunk it while idle", () => {
    const text = execFileSync(process.execPath, [program], { encoding: "utf8" })
    const { first, rested, second } = JSON.parse(text) as Record<string, number>
    assert.isAtLeast(first ?? 0, 16)
    assert.isBelow(rested ?? 8, 4)
    assert.isAtLeast(second ?? 0, 16)
  })
})
