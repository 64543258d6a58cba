/**
 * What the process makes of its name and of signals, on each platform.
 */
import { assert, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import { argumentsOf } from "../../src/cli/Main.ts"
import { endsByHangUp, outcome } from "../../src/cli/RunMain.ts"

it.each([
  ["/usr/bin/ptth_relay", "relay"],
  ["/opt/ptth/dist/ptth_file_server.js", "fileserver"],
  ["C:\\Program Files\\PTTH\\ptth_server.exe", "server"],
  ["ptth_relay.EXE", "relay"],
])("%s is `ptth %s`", (program, subcommand) => {
  assert.deepEqual(argumentsOf(["node", program, "--help"]), [subcommand, "--help"])
})

it.each(["/usr/bin/ptth", "C:\\ptth_server\\ptth.exe"])("%s implies no command", (program) => {
  assert.deepEqual(argumentsOf(["node", program, "relay"]), ["relay"])
})

it("SIGHUP ends a process that does not reload by it, and any on Windows", () => {
  assert.isTrue(endsByHangUp(1, "linux"))
  assert.isFalse(endsByHangUp(2, "linux"))
  assert.isTrue(endsByHangUp(2, "win32"))
})

it("says that the folder in which the command was started is gone", () => {
  const error = Object.assign(new Error("process.cwd failed"), {
    code: "ENOENT",
    syscall: "uv_cwd",
  })
  const { code, line } = outcome(Exit.die(error))
  assert.strictEqual(code, 3)
  assert.match(line ?? "", /^PTTH_FOLDER_GONE: [^\n]+$/)
})
