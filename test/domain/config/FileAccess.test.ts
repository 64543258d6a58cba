import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as FileAccess from "../../../src/domain/config/FileAccess.ts"
import * as ServerConfig from "../../../src/domain/config/ServerConfig.ts"
import { cheapHash } from "../../support/cheapHash.ts"

const hash = cheapHash("x")
const user = (name: string): string => `[[users]]\nname = "${name}"\npassword = "${hash}"\n`

const problemOf = (text: string): string =>
  Result.match(ServerConfig.decodeSettings(text), {
    onSuccess: () => "",
    onFailure: ({ message }) => message,
  })

describe("users in a configuration", () => {
  it("have names, passwords and paths", () => {
    const text = `${user("ann")}manage = ["/"]\n${user("bob")}read = ["/photos/2024"]\nupload = ["/inbox"]\n[visitors]\nread = []\n`
    const { users, visitors } = Result.getOrThrow(FileAccess.decode(text))
    assert.deepStrictEqual(
      users?.map(({ manage, name, read, upload }) => ({ name, read, upload, manage })),
      [
        { name: "ann", read: undefined, upload: undefined, manage: ["/"] },
        { name: "bob", read: ["/photos/2024"], upload: ["/inbox"], manage: undefined },
      ],
    )
    assert.deepStrictEqual(visitors?.read, [])
    assert.strictEqual(problemOf(text), "")
  })

  it.each([
    ["a path that is relative", `${user("a")}read = ["photos"]`, "a list of paths"],
    ["a path that leads above", `${user("a")}read = ["/a/../b"]`, "a list of paths"],
    ["a name with a colon", user("a:b"), "without a colon"],
    ["two users of one name", user("a") + user("a"), "two users called a"],
    ["auth_user", `auth_user = "a"\nauth_password = "${hash}"\n${user("b")}`, "auth_user"],
    ["an application", `to = 3000\n${user("a")}`, "forwards to an application"],
    ["routes", `[[routes]]\npath = "/api"\nto = 3000\n${user("a")}`, "forwards to an application"],
    [
      "a service for an application",
      `name = "a"\n${user("a")}[[services]]\nname = "b"\nto = 3000\n`,
      "forwards to an application",
    ],
    ["a file of users", `users_file = "u.toml"\n${user("a")}`, "users_file"],
    ["visitors alone", `[visitors]\nread = ["/"]`, "neither users nor tokens"],
    ["an unknown key", `${user("a")}raed = ["/"]`, "raed"],
  ])("cannot be used with %s", (_, text, part) => {
    assert.include(problemOf(text), part)
  })

  it("are not printed with their passwords", () => {
    const printed = Result.getOrThrow(ServerConfig.explain(user("ann")))
    assert.notInclude(printed, hash)
    assert.include(printed, "ann")
  })
})
