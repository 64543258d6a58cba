import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import { tripcodeOfText } from "../../../src/domain/ApiKey.ts"
import * as RelayConfig from "../../../src/domain/config/RelayConfig.ts"
import * as Approval from "../../../src/relay/registry/Approval.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

const tripcode = tripcodeOfText("a key")
const other = tripcodeOfText("another key")

const configOf = (text: string): RelayConfig.RelayConfig =>
  Result.getOrThrow(RelayConfig.decode(text))

const approve = (folder: string, name: string, code: string, config = RelayConfig.empty) =>
  Approval.approve(folder, config, name, code).pipe(
    Effect.provide(NodeFileSystem.layer),
    Effect.result,
  )

const refusal = (result: Result.Result<string | undefined, Approval.ApprovalError>): string =>
  Result.isFailure(result) ? result.failure.code : "approved"

describe("approving a server", () => {
  it.effect("writes one file that registers exactly it", () =>
    Effect.gen(function* () {
      const folder = path.join(temporaryFolder(), "servers.d")
      const written = yield* approve(folder, "attic", tripcode)
      assert.deepStrictEqual(written, Result.succeed(path.join(folder, "attic.toml")))
      assert.deepStrictEqual(fs.readdirSync(folder), ["attic.toml"])
      const text = fs.readFileSync(path.join(folder, "attic.toml"), "utf8")
      assert.deepStrictEqual(
        configOf(text).servers.map(({ name, tripcodes }) => [`${name}`, tripcodes]),
        [["attic", [tripcode]]],
      )
    }),
  )

  it.effect("succeeds for several that register it at the same moment", () =>
    Effect.gen(function* () {
      const folder = path.join(temporaryFolder(), "servers.d")
      const approving = Array.from({ length: 4 }, () => approve(folder, "attic", tripcode))
      const results = yield* Effect.all(approving, { concurrency: "unbounded" })
      assert.deepStrictEqual(results.map(refusal), Array(4).fill("approved"))
      assert.deepStrictEqual(fs.readdirSync(folder), ["attic.toml"])
      assert.strictEqual(refusal(yield* approve(folder, "attic", tripcode)), "approved")
      assert.strictEqual(refusal(yield* approve(folder, "attic", other)), "PTTH_ALREADY_REGISTERED")
    }),
  )

  it.effect("does nothing where it is registered by this tripcode already", () =>
    Effect.gen(function* () {
      const folder = path.join(temporaryFolder(), "servers.d")
      const config = configOf(Approval.toToml("attic", tripcode))
      assert.deepStrictEqual(
        yield* approve(folder, "attic", tripcode, config),
        Result.succeed(undefined),
      )
      assert.isFalse(fs.existsSync(folder))
    }),
  )

  it.effect("replaces nothing: neither an entry of the configuration nor a file", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const config = configOf(Approval.toToml("attic", other))
      assert.strictEqual(
        refusal(yield* approve(folder, "attic", tripcode, config)),
        "PTTH_ALREADY_REGISTERED",
      )
      fs.writeFileSync(path.join(folder, "attic.toml"), "# mine\n")
      assert.strictEqual(
        refusal(yield* approve(folder, "attic", tripcode)),
        "PTTH_ALREADY_REGISTERED",
      )
      assert.strictEqual(fs.readFileSync(path.join(folder, "attic.toml"), "utf8"), "# mine\n")
    }),
  )

  it.effect("is refused to a name whose host is another server's", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const config = configOf(`domain = "relay.example"\n${Approval.toToml("my_attic", other)}`)
      assert.strictEqual(
        refusal(yield* approve(folder, "My-Attic", tripcode, config)),
        "PTTH_BAD_APPROVAL",
      )
      assert.deepStrictEqual(fs.readdirSync(folder), [])
    }),
  )

  it.effect.each([
    ["../attic", `${tripcode}`],
    ["a/b", tripcode],
    ["", tripcode],
    ["a\u0000", tripcode],
    ['a"\nx = "', tripcode],
    ["attic", "short"],
    ["attic", `${tripcode}"\n`],
  ] as ReadonlyArray<readonly [string, string]>)(
    "of %j and %j is refused, and nothing is written",
    ([name, code]) =>
      Effect.gen(function* () {
        const folder = path.join(temporaryFolder(), "servers.d")
        assert.strictEqual(refusal(yield* approve(folder, name, code)), "PTTH_BAD_APPROVAL")
        assert.isFalse(fs.existsSync(folder))
      }),
  )

  it.effect("leaves nothing behind when the disk fails in between", () =>
    Effect.gen(function* () {
      const folder = temporaryFolder()
      const real = yield* FileSystem.FileSystem
      const failing = {
        ...real,
        rename: (from: string) =>
          Effect.fail(
            PlatformError.systemError({
              _tag: "PermissionDenied",
              module: "FileSystem",
              method: "rename",
              pathOrDescriptor: from,
            }),
          ),
      }
      const result = yield* Approval.approve(folder, RelayConfig.empty, "attic", tripcode).pipe(
        Effect.provideService(FileSystem.FileSystem, failing),
        Effect.result,
      )
      assert.strictEqual(refusal(result), "PTTH_CANNOT_APPROVE")
      assert.deepStrictEqual(fs.readdirSync(folder), [])
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )
})
