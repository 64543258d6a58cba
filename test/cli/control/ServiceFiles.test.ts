/**
 * The files of services for each manager.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ServiceFiles from "../../../src/cli/control/ServiceFiles.ts"

const options: ServiceFiles.ServiceOptions = {
  name: "ptth-share-3000",
  command: ["/usr/bin/node", "/opt/my ptth/bin.js", "share", 'a "b" 100% $HOME \\ <&>'],
  folder: "/home/me/50% done",
  systemUser: undefined,
  logFile: "/home/me/Library/Logs/ptth.log",
}

describe("the unit of systemd", () => {
  it("quotes its command line, so that nothing in it is expanded", () => {
    const unit = ServiceFiles.systemdUnit(options)
    assert.include(
      unit,
      'ExecStart=/usr/bin/node "/opt/my ptth/bin.js" share "a \\"b\\" 100%% $$HOME \\\\ <&>"\n',
    )
    assert.include(unit, "WorkingDirectory=/home/me/50%% done\n")
    assert.include(unit, "WantedBy=default.target\n")
    assert.notInclude(unit, "User=")
  })

  it("of the system runs as a user, after the network is there", () => {
    const unit = ServiceFiles.systemdUnit({ ...options, systemUser: "ptth" })
    assert.include(unit, "User=ptth\n")
    assert.include(unit, "After=network-online.target\n")
    assert.include(unit, "WantedBy=multi-user.target\n")
  })
})

it("the property list of launchd escapes its texts", () => {
  const list = ServiceFiles.launchdList(options)
  assert.include(list, '<string>a "b" 100% $HOME \\ &lt;&amp;&gt;</string>')
  assert.include(list, "Not tested on macOS")
})

it("the task of Windows quotes its arguments as programs there read them", () => {
  const task = ServiceFiles.windowsTask({
    ...options,
    command: ["C:\\Program Files\\ptth.exe", "share", "C:\\My Pictures\\", 'say "x"'],
  })
  assert.include(task, "<Command>C:\\Program Files\\ptth.exe</Command>")
  assert.include(task, '<Arguments>share "C:\\My Pictures\\\\" "say \\"x\\""</Arguments>')
})

it.each([
  [["share", "3000"], "ptth-share-3000"],
  [["share", "./My Pictures", "--name", "x"], "ptth-share-my-pictures"],
  [["relay", "--config-path", "/etc/ptth/r.toml"], "ptth-relay-etc-ptth-r-toml"],
  [["--log-level"], "ptth"],
])("the name for %j is %s", (args, name) => {
  assert.strictEqual(ServiceFiles.nameFor(args), name)
})
