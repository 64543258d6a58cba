/**
 * What the command says when it is asked, and when it is asked wrongly.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { bin, inFolder, run } from "./Command.ts"
import { callCommand } from "./callCommand.ts"

const oneLine = (text: string): string => {
  assert.match(text, /^[^\n]+\n$/)
  return text.trimEnd()
}

it("the version is the package's", async () => {
  const manifest = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  ) as {
    version: string
  }
  for (const args of [["--version"], ["-v"], ["relay", "--version"]]) {
    const { code, stderr, stdout } = await run(args)
    assert.strictEqual(stdout, `ptth ${manifest.version}\n`)
    assert.strictEqual(stderr, "")
    assert.strictEqual(code, 0)
  }
})

it("help goes to stdout and shows defaults and environment variables", async () => {
  const top = await run(["--help"])
  assert.strictEqual(top.code, 0)
  for (const name of ["dev", "relay", "server", "fileserver", "keygen", "hash-api-key", "check"]) {
    assert.match(top.stdout, new RegExp(`^  ${name} `, "m"))
  }
  const relay = await run(["relay", "--help"])
  assert.strictEqual(relay.code, 0)
  assert.strictEqual(relay.stderr, "")
  assert.match(
    relay.stdout,
    /--listen HOST:PORT .*default 127\.0\.0\.1:4000; env PTTH_RELAY_LISTEN/,
  )
  const server = await run(["server", "--help"])
  for (const flag of [
    "auto-gen-key",
    "throttle-upload",
    "file-server-root",
    "asset-root",
    "config-path",
    "name",
    "print-tripcode",
    "relay-url",
    "insecure",
    "symlinks",
    "hidden",
    "dotfiles",
    "trusted-content",
  ]) {
    assert.include(server.stdout, `--${flag}`)
  }
})

it("a mistyped flag is one line on stderr with a suggestion, and exit code 2", async () => {
  const { code, stderr, stdout } = await run(["relay", "--lisen", "127.0.0.1:0"])
  assert.strictEqual(stdout, "")
  assert.strictEqual(
    oneLine(stderr),
    "PTTH_USAGE: there is no flag --lisen. Did you mean --listen? See `ptth relay --help`.",
  )
  assert.strictEqual(code, 2)
})

it.each([
  [["fileserver", "--port", "8000"], "--port", "--listen HOST:PORT", "fileserver"],
  [["dev", "-p", "8000"], "-p", "--listen HOST:PORT", "dev"],
  [["server", "--port", "3000"], "--port", "--to PORT", "server"],
  [["share", "--port=3000"], "--port", "`ptth share PORT`", "share"],
])("%j names the flag that does the same here", async (args, flag, hint, command) => {
  const { code, stderr } = await callCommand(args)
  assert.strictEqual(
    oneLine(stderr),
    `PTTH_USAGE: there is no flag ${flag}. Did you mean ${hint}? See \`ptth ${command} --help\`.`,
  )
  assert.strictEqual(code, 2)
})

it.each([
  [["relya"], 'there is no command "relya". Did you mean `ptth relay`? See `ptth --help`.'],
  [
    ["approve", "attic", "x"],
    'there is no command "approve". Did you mean `ptth relay approve`? See `ptth --help`.',
  ],
  [
    ["approve", "--help"],
    'there is no command "approve". Did you mean `ptth relay approve`? See `ptth --help`.',
  ],
  [
    ["relay", "keygen", "--help"],
    'there is no command "keygen". Did you mean `ptth keygen`? See `ptth relay --help`.',
  ],
  [
    ["server", "keygen"],
    'Unexpected positional argument: "keygen". Did you mean `ptth keygen`? See `ptth server --help`.',
  ],
  [
    ["serve"],
    'there is no command "serve". Did you mean `ptth fileserver` or `ptth server`? See `ptth --help`.',
  ],
  [["--log-level", "debug", "qqq"], 'there is no command "qqq". See `ptth --help`.'],
])(
  "%j is one line on stderr that names the command that may be meant, and exit code 2",
  async (args, line) => {
    const { code, stderr, stdout } = await callCommand(args)
    assert.strictEqual(stdout, "")
    assert.strictEqual(oneLine(stderr), `PTTH_USAGE: ${line}`)
    assert.strictEqual(code, 2)
  },
)

it("a missing argument and an invalid value are usage errors as well", async () => {
  const missing = await callCommand(["check"])
  assert.match(oneLine(missing.stderr), /^PTTH_USAGE: .*FILE.*ptth check --help/)
  assert.strictEqual(missing.code, 2)
  const bad = await callCommand(["relay", "--listen", "nowhere"])
  assert.match(oneLine(bad.stderr), /^PTTH_USAGE: --listen: expected "HOST:PORT"/)
  assert.strictEqual(bad.code, 2)
  const port = await callCommand(["relay", "--port", "http"])
  assert.match(oneLine(port.stderr), /^PTTH_USAGE: --port: expected a port number/)
  assert.strictEqual(port.code, 2)
})

it.each(["bash", "zsh", "fish", "powershell"])("there are completions for %s", async (shell) => {
  const { code, stdout } = await callCommand(["--completions", shell])
  assert.strictEqual(code, 0)
  assert.include(stdout, "fileserver")
})

/** What bash offers for the last of these words. */
const completed = (folder: string, words: ReadonlyArray<string>): string => {
  const ask = `source ./completions
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=\${#COMP_LINE}
_ptth ptth "\${!#}" ""
printf '%s\n' "\${COMPREPLY[@]}"`
  const args = ["--noprofile", "--norc", "-c", ask, "bash", ...words]
  return execFileSync("bash", args, { cwd: folder, encoding: "utf8" })
}

it.skipIf(spawnSync("bash", ["--version"]).error !== undefined)(
  "bash completes files and folders where the command takes one",
  () =>
    inFolder(async (folder) => {
      const { stdout } = await callCommand(["--completions", "bash"])
      writeFileSync(join(folder, "completions"), stdout)
      mkdirSync(join(folder, "Pic tures"))
      writeFileSync(join(folder, "Relay.toml"), "")
      for (const words of [["share"], ["fileserver"], ["dev"], ["server", "--file-server-root"]])
        assert.include(completed(folder, ["ptth", ...words, "P"]), "Pic\\ tures")
      for (const words of [["check"], ["relay", "--config-path"], ["relay", "--tls-cert"]])
        assert.include(completed(folder, ["ptth", ...words, "R"]), "Relay.toml")
    }),
)

it("the program names of PTTH 2.x imply the subcommand", () =>
  inFolder(async (folder) => {
    for (const [name, flag] of [
      ["ptth_relay", "--public-url"],
      ["ptth_server", "--print-tripcode"],
      ["ptth_file_server", "--file-server-root"],
    ] as const) {
      const program = join(folder, name)
      symlinkSync(bin, program)
      const { code, stdout } = await run(["--help"], { program })
      assert.strictEqual(code, 0)
      assert.include(stdout, flag)
    }
  }))

it("a version of Node that is too old is reported in one line, before anything else is loaded", async () => {
  const pretend =
    'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })'
  const { code, stderr, stdout } = await run(["relay"], {
    node: ["--import", `data:text/javascript,${encodeURIComponent(pretend)}`],
  })
  assert.strictEqual(stdout, "")
  assert.match(oneLine(stderr), /^PTTH_NODE_TOO_OLD: Node 20\.20\.2: .*Node 24/)
  assert.strictEqual(code, 1)
})
