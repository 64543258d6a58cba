import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { loadAccess } from "../../../src/cli/access/LoadAccess.ts"
import * as ApiKey from "../../../src/domain/ApiKey.ts"
import { cheapHash } from "../../support/cheapHash.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

it.effect("users, tokens and visitors of a file have their paths, and nothing else as rules", () =>
  Effect.gen(function* () {
    const usersFile = join(temporaryFolder(), "users.toml")
    const password = cheapHash("x")
    const tripcode = ApiKey.tripcodeOfText("a token")
    writeFileSync(
      usersFile,
      `[[users]]\nname = "ann"\npassword = "${password}"\nmanage = ["/"]\n[[tokens]]\ntoken = "${tripcode}"\nupload = ["/inbox"]\n[visitors]\nread = ["/photos"]\n`,
    )
    const none = { users: undefined, tokens: undefined, visitors: undefined }
    const access = yield* loadAccess({ ...none, usersFile })
    const rule = { read: undefined, upload: undefined, manage: undefined }
    assert.deepEqual(access, {
      users: [{ user: "ann", password, rule: { ...rule, manage: ["/"] } }],
      tokens: [{ tripcode, rule: { ...rule, upload: ["/inbox"] } }],
      visitors: { ...rule, read: ["/photos"] },
    })
    assert.isUndefined(yield* loadAccess({ ...none, usersFile: undefined }))
  }).pipe(Effect.provide(NodeFileSystem.layer)),
)
