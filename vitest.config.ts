import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Short files that take long: on a machine that has not timed them yet, vitest would start them last, for their size. */
const LONG =
  /(program\/(killed|faults)|demo\/demo(-ends)?|backup\/(lock-matrix|two-at-once|full-disk)|mfa\/kill)\.test\.ts$/;

/** Long files first, so that both workers end together. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => LONG.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

/** One throw-away PostgreSQL for all, and the built binary. */
const REAL = {
  globalSetup: ['test/support/memory-disk.ts', 'test/support/postgres-cluster.ts', 'test/support/built-binary.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

/** `unit` needs nothing. `system` proves every promise once; `sweep` repeats promises at many moments, in many states. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    // A process and all modules anew for each file were a twentieth of the work; no test replaces a module.
    isolate: false,
    // The built program is loaded as it is.
    server: { deps: { external: [/\/dist\//] } },
    provide: { sweep: false },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          globalSetup: ['test/support/memory-disk.ts'],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: { name: 'system', include: ['test/{contract,system,cli,library}/**/*.test.ts'], ...REAL },
      },
      {
        extends: true,
        test: {
          name: 'sweep',
          include: ['test/sweep/**/*.test.ts'],
          provide: { sweep: true },
          ...REAL,
          testTimeout: 300_000,
        },
      },
    ],
  },
});
