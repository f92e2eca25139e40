import { expect, test } from 'vitest';
import { lockDatabase } from '../../../src/postgres/advisory-lock.js';
import { freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { openTestServer } from '../../support/server.js';

test('others cannot lock a database until it is released, and are told who holds the lock', async () => {
  const { name } = await freshDatabase();
  const [one, other] = [openTestServer(name), openTestServer(name)];
  const lock = await lockDatabase(one, name, { command: 'backup create' });

  await expect(lockDatabase(other, name)).rejects.toMatchObject({
    code: 'E_LOCKED',
    why: { holder: 'potctl:lock:backup create', client: 'local' },
  });
  await lock.assertHeld();
  await lock.release();
  await (await lockDatabase(other, name)).release();
});

test('locks of different databases are independent', async () => {
  const { name } = await freshDatabase();
  const server = openTestServer(name);

  const locks = await Promise.all([lockDatabase(server, name), lockDatabase(server, `${name}_2`)]);

  await Promise.all(locks.map((lock) => lock.assertHeld()));
  await Promise.all(locks.map((lock) => lock.release()));
});

test('waiting gets the lock once it is free', async () => {
  const { name } = await freshDatabase();
  const server = openTestServer(name);
  const lock = await lockDatabase(server, name);
  setTimeout(() => void lock.release(), 200);

  const mine = await lockDatabase(server, name, { waitMs: 10_000 });

  await mine.assertHeld();
  await mine.release();
});

test('a lost connection releases the lock, and its holder notices', async () => {
  const { name } = await freshDatabase();
  const server = openTestServer(name);
  const lock = await lockDatabase(server, name, { command: name });

  await inMaintenance((client) =>
    client.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`, [
      `potctl:lock:${name}`,
    ]),
  );

  await expect(lock.assertHeld()).rejects.toMatchObject({ code: 'E_LOCKED', changed: 'unknown' });
  await (await lockDatabase(server, name)).release();
});

test('the lock excludes both roles that may connect to the database postgres and roles that may not', async () => {
  const { name } = await freshDatabase();
  const role = `narrow_${name}`;
  await inMaintenance((client) =>
    client.query(`create role ${role} login; revoke connect on database postgres from public`),
  );
  try {
    const narrow = openTestServer(name, {}, { user: role });
    const wide = openTestServer(name);

    const lock = await lockDatabase(narrow, name);
    await expect(lockDatabase(wide, name)).rejects.toMatchObject({ code: 'E_LOCKED' });
    await lock.release();

    const wideLock = await lockDatabase(wide, name);
    await expect(lockDatabase(narrow, name)).rejects.toMatchObject({ code: 'E_LOCKED' });
    await wideLock.release();
  } finally {
    await inMaintenance((client) =>
      client.query(`grant connect on database postgres to public; drop role ${quote(role)}`),
    );
  }
});
