import { expect, test } from 'vitest';
import { document } from '../support/project.js';

interface Locked {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

test('the lock file names the packages of every platform, or npm ci refuses on a machine with an empty cache', () => {
  const { packages } = JSON.parse(document('package-lock.json')) as { packages: Record<string, Locked> };
  const wanted = Object.entries(packages).flatMap(([parent, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).map((name) => [`node_modules/${name}`, `${parent}/node_modules/${name}`]),
  );

  expect(wanted.length).toBeGreaterThan(20);
  expect(wanted.filter((places) => !places.some((place) => packages[place]?.version))).toEqual([]);
});

test('versions are exact, so that two machines get the same packages', () => {
  const { dependencies, devDependencies } = JSON.parse(document('package.json')) as Record<
    string,
    Record<string, string>
  >;

  for (const version of Object.values({ ...dependencies, ...devDependencies }))
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});
