/**
 * Says at the end of a test run, in one plain line, how many tests passed and
 * how many failed. A file that cannot be run and an error outside of every
 * test count as failed tests.
 */
import type { Reporter, SerializedError, TestModule } from "vitest/node"

/** See the file's header. */
export class TallyReporter implements Reporter {
  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandledErrors: ReadonlyArray<SerializedError>,
  ): void {
    let passed = 0
    let skipped = 0
    let failed = unhandledErrors.length
    for (const module of modules) {
      failed += module.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === "passed") passed += 1
        else if (state === "skipped") skipped += 1
        else failed += 1
      }
      for (const suite of module.children.allSuites()) failed += suite.errors().length
    }
    if (skipped > 0) process.stdout.write(`${skipped} skipped\n`)
    process.stdout.write(`${passed} passed, ${failed} failed\n`)
  }
}
