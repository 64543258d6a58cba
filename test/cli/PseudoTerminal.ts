/**
 * Runs the command in a terminal of its own, which `script` of util-linux makes.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { isInstalled } from "../support/Proxies.ts"
import { bin } from "./Command.ts"

/** Whether there are terminals for tests. */
export const hasScript = process.platform === "linux" && isInstalled("script")

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Starts the command in a terminal of its own. Killing the process closes the terminal. */
export const inTerminal = (args: ReadonlyArray<string>, cwd: string) =>
  shellInTerminal(["echo pid=$$; exec", commandLine(args)].join(" "), cwd, { TERM: "dumb" })

/** The command as words of the shell. */
export const commandLine = (args: ReadonlyArray<string>): string =>
  [process.execPath, bin, ...args].map(quoted).join(" ")

/** Runs a line of the shell in a terminal of its own. */
export const shellInTerminal = (
  line: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
) => {
  const terminal = spawn("script", ["--quiet", "--return", "--command", line, "/dev/null"], {
    cwd,
    env: { ...process.env, SHELL: "/bin/sh", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  })
  let shown = ""
  terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text
  })
  const shows = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(shown)
        if (match !== null) resolve(match)
      }
      terminal.stdout.on("data", look)
      terminal.once("close", () => reject(new Error(`it ended without ${pattern}: ${shown}`)))
      look()
    })
  return {
    shows,
    type: (text: string) => terminal.stdin.write(text),
    close: () => terminal.kill("SIGKILL"),
    ended: once(terminal, "close").then(([code]) => ({ code: code as number | null, shown })),
  }
}

/** Starts the command with a live view, and shows the settings of the terminal when it has ended. */
export const live = (
  args: ReadonlyArray<string>,
  cwd: string,
  env: Readonly<Record<string, string>> = {},
) =>
  shellInTerminal(
    `stty cols 80 rows 24; ${commandLine(args)}; echo code=$?; stty -a; echo settings=done`,
    cwd,
    { TERM: "xterm-256color", LC_ALL: "C.UTF-8", NO_COLOR: "1", ...env },
  )
