/**
 * Which command lines become a service, and what is said where there is no
 * systemd to start it.
 */
import { assert, it } from "@effect/vitest"
import * as RunService from "../../../src/cli/control/RunService.ts"
import { callCommand } from "../callCommand.ts"

const install = (...args: ReadonlyArray<string>) =>
  callCommand(["service", "install", "--manager", "systemd", "--print", "--", ...args])

it.each([
  ["share 3000", "share 3000"],
  ["ptth share 3000", "share 3000"],
  ["3000", "share 3000"],
  ["ptth ./Pictures", "share ./Pictures"],
  ["relay --domain relay.example.com", "relay --domain relay.example.com"],
])("`-- %s` is a service that runs `ptth %s`", async (line, started) => {
  const { code, stdout } = await install(...line.split(" "))
  assert.strictEqual(code, 0)
  const [, command = ""] = /^ExecStart=(.*)$/m.exec(stdout) ?? []
  assert.isTrue(command.endsWith(` ${started}`), command)
  assert.notMatch(command, /ptth ptth|share share/)
})

it.each([["keygen"], ["ptth status"], ["relay invite attic"], ["nonsense"], ["ptth"]])(
  "`-- %s` is refused, since it would be started again for ever",
  async (line) => {
    const { code, stderr, stdout } = await install(...line.split(" "))
    assert.deepStrictEqual([code, stdout], [2, ""])
    assert.match(stderr, /^PTTH_USAGE: ptth service install: .* goes on until it is stopped/)
  },
)

it("where systemd does not answer, it is said what to do", () => {
  const noBus = "Failed to connect to bus: No medium found"
  assert.match(`${RunService.remedyFor(noBus)}`, /as root with --system/)
  const user = "Failed to connect to user scope bus via local transport: No such file or directory"
  assert.match(`${RunService.remedyFor(user)}`, /as root with --system/)
  const other = "System has not been booted with systemd as init system (PID 1). Can't operate."
  assert.match(`${RunService.remedyFor(other)}`, /install --print/)
  assert.strictEqual(RunService.remedyFor("Unit x.service not found."), undefined)
})
