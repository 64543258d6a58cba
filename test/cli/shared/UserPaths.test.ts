/**
 * Where the user's files are, by the rules of each platform.
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as UserPaths from "../../../src/cli/shared/UserPaths.ts"
import { temporaryFolder } from "../../support/temporaryFolder.ts"

describe("on Windows", () => {
  const env = {
    APPDATA: "C:\\Users\\me\\AppData\\Roaming",
    LOCALAPPDATA: "C:\\Users\\me\\AppData\\Local",
    XDG_CONFIG_HOME: "/cfg",
  }

  it("the user's files are below APPDATA and LOCALAPPDATA", () => {
    assert.strictEqual(
      UserPaths.configFolder(env, "win32"),
      "C:\\Users\\me\\AppData\\Roaming\\ptth",
    )
    assert.strictEqual(UserPaths.stateFolder(env, "win32"), "C:\\Users\\me\\AppData\\Local\\ptth")
  })

  it("a variable counts only with an absolute path", () => {
    const { APPDATA, ...others } = env
    for (const variables of [others, { ...env, APPDATA: "Roaming" }]) {
      assert.notInclude(UserPaths.configFolder(variables, "win32"), "Roaming")
      assert.match(UserPaths.configFolder(variables, "win32"), /\\\.config\\ptth$/)
    }
  })

  it("a shared folder does not show the keys below it, by patterns with slashes", () => {
    assert.deepEqual(UserPaths.keyPatterns("C:\\Users\\me", env, "win32"), [
      "/AppData/Roaming/ptth",
      "/AppData/Local/ptth",
    ])
    assert.deepEqual(UserPaths.keyPatterns("c:\\users\\ME\\AppData\\Local", env, "win32"), [
      "/ptth",
    ])
    assert.deepEqual(UserPaths.keyPatterns("D:\\", env, "win32"), [])
  })
})

describe("on other systems", () => {
  const env = { XDG_CONFIG_HOME: "/home/me/cfg", XDG_STATE_HOME: "/home/me/[state]" }

  it("the user's files are where the XDG Base Directory Specification puts them", () => {
    assert.strictEqual(UserPaths.configFolder(env, "linux"), "/home/me/cfg/ptth")
    assert.strictEqual(UserPaths.stateFolder(env, "darwin"), "/home/me/[state]/ptth")
    assert.match(UserPaths.stateFolder({}, "linux"), /\/\.local\/state\/ptth$/)
  })

  it("files with keys are those of all shares, also of a key that is being replaced", () => {
    const home = { XDG_CONFIG_HOME: "/elsewhere", XDG_STATE_HOME: temporaryFolder() }
    const shares = UserPaths.sharesFolder(home)
    mkdirSync(shares, { recursive: true })
    for (const name of ["a.toml", "a.toml.next", "notes.txt"])
      writeFileSync(`${shares}/${name}`, "")
    assert.sameMembers([...UserPaths.keyFiles(home)], [`${shares}/a.toml`, `${shares}/a.toml.next`])
  })

  it("patterns for the keys below a shared folder match just their paths", () => {
    assert.deepEqual(UserPaths.keyPatterns("/home/me", env, "linux"), [
      "/cfg/ptth",
      "/\\[state\\]/ptth",
    ])
    assert.deepEqual(UserPaths.keyPatterns("/srv", env, "linux"), [])
  })

  it("and so they do where the home is shared by another path", () => {
    const folder = temporaryFolder()
    mkdirSync(`${folder}/real/me`, { recursive: true })
    symlinkSync("real", `${folder}/home`)
    const home = { XDG_CONFIG_HOME: `${folder}/home/me/.config`, XDG_STATE_HOME: "/elsewhere" }
    for (const root of [`${folder}/real/me`, `${folder}/home/me`])
      assert.deepEqual(UserPaths.keyPatterns(root, home), ["/.config/ptth"])
  })
})
