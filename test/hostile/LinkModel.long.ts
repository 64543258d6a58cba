/**
 * The model test of one stream link with more seeds than the unit tests try:
 * PTTH_SEEDS of them for each promise (1000), from PTTH_FIRST_SEED (1000) on.
 */
import { assert, describe, it } from "@effect/vitest"
import { failuresOf, linkTests } from "../support/model/LinkModel.ts"
import { seedsFrom } from "../support/Seeded.ts"

const count = Number(process.env.PTTH_SEEDS ?? 1_000)
const first = Number(process.env.PTTH_FIRST_SEED ?? 1_000)

describe(`exchanges on one link, ${count} seeds each`, () => {
  it.each(linkTests)("$name", async ({ options, seeds }) => {
    // A test with few seeds has large ones.
    const share = Math.ceil(count * Math.min(1, seeds / 40))
    assert.deepStrictEqual(await failuresOf(seedsFrom(first, share), options), [])
  })
})
