/**
 * The parts of a benchmark, of which its arguments name those to run.
 */

/** Whether a part is to run: without arguments all are. Ends the process if an argument is none of them. */
export const wantedOf = <Part extends string>(
  parts: ReadonlyArray<Part>,
): ((part: Part) => boolean) => {
  const asked = process.argv.slice(2)
  const unknown = asked.find((name) => !parts.some((part) => part === name))
  if (unknown !== undefined) {
    process.stderr.write(
      `No part "${unknown}": name some of ${parts.join(", ")}, or none for all.\n`,
    )
    process.exit(2)
  }
  return (part) => asked.length === 0 || asked.includes(part)
}
