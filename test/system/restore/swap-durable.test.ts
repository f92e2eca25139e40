import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/kernel/clock.js';
import { swapDatabases } from '../../../src/restore/database/swap.js';
import { createServer } from '../../bench/server.js';
import { openTestServer } from '../../support/server.js';

test('a reported swap survives a server crash even with asynchronous commits', async () => {
  const cluster = await createServer({ fsync: 'off', synchronous_commit: 'off', wal_writer_delay: '10s' });
  onTestFinished(() => cluster.destroy());
  for (const name of ['app', 'app_restore_r1']) await cluster.query(`create database ${name}`);
  await cluster.query('create table restored as select generate_series(1, 1000) i', 'app_restore_r1');
  const oids = await cluster.query<{ oid: number }>(
    `select oid::int from pg_database where datname like 'app%' order by datname`,
  );
  const [outgoing, incoming] = oids.map(({ oid }) => oid);
  const server = openTestServer('app', {}, { host: cluster.environment['PGHOST']!, port: 5432 });
  const move = {
    system_identifier: null,
    name: 'app',
    outgoing: { oid: outgoing!, kept_as: 'app_before_r1' },
    incoming: { oid: incoming!, staged_as: 'app_restore_r1' },
  };

  await swapDatabases({ server, clock: systemClock }, 'r1', move);
  await cluster.kill();
  await cluster.start();

  expect(await cluster.query(`select datname from pg_database where datname like 'app%' order by 1`)).toEqual([
    { datname: 'app' },
    { datname: 'app_before_r1' },
  ]);
  expect(await cluster.query('select count(*)::int as rows from restored', 'app')).toEqual([{ rows: 1000 }]);
});
