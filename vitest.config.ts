import { defineConfig } from 'vitest/config';

/** `unit` needs nothing; `system` gets one throw-away PostgreSQL for all and the built binary. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    // A process and all modules anew for each file were a twentieth of the work; no test replaces a module.
    isolate: false,
    // The built program is loaded as it is.
    server: { deps: { external: [/\/dist\//] } },
    // On a loaded build server a process may be late once; what fails twice is broken.
    retry: process.env['CI'] ? 1 : 0,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000 },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/{contract,system,cli,library}/**/*.test.ts'],
          globalSetup: ['test/support/postgres-cluster.ts', 'test/support/built-binary.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
