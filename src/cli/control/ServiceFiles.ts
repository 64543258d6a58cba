/**
 * The files by which the manager of services of an operating system starts a
 * command line at each start of the machine or session: a unit of systemd, a
 * property list of launchd, or a task of Windows.
 */
import { posix, win32 } from "node:path"

/** Which manager of services. */
export type Manager = "systemd" | "launchd" | "windows"

/** The manager of a platform of Node. */
export const managerOf = (platform: NodeJS.Platform): Manager =>
  platform === "darwin" ? "launchd" : platform === "win32" ? "windows" : "systemd"

/** What is started, and how. */
export interface ServiceOptions {
  /** The service's name, which begins with `ptth-`. */
  readonly name: string
  /** The program with all its arguments. */
  readonly command: ReadonlyArray<string>
  /** The folder in which it runs. */
  readonly folder: string
  /** The user as whom a service of the system runs; `undefined` for a service of the user. */
  readonly systemUser: string | undefined
  /** The file of its log, where the manager has no log of its own. */
  readonly logFile: string
}

/** Whether a variable of the environment changes what a command line does: its settings, its folders, or its way out. */
export const isUsedVariable = (name: string): boolean =>
  /^(?:PTTH_\w+|(?:HTTPS?|ALL|NO)_PROXY|XDG_(?:STATE|CONFIG)_HOME|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS|OTEL_\w+)$/i.test(
    name,
  )

/** A line that marks files of this command. */
export const mark = "Written by `ptth service install`."

/** An argument of systemd's `ExecStart` (systemd.service(5), Command lines). */
const unitArgument = (text: string): string => {
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("%", "%%")
    .replaceAll("$", "$$$$")
    .replaceAll("\n", "\\n")
  return /^[\w@%+=:,./-]+$/.test(escaped) ? escaped : `"${escaped}"`
}

/** A unit; of the system if there is a user for it. */
export const systemdUnit = ({ command, folder, name, systemUser }: ServiceOptions): string =>
  [
    `# ${mark}`,
    "[Unit]",
    `Description=PTTH (${name})`,
    "Documentation=https://www.npmjs.com/package/ptth",
    ...(systemUser === undefined
      ? []
      : ["Wants=network-online.target", "After=network-online.target"]),
    "",
    "[Service]",
    "Type=exec",
    `ExecStart=${command.map(unitArgument).join(" ")}`,
    "ExecReload=/bin/kill -HUP $MAINPID",
    `WorkingDirectory=${folder.replaceAll("%", "%%")}`,
    ...(systemUser === undefined ? [] : [`User=${systemUser}`]),
    "# A wrong command line or configuration (exit 2) does not become right by trying again.",
    "Restart=always",
    "RestartSec=1s",
    "RestartPreventExitStatus=2",
    "TimeoutStopSec=45s",
    "NoNewPrivileges=yes",
    "# In the log it is not called node.",
    `SyslogIdentifier=${name}`,
    "",
    "[Install]",
    `WantedBy=${systemUser === undefined ? "default.target" : "multi-user.target"}`,
    "",
  ].join("\n")

const xml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** A property list of launchd (launchd.plist(5)); not tested on macOS. */
export const launchdList = ({
  command,
  folder,
  logFile,
  name,
  systemUser,
}: ServiceOptions): string =>
  [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    `<!-- ${mark} Not tested on macOS. -->`,
    '<plist version="1.0">',
    "<dict>",
    `  <key>Label</key><string>${xml(name)}</string>`,
    "  <key>ProgramArguments</key>",
    "  <array>",
    ...command.map((argument) => `    <string>${xml(argument)}</string>`),
    "  </array>",
    `  <key>WorkingDirectory</key><string>${xml(folder)}</string>`,
    ...(systemUser === undefined
      ? []
      : [`  <key>UserName</key><string>${xml(systemUser)}</string>`]),
    "  <key>RunAtLoad</key><true/>",
    "  <key>KeepAlive</key><true/>",
    `  <key>StandardErrorPath</key><string>${xml(logFile)}</string>`,
    "</dict>",
    "</plist>",
    "",
  ].join("\n")

