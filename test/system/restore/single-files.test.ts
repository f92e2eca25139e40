import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { plantTree } from '../../support/file-tree.js';
import { filesSite } from '../../support/files-backup.js';
import { potctlHere as potctl } from '../../support/run-main.js';
import { folderForAll, makeTree, temporaryFolder } from '../../support/tree.js';

async function site() {
  const tree = await temporaryFolder();
  plantTree(tree, 'old', ['=sum.csv']);
  const made = await filesSite(tree);
  return { ...made, where: ['--repository', made.repository.url] };
}

test('the files of a backup are listed by a glob, in every format, without a server', async () => {
  const { id, where } = await site();
  const show = (glob: string, ...more: string[]) => potctl(['backup', 'show', id, ...where, '--files', glob, ...more]);

  const json = JSON.parse((await show('**', '--json', '--limit', '0')).stdout);
  expect(json).toMatchObject({
    schema: 'potctl/backup.show@1',
    ok: true,
    page: { returned: 12, total: 12, truncated: false },
  });
  expect(json.items).toHaveLength(12);
  expect(json.items).toContainEqual(
    expect.objectContaining({ path: null, path_b64: Buffer.from('n\xff\xfe\n', 'latin1').toString('base64') }),
  );
  expect(json.items).toContainEqual(
    expect.objectContaining({
      path: 'uploads/deep/model.stl',
      type: 'file',
      size: 9,
      mode: '0644',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    }),
  );

  const lines = (await show('uploads', '-o', 'ndjson', '--limit', '2')).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ path }) => path)).toEqual(['uploads', 'uploads/deep', undefined]);
  expect(lines.at(-1)).toMatchObject({ type: 'summary', page: { returned: 2, total: 3, truncated: true } });

  const csv = (await show('=sum.csv', '-o', 'csv')).stdout.trimEnd().split('\n');
  expect(csv[0]).toBe('mode,type,size,modified,path,target');
  expect(csv[1]).toMatch(/^0644,file,12,\d{4}-.*Z,'=sum\.csv,$/);

  const table = await show('*.txt', '-o', 'table');
  expect(table.stdout).toMatch(/^MODE +TYPE +SIZE +MODIFIED +PATH\n0644 +file +3 B .*plain\.txt\n$/);

  const nothing = await show('plian.txt', '--json');
  expect(nothing.exitCode).toBe(10);
  expect(JSON.parse(nothing.stderr).error).toMatchObject({
    code: 'E_PIECE_NOT_FOUND',
    fix: expect.arrayContaining([expect.stringContaining('plain.txt')]),
  });
});

test('--path of other commands does not turn backup show into a list', async () => {
  const { id, tree, where } = await site();
  const shown = await potctl(['backup', 'show', id, ...where, '--files', tree, '--json']);
  expect(JSON.parse(shown.stdout).item).toMatchObject({ id });
});

test('restore files prints the directory, JSON lists skipped files, and an obstacle leads to exit 3', async () => {
  const { id, where, to } = await site();
  const run = (...flags: string[]) => potctl(['restore', 'files', id, ...where, '--to', to, ...flags]);

  const first = await run('--path', 'plain.txt');
  expect(first).toMatchObject({ exitCode: 0, stdout: `${to}\n` });
  expect(readFileSync(path.join(to, 'plain.txt'), 'utf8')).toBe('old');

  const again = JSON.parse((await run('--path', 'plain.txt', '--json')).stdout);
  expect(again).toMatchObject({
    ok: true,
    changed: false,
    result: { restored: 0, skipped: 1, left: [{ path: 'plain.txt', reason: 'exists' }] },
  });

  expect((await run('--path', 'plain.txt')).stderr).toContain('use --overwrite if-newer or --overwrite always');
  writeFileSync(path.join(to, 'plain.txt'), 'newer than the backup');
  const newer = await run('--path', 'plain.txt', '--overwrite', 'if-newer');
  expect(newer.stderr).toMatch(/to replace all of them, use --overwrite always/);

  writeFileSync(path.join(to, 'uploads'), 'in the way');
  const obstructed = await run('--path', 'uploads', '--path', 'read-only', '--overwrite', 'always');
  expect(obstructed.exitCode).toBe(3);
  expect(obstructed.stderr).toContain('skipped: uploads   exists and is of another type');
  expect(readdirSync(path.join(to, 'read-only'))).toEqual(['kept']);
});

test.each([
  ['no path', ['--to', '/tmp'], 2, '--path'],
  ['no directory', ['--path', '*'], 2, '--to'],
  ['a glob that names nothing', ['--path', 'nothing/like/it', '--to', '/tmp/x'], 10, 'E_PIECE_NOT_FOUND'],
  [
    'a rule that does not exist',
    ['--path', '*', '--to', '/tmp', '--overwrite', 'maybe'],
    2,
    'one of never, if-newer, always',
  ],
])('%s is refused with advice', async (_, flags, exitCode, text) => {
  const { id, where } = await site();
  const refused = await potctl(['restore', 'files', id, ...where, ...flags]);
  expect(refused).toMatchObject({ exitCode, stdout: '' });
  expect(refused.stderr).toContain(text);
});

