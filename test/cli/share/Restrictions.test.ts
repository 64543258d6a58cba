/**
 * What of a share stays in force when it is shared again with other flags.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Restrictions from "../../../src/cli/share/Restrictions.ts"

const flag = (key: string, value: unknown) => ({
  key,
  value,
  from: `--${key}`,
  by: "flag" as const,
})

const password = { auth_user: "me", auth_password: "$scrypt$x" }

describe("what restricts visitors", () => {
  it("is kept, and what opens is not", () => {
    const table = {
      name: "attic",
      ...password,
      hidden: ["*.bak"],
      symlinks: "never",
      archives: false,
      uploads: true,
      share_links: true,
      dotfiles: true,
    }
    assert.deepStrictEqual(Restrictions.of(table), {
      ...password,
      hidden: ["*.bak"],
      symlinks: "never",
      archives: false,
    })
    assert.deepStrictEqual(Restrictions.of({ symlinks: "follow", archives: true, hidden: [] }), {})
  })

  it("stays without flags, and each flag replaces its own", () => {
    const before = { ...password, hidden: ["*.bak"], symlinks: "never", archives: false }
    assert.deepStrictEqual(Restrictions.changed(before, [flag("uploads", true)], false), before)
    const flags = [flag("hidden", []), flag("symlinks", "inside"), flag("archives", true)]
    assert.deepStrictEqual(Restrictions.changed(before, flags, false), password)
  })

  it("has one sign-in: another one replaces it, and --no-auth ends it", () => {
    const before = { hidden: ["a"], users_file: "/users.toml" }
    const flags = Object.entries(password).map(([key, value]) => flag(key, value))
    assert.deepStrictEqual(Restrictions.changed(before, flags, false), {
      hidden: ["a"],
      ...password,
    })
    const rules = { users: [{}], tokens: [{}], visitors: {}, hidden: ["a"] }
    assert.deepStrictEqual(Restrictions.changed(rules, [], true), { hidden: ["a"] })
    assert.deepStrictEqual(
      Restrictions.changed(password, [flag("users_file", "/users.toml")], false),
      { users_file: "/users.toml" },
    )
  })

  it("of the same target elsewhere holds as well, but for a sign-in beside one of its own", () => {
    const other = { users_file: "/users.toml", hidden: ["a"] }
    assert.deepStrictEqual(Restrictions.merged({}, other), other)
    assert.deepStrictEqual(Restrictions.merged(password, other), { hidden: ["a"], ...password })
  })

  it("is not for an application if it is a file's rules", () => {
    assert.isTrue(Restrictions.needFiles({ users_file: "/users.toml" }))
    assert.isFalse(Restrictions.needFiles(password))
  })

  it("is told as the flags that it was said with", () => {
    const before = { ...password, symlinks: "never", archives: false }
    assert.strictEqual(
      Restrictions.describeKept(before, []),
      "--symlinks never, --no-archives, --auth me (as before; --no-auth ends the sign-in)",
    )
    assert.strictEqual(
      Restrictions.describeKept({ hidden: ["a", "b"] }, [flag("auth_user", "me")]),
      "--hidden a,b (as before)",
    )
    assert.isUndefined(Restrictions.describeKept({ archives: false }, [flag("archives", false)]))
  })

  it("leaves the other keys of a file that somebody has edited", () => {
    assert.deepStrictEqual(
      Restrictions.without({ ...password, hidden: ["a"], uploads: true, symlinks: "follow" }),
      { uploads: true, symlinks: "follow" },
    )
  })
})
