import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/** What `potctl grants sql` makes is a role of its own, which somebody reads and runs on purpose. */
const OWN_ROLES = 'src/grants/grants-sql.ts';

test('no printed advice suggests membership in a superuser or in a predefined role', () => {
  const files = ['src', 'commands', 'runbook'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => path.join(folder, file)),
  );
  const texts = [...files, 'README.md'].filter((file) => /\.(ts|md)$/.test(file) && file !== OWN_ROLES);
  const found = texts.flatMap((file) =>
    [
      ...readFileSync(file, 'utf8').matchAll(
        /\bgrant\s+"?(pg_[a-z_]+|postgres)\b.*|\balter role\b.*\bsuperuser\b.*|createuser (-s|--superuser).*/gi,
      ),
    ].map(([line]) => `${file}: ${line}`),
  );
  expect(found).toEqual([]);
});