test('a target that is a file, not writable, or inside the repository is refused, and nothing is created', async () => {
  const { id, where, repository, to } = await site();
  const run = (place: string) => potctl(['restore', 'files', id, ...where, '--path', '**', '--to', place]);
  writeFileSync(to, 'a file');
  expect(await run(to)).toMatchObject({ exitCode: 17, stderr: expect.stringContaining('is not a directory') });
  const inside = path.join(repository.url, 'backups', 'found');
  expect(await run(inside)).toMatchObject({ exitCode: 30, stderr: expect.stringContaining('inside the repository') });
  expect(readdirSync(path.dirname(inside))).toEqual([id]);
  const other = path.join(path.dirname(to), 'r2');
  cpSync(repository.url, other, { recursive: true });
  for (const place of [other, path.join(other, 'backups', 'found')]) {
    const refused = { exitCode: 30, stderr: expect.stringContaining(`inside the backup repository "${other}"`) };
    expect(await run(place)).toMatchObject(refused);
  }
  expect(readdirSync(path.join(other, 'backups'))).toEqual([id]);
  expect(readFileSync(to, 'utf8')).toBe('a file');
});

test('a damaged archive restores nothing', async () => {
  const { id, repository, to, restore } = await site();
  const archive = path.join(
    repository.url,
    'backups',
    id,
    readdirSync(path.join(repository.url, 'backups', id)).find((name) => name.startsWith('files.tar'))!,
  );
  const bytes = readFileSync(archive);
  chmodSync(archive, 0o600);
  const middle = Math.floor(bytes.length / 2);
  bytes.fill(0x55, middle, middle + 64);
  writeFileSync(archive, bytes);

  await expect(restore(['**'])).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT', changed: 'nothing' });
  expect(() => readdirSync(to)).toThrow('ENOENT');
});

test('the next restore removes what a killed one staged, but not what a running one stages', async () => {
  const { to, restore } = await site();
  mkdirSync(path.join(to, '.potctl-restore-dead', 'files'), { recursive: true });
  mkdirSync(path.join(to, '.potctl-restore-alive'));
  mkdirSync(path.join(to, '.potctl-restore-whole'));
  const { readHostIdentity } = await import('../../../src/kernel/host-identity.js');
  const ours = await readHostIdentity(process.pid);
  const dead = Number(execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
  writeFileSync(path.join(to, '.potctl-restore-dead', 'owner.json'), JSON.stringify({ ...ours, pid: dead }));
  writeFileSync(path.join(to, '.potctl-restore-alive', 'owner.json'), JSON.stringify(ours));

  await restore(['plain.txt']);

  expect(readdirSync(to).sort()).toEqual(['.potctl-restore-alive', '.potctl-restore-whole', 'plain.txt']);
  rmSync(to, { recursive: true });
});

test.runIf(process.getuid?.() === 0)(
  'for an ordinary user, entries without write permission are reported and unchanged, and the rest is restored',
  async () => {
    const nobody = 65_534;
    const tree = await makeTree({ a: { shut: { f: 'new' } }, top: 'new' });
    const { id, repository } = await filesSite(tree);
    const to = await makeTree({ a: { shut: { f: 'old' } } }, path.join(await folderForAll(), 'to'));
    execFileSync('chown', ['-R', `${nobody}:${nobody}`, to]);
    chmodSync(path.join(to, 'a', 'shut'), 0o555);
    for (let above = path.dirname(repository.url); above !== tmpdir(); above = path.dirname(above))
      chmodSync(above, 0o755);
    execFileSync('chmod', ['-R', 'a+rX', repository.url]);
    const place = ['--to', to, '--repository', repository.url];
    const run = (...flags: string[]) =>
      potctl(['restore', 'files', id, ...place, ...flags], { user: nobody, env: { HOME: to } });

    const result = await run('--path', '**', '--overwrite', 'always', '--json');

    expect(result.exitCode).toBe(3);
    expect(JSON.parse(result.stdout).result).toMatchObject({
      restored: 1,
      overwritten: 0,
      left: [{ path: 'a/shut/f', reason: 'denied' }],
    });
    expect([readdirSync(to).sort(), readFileSync(path.join(to, 'a', 'shut', 'f'), 'utf8')]).toEqual([
      ['a', 'top'],
      'old',
    ]);

    const nowhere = await potctl(
      ['restore', 'files', id, '--path', '**', '--to', '/usr/lib', '--repository', repository.url],
      { user: nobody, env: { HOME: to } },
    );
    expect(nowhere).toMatchObject({ exitCode: 12, stderr: expect.stringContaining('E_FILES_DENIED') });
  },
);
