import { assert, describe, it } from "@effect/vitest"
import {
  AdminLogin,
  linkMillis,
  maxLinks,
  maxSessions,
  sessionMillis,
} from "../../../../src/relay/admin/core/AdminLogin.ts"

describe("login links and sessions", () => {
  it("are valid until they expire", () => {
    const login = AdminLogin.make()
    assert.isDefined(login.enter(login.newLink(0), linkMillis - 1))
    assert.isUndefined(login.enter(login.newLink(0), linkMillis))
    const session = login.enter(login.newLink(0), 0) ?? ""
    assert.isTrue(login.isSession(session, sessionMillis - 1))
    assert.isFalse(login.isSession(session, sessionMillis))
  })

  it("are not interchangeable", () => {
    const login = AdminLogin.make()
    const link = login.newLink(0)
    assert.isFalse(login.isSession(link, 0))
    assert.isUndefined(login.enter(login.enter(link, 0) ?? "", 0))
  })

  it("are limited in number: a new one replaces the oldest", () => {
    const login = AdminLogin.make()
    const links = Array.from({ length: maxLinks + 1 }, () => login.newLink(0))
    assert.deepStrictEqual(
      links.map((link) => login.enter(link, 0) !== undefined),
      [false, ...links.slice(1).map(() => true)],
    )
    const sessions = Array.from({ length: maxSessions + 1 }, () => login.enter(login.newLink(0), 0))
    assert.isFalse(login.isSession(sessions[0] ?? "", 0))
    assert.isTrue(login.isSession(sessions[1] ?? "", 0))
  })
})
