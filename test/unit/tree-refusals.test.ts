import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realDisk, type TreeDisk } from '../../src/runs/tree/disk.js';
import { discardStaging, observeTree, prepareStaging, recoverTree, swapTree } from '../../src/runs/tree/tree.js';
import { removeFolder, scratchFolder } from '../support/file-tree.js';

let scratch: string;
let root: string;

beforeEach(() => {
  scratch = scratchFolder();
  root = path.join(scratch, 'storage');
});
afterEach(() => removeFolder(scratch));

const refused = { code: 'E_REFUSED', changed: 'nothing' };
const put = (file: string, text: string): void => fs.writeFileSync(path.join(root, file), text);
const has = (file: string): string => fs.readFileSync(path.join(root, file), 'utf8');

/** A writer unaware of potctl: acts once, right before the journal enters a phase. */
function withWriter(phase: 'in' | 'back-in', act: () => void, disk: TreeDisk = realDisk()): TreeDisk {
  return {
    ...disk,
    flush: async () => {},
    append: (file, text) => {
      if (text.includes(`"${phase}"`)) act();
      disk.append(file, text);
    },
  };
}

describe('staging is refused, and nothing is created, if', () => {
  test('the root is a file', async () => {
    fs.writeFileSync(root, '');
    await expect(prepareStaging({ root, run: 'r1' })).rejects.toMatchObject(refused);
  });

  test('the root is a broken symbolic link', async () => {
    fs.symlinkSync('nowhere', root);
    await expect(prepareStaging({ root, run: 'r1' })).rejects.toMatchObject(refused);
    expect(fs.existsSync(path.join(scratch, 'nowhere'))).toBe(false);
  });

  test.each([
    ['inside the tree', 'storage/backups'],
    ['the tree itself', 'storage'],
    ['around the tree', '.'],
    ['inside the tree by a link', 'link/backups'],
  ])('the repository is %s', async (_, repository) => {
    fs.mkdirSync(path.join(root, 'backups'), { recursive: true });
    fs.symlinkSync('storage', path.join(scratch, 'link'));
    const forbidden = path.join(scratch, repository);
    await expect(prepareStaging({ root, run: 'r1', forbidden })).rejects.toMatchObject(refused);
    expect(fs.readdirSync(root)).toEqual(['backups']);
  });

  test('the run has already staged', async () => {
    await prepareStaging({ root, run: 'r1' });
    await expect(prepareStaging({ root, run: 'r1' })).rejects.toMatchObject(refused);
  });
});

test('a repository whose path only starts like that of the tree does not overlap it', async () => {
  await prepareStaging({ root, run: 'r1', forbidden: `${root}-backups` });
});

test('an interrupted swap blocks the next staging and the next swap until it is recovered', async () => {
  await prepareStaging({ root, run: 'r1' });
  await prepareStaging({ root, run: 'r2' });
  const dying = {
    ...realDisk(),
    flush: async () => {},
    append: () => {
      throw new Error('power cut');
    },
  };
  await expect(swapTree({ root, run: 'r1', disk: dying })).rejects.toThrow();
  expect((await observeTree({ root })).unfinished).toEqual({ run: 'r1', kind: 'restore', of: null, phase: 'out' });
  await expect(prepareStaging({ root, run: 'r3' })).rejects.toMatchObject(refused);
  await expect(swapTree({ root, run: 'r2' })).rejects.toMatchObject(refused);
  expect(await recoverTree({ root, decision: 'undo' })).toBe('undone');
  await swapTree({ root, run: 'r2' });
});

test('a swap with nothing staged is refused', async () => {
  fs.mkdirSync(root);
  await expect(swapTree({ root, run: 'r1' })).rejects.toMatchObject(refused);
});

test('a damaged journal is refused instead of guessed at', async () => {
  fs.mkdirSync(root);
  fs.mkdirSync(path.join(root, '.potctl-before-r1'));
  put('.potctl-swap-r1.ndjson', '{"format":1,"run":"r1"');
  await expect(observeTree({ root })).rejects.toMatchObject(refused);
  await expect(recoverTree({ root, decision: 'finish' })).rejects.toMatchObject(refused);
});

test('a staged tree that was removed cannot become live', async () => {
  fs.mkdirSync(root);
  put('precious', 'old');
  await prepareStaging({ root, run: 'r1' });
  const dying = {
    ...realDisk(),
    flush: async () => {},
    append: () => {
      throw new Error('power cut');
    },
  };
  await swapTree({ root, run: 'r1', disk: dying }).catch(() => {});
  await discardStaging({ root, run: 'r1' });
  await expect(recoverTree({ root, decision: 'finish' })).rejects.toMatchObject({ code: 'E_REFUSED' });
  expect(await recoverTree({ root, decision: 'undo' })).toBe('undone');
  expect(has('precious')).toBe('old');
});

describe('entries that a writer creates during a swap are kept:', () => {
  test('new names and names that are about to be restored', async () => {
    fs.mkdirSync(root);
    put('avatar.png', 'old');
    const staging = await prepareStaging({ root, run: 'r1' });
    fs.writeFileSync(path.join(staging, 'avatar.png'), 'restored');
    const writer = withWriter('in', () => put('avatar.png', 'late'));
    await swapTree({ root, run: 'r1', disk: writer });
    expect(has('avatar.png')).toBe('restored');
    expect(has('.potctl-before-r1/avatar.png')).toBe('old');
    expect(has('.potctl-before-r1/.potctl-late-r1-1/avatar.png')).toBe('late');
  });

  test('a folder that is recreated behind the sweep', async () => {
    fs.mkdirSync(path.join(root, 'uploads'), { recursive: true });
    put('uploads/a', 'old');
    const staging = await prepareStaging({ root, run: 'r1' });
    fs.mkdirSync(path.join(staging, 'uploads'));
    const writer = withWriter('in', () => {
      fs.mkdirSync(path.join(root, 'uploads'));
      put('uploads/b', 'late');
    });
    await swapTree({ root, run: 'r1', disk: writer });
    expect(fs.readdirSync(path.join(root, 'uploads'))).toEqual([]);
    expect(has('.potctl-before-r1/uploads/a')).toBe('old');
    expect(has('.potctl-before-r1/.potctl-late-r1-1/uploads/b')).toBe('late');
  });

  test('data written to the restored tree before an interrupted swap was rolled back', async () => {
    fs.mkdirSync(root);
    put('a', 'old');
    const staging = await prepareStaging({ root, run: 'r1' });
    fs.mkdirSync(path.join(staging, 'uploads'));
    const disk = realDisk();
    const dying = {
      ...disk,
      flush: async () => {},
      write: (...args: Parameters<TreeDisk['write']>) => {
        if (fs.existsSync(path.join(root, 'uploads'))) throw new Error('power cut');
        disk.write(...args);
      },
      append: (...args: Parameters<TreeDisk['append']>) => {
        if (args[1].includes('back')) throw new Error('power cut');
        disk.append(...args);
      },
    };
    await swapTree({ root, run: 'r1', disk: dying }).catch(() => {});
    put('uploads/order.pdf', 'written while half done');
    expect(await recoverTree({ root, decision: 'undo' })).toBe('undone');
    expect(has('a')).toBe('old');
    await discardStaging({ root, run: 'r1' });
    expect(has('.potctl-before-r1-late/.potctl-late-r1-1/uploads/order.pdf')).toBe('written while half done');
  });
});
