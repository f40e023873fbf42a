import { defineConfig } from 'vitest/config';

// scripts/test.mjs says as whom the tests run, and whether another run takes those that run once.
const otherPerson = process.env.GUESTHOUSE_TEST_AS === 'user' ? 'root' : 'user';
const once = process.env.GUESTHOUSE_TEST_AGAIN ? ['**/*.once.int.test.ts'] : [];

// Two kinds of tests. Unit tests touch nothing but memory and temporary files. Integration tests (*.int.test.ts) start
// QEMU, FUSE, mmdebstrap or sshd: one file at a time, since they share the machine's processors.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // Read as text by a test of its colours; other style sheets are left out.
          css: { include: [/tokens\.css/] },
          include: ['{shared,electron,renderer,scripts,bench}/**/*.test.{ts,tsx}'],
          exclude: ['**/*.int.test.ts', '**/node_modules/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // What is waited for comes late on a busy machine; the default is a second.
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{shared,electron,scripts}/**/*.int.test.ts'],
          exclude: [`**/*.${otherPerson}.int.test.ts`, ...once, '**/node_modules/**'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 600_000,
          expect: { poll: { timeout: 20_000 } },
          // A guest left running by a failed test must not fail the next: each file has a process of its own.
          pool: 'forks',
        },
      },
    ],
  },
});
