import { defineConfig } from '@playwright/test';

// The real Electron, one at a time: windows share the display's focus, and guests the processors.
export default defineConfig({
  testDir: '.',
  testMatch: '**/*.e2e.ts',
  testIgnore: [
    process.env.GUESTHOUSE_TEST_AS === 'user' ? '**/*.root.e2e.ts' : '**/*.user.e2e.ts',
    ...(process.env.GUESTHOUSE_TEST_AGAIN ? ['**/*.once.e2e.ts'] : []),
  ],
  outputDir: '../test-results/window',
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  timeout: 600_000,
  expect: { timeout: 30_000 },
  reporter: [['line']],
});
