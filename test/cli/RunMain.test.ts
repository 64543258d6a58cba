/**
 * What the process makes of its name and of signals, on each platform.
 */
import { assert, it } from "@effect/vitest"
import { argumentsOf } from "../../src/cli/Main.ts"
import { endsByHangUp } from "../../src/cli/RunMain.ts"

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
