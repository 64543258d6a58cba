/**
 * The files of `deploy/` that no other test starts: as far as they can be
 * checked without running as root or building an image.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as RuntimeFolder from "../../src/cli/control/RuntimeFolder.ts"
import { temporaryFolder } from "../support/temporaryFolder.ts"

const project = fileURLToPath(new URL("../..", import.meta.url))
const deployed = (name: string): string => readFileSync(join(project, "deploy", name), "utf8")

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).error === undefined

/** The units with a program that exists, since what they name is not installed here. */
const units = (): string => {
  const folder = temporaryFolder()
  for (const unit of ["ptth-relay.service", "ptth-server.service", "ptth-relay.socket"])
    writeFileSync(join(folder, unit), deployed(unit).replaceAll("/usr/bin/ptth", process.execPath))
  return folder
}

describe.skipIf(!hasSystemd)(
  `systemd's units${hasSystemd ? "" : " (skipped: systemd-analyze is not installed)"}`,
  () => {
    it("are valid, the port's together with the relay's", () => {
      const folder = units()
      const { status, stderr } = spawnSync(
        "systemd-analyze",
        [
          "verify",
          "--recursive-errors=no",
          "./ptth-relay.service",
          "./ptth-server.service",
          "./ptth-relay.socket",
        ],
        { cwd: folder, encoding: "utf8" },
      )
      assert.notMatch(stderr, /ptth-/)
      assert.strictEqual(status, 0)
    })

    it.each(["ptth-relay.service", "ptth-server.service"])("%s exposes little", (unit) => {
      const said = execFileSync("systemd-analyze", ["security", "--offline=true", `./${unit}`], {
        cwd: units(),
        encoding: "utf8",
      })
      const exposure = /exposure level for \S+: ([\d.]+)/.exec(said)?.[1]
      assert.isBelow(Number(exposure), 2)
    })
  },
)

describe("the relay's unit", () => {
  const lines = deployed("ptth-relay.service").split("\n")

  it("has a folder for sockets that is the relay's alone, with a name by which commands find it", () => {
    const names = lines.flatMap((line) => /^RuntimeDirectory=(.*)$/.exec(line)?.[1] ?? [])
    assert.lengthOf(names, 1)
    assert.match(names[0] ?? "", RuntimeFolder.unitFolder)
    assert.include(lines, "RuntimeDirectoryMode=0700")
  })

  it("reloads and is rolled by signals to the supervisor alone", () => {
    assert.include(lines, "ExecReload=/bin/kill -HUP $MAINPID")
    assert.isTrue(lines.some((line) => /^# .*--signal=USR2 --kill-whom=main/.test(line)))
  })
})

describe("the Dockerfile", () => {
  const lines = deployed("Dockerfile")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => /^[A-Z]+ /.test(line))
  const ignored = deployed("Dockerfile.dockerignore").trim().split("\n")

  it("copies only what is there, and what is let into the build", () => {
    const copies = lines.filter((line) => /^COPY (?!--from)/.test(line))
    assert.isAbove(copies.length, 2)
    for (const file of copies.flatMap((line) => line.split(" ").slice(1, -1))) {
      assert.isTrue(existsSync(join(project, file)), file)
      assert.include(ignored, `!${file}`)
    }
    assert.strictEqual(ignored[0], "*")
  })

  it("runs as nobody in particular, in several stages, and is asked for its health", () => {
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith("FROM ")))
    assert.isAbove(lines.filter((line) => line.startsWith("FROM ")).length, 1)
    assert.include(last, "USER node")
    assert.isTrue(
      last.some((line) => line.startsWith("HEALTHCHECK ") && line.includes('"healthcheck"')),
    )
    assert.isFalse(last.some((line) => /^(?:COPY|RUN) .*\bsrc\b/.test(line)))
  })
})
