import { defineConfig } from "vitest/config"
import { TallyReporter } from "./scripts/TallyReporter.ts"

/** What runs: all tests, or with `--mode hostile` the hostile ones with their long half. */
export default defineConfig(({ mode }) => ({
  test: {
    include: mode === "hostile" ? ["test/hostile/**/*.{test,long}.ts"] : ["test/**/*.test.ts"],
    testTimeout: mode === "hostile" ? 300_000 : 30_000,
    hookTimeout: 30_000,
    reporters: ["default", new TallyReporter()],
  },
}))
