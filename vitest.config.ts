import { defineConfig } from "vitest/config"
import { TallyReporter } from "./scripts/TallyReporter.ts"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ["default", new TallyReporter()],
  },
})
