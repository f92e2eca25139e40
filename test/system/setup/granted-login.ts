import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { expect } from 'vitest';
import { connect, inMaintenance, type TestDatabase } from '../../support/database.js';
import type { Ran } from '../../support/run-cli.js';
import { potctlHere as potctl } from '../../support/run-main.js';

/** A login with exactly what `grants sql` prints. */
export interface GrantedLogin {
  readonly name: string;
  /** What was printed, and run by the owner. */
  readonly sql: string;
  readonly as: pg.Client;
  /** `potctl` as this login. */
  run(args: readonly string[], stdin?: string): Promise<Ran>;
  /** The login goes, and the database with it. */
  end(): Promise<void>;
}

/** Makes one for `role` in a database where potctl is set up. */
export async function grantedLogin(
  database: TestDatabase,
  role: string,
  { name = `t_${randomBytes(6).toString('hex')}`, config = [] as readonly string[] } = {},
): Promise<GrantedLogin> {
  const env = { PGDATABASE: database.name };
  const printed = await potctl(['grants', 'sql', '--role', role, '-q'], { env });
  expect(printed).toMatchObject({ exitCode: 0, stderr: '' });
  await database.client.query(printed.stdout);
  await inMaintenance((client) => client.query(`create role ${name} login in role potctl_${role}`));
  const as = await connect(database.name, { user: name });
  return {
    ...{ name, as, sql: printed.stdout },
    run: (args, stdin = '') => potctl([...args, ...config], { env: { ...env, PGUSER: name }, stdin }),
    async end() {
      await as.end();
      await database.drop();
      await inMaintenance((client) => client.query(`drop role ${name}`));
      // Another database of the run may still name the role; then it stays, and the cluster goes with the run.
      await inMaintenance((client) => client.query(`drop role potctl_${role}`)).catch(() => {});
    },
  };
}
