/**
 * Lines that stay below other output.
 */
import { assert, describe, it } from "@effect/vitest"
import { type AreaStream, LiveArea } from "../../../src/cli/terminal/LiveArea.ts"
import { TerminalScreen } from "../../support/TerminalScreen.ts"

const setting = (columns = 40) => {
  const screen = new TerminalScreen(columns)
  const other = { ...streamOf(screen) }
  let lines: ReadonlyArray<string> = ["address", "state"]
  const area = new LiveArea(screen as unknown as AreaStream, [other as AreaStream], () => lines)
  return {
    screen,
    other,
    area,
    show: (...next: ReadonlyArray<string>) => {
      lines = next
      area.update()
    },
  }
}

/** A second stream to the same terminal, such as standard error. */
const streamOf = (screen: TerminalScreen) => ({
  write: (chunk: string) => screen.write(chunk),
  on: () => {},
  off: () => {},
})

describe("the lines", () => {
  it("stay below what the process writes, on either stream", () => {
    const { area, other, screen } = setting()
    screen.write("banner\n")
    area.open()
    assert.strictEqual(screen.text, "banner\naddress\nstate")
    screen.write("one\n")
    other.write("two\n")
    assert.strictEqual(screen.text, "banner\none\ntwo\naddress\nstate")
  })

  it("change in place, also in number", () => {
    const { area, screen, show } = setting()
    area.open()
    show("running", "address", "state 2")
    assert.strictEqual(screen.text, "running\naddress\nstate 2")
    show("state 3")
    assert.strictEqual(screen.text, "state 3")
    area.update(["a request", "another"])
    assert.strictEqual(screen.text, "a request\nanother\nstate 3")
  })

  it("wait while a line is not ended", () => {
    const { area, screen } = setting()
    area.open()
    screen.write("Password: ")
    assert.strictEqual(screen.text, "Password:")
    screen.write("\n")
    assert.strictEqual(screen.text, "Password: \naddress\nstate")
  })

  it("are erased whole after the terminal has become narrower and has broken them", () => {
    const { area, screen, show } = setting(40)
    area.open()
    show("x".repeat(38), "state")
    screen.narrowTo(20)
    assert.strictEqual(screen.text, `${"x".repeat(20)}\n${"x".repeat(18)}\nstate`)
    area.close()
    assert.strictEqual(screen.text, "")
  })

  it("are gone after the end, and the streams are as before", () => {
    const { area, other, screen } = setting()
    const before = other.write
    area.open()
    assert.notStrictEqual(other.write, before)
    area.close()
    assert.strictEqual(other.write, before)
    screen.write("Still stopping\n")
    assert.strictEqual(screen.text, "Still stopping")
    area.update(["too late"])
    assert.strictEqual(screen.text, "Still stopping")
  })
})