/** An argument on a command line of Windows, as `CommandLineToArgvW` reads it. */
const windowsArgument = (text: string): string =>
  /^[^\s"]+$/.test(text)
    ? text
    : `"${text.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`

/** As whom a task runs that starts before anybody has logged on; without a password, by S4U. */
const principalOf = (user: string | undefined): ReadonlyArray<string> =>
  user === undefined
    ? []
    : [
        "  <Principals>",
        '    <Principal id="Author">',
        `      <UserId>${xml(user)}</UserId>`,
        "      <LogonType>S4U</LogonType>",
        "    </Principal>",
        "  </Principals>",
      ]

/** A task of the Task Scheduler, started at log-on or at the start of the machine; not tested on Windows. */
export const windowsTask = ({ command, folder, name, systemUser }: ServiceOptions): string => {
  const [program = "", ...args] = command
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<!-- ${mark} Not tested on Windows. -->`,
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">',
    `  <RegistrationInfo><Description>PTTH (${xml(name)})</Description></RegistrationInfo>`,
    `  <Triggers>${systemUser === undefined ? "<LogonTrigger/>" : "<BootTrigger/>"}</Triggers>`,
    ...principalOf(systemUser),
    "  <Settings>",
    "    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>",
    "    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>",
    "    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>",
    "    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>",
    "  </Settings>",
    "  <Actions>",
    "    <Exec>",
    `      <Command>${xml(program)}</Command>`,
    `      <Arguments>${xml(args.map(windowsArgument).join(" "))}</Arguments>`,
    `      <WorkingDirectory>${xml(folder)}</WorkingDirectory>`,
    "    </Exec>",
    "  </Actions>",
    "</Task>",
    "",
  ].join("\n")
}

/** The text of the file for a manager. */
export const textFor = (manager: Manager, options: ServiceOptions): string =>
  manager === "systemd"
    ? systemdUnit(options)
    : manager === "launchd"
      ? launchdList(options)
      : windowsTask(options)

/** Where files of services are. */
export interface ServiceFolder {
  readonly folder: string
  readonly ending: string
}

/** The folder of a manager's files, of the system or of a user with this home folder. */
export const folderFor = (
  manager: Manager,
  isSystem: boolean,
  home: string,
  env: { readonly [name: string]: string | undefined },
): ServiceFolder => {
  switch (manager) {
    case "systemd": {
      const config = env.XDG_CONFIG_HOME || posix.join(home, ".config")
      const folder = isSystem ? "/etc/systemd/system" : posix.join(config, "systemd", "user")
      return { folder, ending: ".service" }
    }
    case "launchd":
      return {
        folder: isSystem ? "/Library/LaunchDaemons" : posix.join(home, "Library", "LaunchAgents"),
        ending: ".plist",
      }
    case "windows":
      return {
        folder: win32.join(env.LOCALAPPDATA || home, "ptth", "services"),
        ending: ".xml",
      }
  }
}

/** The file of a service's log with launchd. */
export const logFileFor = (name: string, isSystem: boolean, home: string): string =>
  posix.join(isSystem ? "/" : home, "Library", "Logs", `${name}.log`)

/** The command and what it is about: the first word behind it that is not the value of a flag, if there is one. */
const namingWords = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const words = args.flatMap((word, index) =>
    word.startsWith("-") ? [] : [{ word, isValue: args[index - 1]?.startsWith("--") === true }],
  )
  const [command, ...others] = words
  const subject = others.find(({ isValue }) => !isValue) ?? others.at(-1)
  return [command, subject].flatMap((one) => (one === undefined ? [] : [one.word]))
}

/** The name of a service for a command line, such as `ptth-share-3000`. */
export const nameFor = (args: ReadonlyArray<string>): string => {
  const text = namingWords(args)
    .map((word) => word.replaceAll(/[^A-Za-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, ""))
    .filter((word) => word !== "")
    .join("-")
    .toLowerCase()
    .slice(0, 60)
  return text === "" ? "ptth" : `ptth-${text}`
}
