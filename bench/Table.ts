/**
 * Rows of tables in Markdown: the first column is text, the others are numbers.
 */

/** One row, with its line break. */
export const row = (cells: ReadonlyArray<string | number>): string => `| ${cells.join(" | ")} |\n`

/** The row of names, and the rule below it. */
export const heading = (names: ReadonlyArray<string>): string =>
  row(names) + row(names.map((_, i) => (i === 0 ? "---" : "---:")))

/** Prints one row. */
export const printRow = (cells: ReadonlyArray<string | number>): void => {
  process.stdout.write(row(cells))
}

/** Prints an empty line and the heading of a table. */
export const printHeading = (names: ReadonlyArray<string>): void => {
  process.stdout.write(`\n${heading(names)}`)
}
