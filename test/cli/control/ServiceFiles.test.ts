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
    assert.include(unit, "SyslogIdentifier=ptth-share-3000\n")
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
  [["share", "--relay", "http://r", "--ticket", "attic.x", "./Pictures"], "ptth-share-pictures"],
  [["share", "--uploads", "./Inbox"], "ptth-share-inbox"],
  [["--log-level"], "ptth"],
])("the name for %j is %s", (args, name) => {
  assert.strictEqual(ServiceFiles.nameFor(args), name)
})

it("a task of the system runs as a user who need not log on", () => {
  const task = ServiceFiles.windowsTask({ ...options, systemUser: "PC\\Me & You" })
  assert.include(task, "<Triggers><BootTrigger/></Triggers>")
  assert.include(task, "<UserId>PC\\Me &amp; You</UserId>")
  assert.include(task, "<LogonType>S4U</LogonType>")
  assert.notInclude(ServiceFiles.windowsTask(options), "<Principals>")
})

it.each([
  ["systemd", false, "/home/me", {}, "/home/me/.config/systemd/user"],
  ["systemd", false, "/home/me", { XDG_CONFIG_HOME: "/cfg" }, "/cfg/systemd/user"],
  ["systemd", true, "/home/me", {}, "/etc/systemd/system"],
  ["launchd", false, "/Users/me", {}, "/Users/me/Library/LaunchAgents"],
  ["launchd", true, "/Users/me", {}, "/Library/LaunchDaemons"],
  [
    "windows",
    false,
    "C:\\Users\\me",
    { LOCALAPPDATA: "C:\\Users\\me\\AppData\\Local" },
    "C:\\Users\\me\\AppData\\Local\\ptth\\services",
  ],
  ["windows", false, "C:\\Users\\me", {}, "C:\\Users\\me\\ptth\\services"],
] as const)(
  "files of %s, of the system: %s, are where it looks for them",
  (manager, isSystem, home, env, folder) => {
    assert.strictEqual(ServiceFiles.folderFor(manager, isSystem, home, env).folder, folder)
  },
)

it("the log of launchd is in the folder for logs", () => {
  assert.strictEqual(
    ServiceFiles.logFileFor("ptth-share", false, "/Users/me"),
    "/Users/me/Library/Logs/ptth-share.log",
  )
  assert.strictEqual(
    ServiceFiles.logFileFor("ptth-share", true, "/Users/me"),
    "/Library/Logs/ptth-share.log",
  )
})

it("each platform has a manager of services", () => {
  assert.deepEqual((["linux", "darwin", "win32"] as const).map(ServiceFiles.managerOf), [
    "systemd",
    "launchd",
    "windows",
  ])
})

it.each([
  ["PTTH_RELAY", true],
  ["https_proxy", true],
  ["XDG_STATE_HOME", true],
  ["NODE_EXTRA_CA_CERTS", true],
  ["XDG_RUNTIME_DIR", false],
  ["PATH", false],
])("the variable %s changes what a service does: %s", (name, isUsed) => {
  assert.strictEqual(ServiceFiles.isUsedVariable(name), isUsed)
})
