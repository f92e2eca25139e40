import type { Mutant } from './mutant.js';

const DRAFT = 'src/repository/draft.ts';
const DURABLE = 'src/storage/directory/durable.ts';
const GROUPS = 'src/storage/directory/groups.ts';
const VALUES = 'src/storage/directory/values.ts';
const CONVERGE = 'src/runs/tree/converge.ts';
const LOST = ['test/unit/lost-lock.test.ts'];
const POWER = ['test/unit/power-failure.test.ts'];
const TREE = ['test/unit/tree-power-failure.test.ts'];

export const MUTANTS: readonly Mutant[] = [
  {
    promise: 'a backup is published only while the lock is held',
    file: 'src/repository/on-storage.ts',
    replace: 'async (): Promise<void> => held?.assertHeld();',
    by: 'async (): Promise<void> => {};',
    tests: ['test/unit/lease.test.ts'],
  },
  {
    promise: 'the lock is looked at once more when everything of a backup is synced',
    file: DRAFT,
    replace: 'sealed(manifest), assertHeld)',
    by: 'sealed(manifest), async () => {})',
    tests: LOST,
  },
  {
    promise: 'a group is shown only when its owner confirms it',
    file: GROUPS,
    replace: '      await confirm();\n',
    by: '',
    tests: ['test/unit/storage.test.ts'],
  },
  {
    promise: 'a new file is synced before it counts as written',
    file: DURABLE,
    replace: '    await give(handle, owner);\n    await handle.sync();\n  } finally',
    by: '    await give(handle, owner);\n  } finally',
    tests: POWER,
  },
  {
    promise: 'a line of events is synced',
    file: DURABLE,
    replace: '    await handle.sync();\n    if (bytesWritten',
    by: '    if (bytesWritten',
    tests: POWER,
  },
  {
    promise: 'the name of a file that gets a line is synced',
    file: DURABLE,
    replace: '  await syncPath(path.dirname(file));\n',
    by: '',
    tests: POWER,
  },
  {
    promise: 'the name of a new folder is synced',
    file: DURABLE,
    replace: '  await syncPath(path.dirname(folder));\n',
    by: '',
    tests: POWER,
  },
  {
    promise: 'the artifacts of a backup are synced before it is shown',
    file: GROUPS,
    replace: '    await syncPath(file);\n',
    by: '',
    tests: POWER,
  },
  {
    promise: 'the folders of a backup are synced before it is shown',
    file: GROUPS,
    replace: '  for (const inner of folders) await syncPath(inner);\n',
    by: '',
    tests: POWER,
  },
  {
    promise: 'the name of a backup is synced before it counts as published',
    file: GROUPS,
    replace: '    await syncPath(top);\n',
    by: '',
    tests: POWER,
  },
  {
    promise: 'a backup whose name could not be synced is not published',
    file: GROUPS,
    replace: '    await rename(final, folder);\n    throw error;',
    by: '    throw error;',
    tests: POWER,
  },
  {
    promise: 'a document or marker gets its name durably',
    file: VALUES,
    replace: '  await syncPath(folder);\n  if (source',
    by: '  if (source',
    tests: POWER,
  },
  {
    promise: 'a file that is moved keeps its old name until the new one is synced',
    file: VALUES,
    replace: '  await syncPath(folder);\n  if (source !== null) await rm(source, { force: true });',
    by: '  if (source !== null) await rm(source, { force: true });\n  await syncPath(folder);',
    tests: POWER,
  },
  {
    promise: 'a streamed value is synced before it gets its name',
    file: VALUES,
    replace: '    await give(handle, owner);\n    await handle.sync();\n',
    by: '    await give(handle, owner);\n',
    tests: POWER,
  },
  {
    promise: 'a file that is stored is synced before it gets its name',
    file: VALUES,
    replace: '  await handle.sync();\n}',
    by: '}',
    tests: POWER,
  },
  {
    promise: 'files that were restored are synced before live ones make way',
    file: 'src/runs/tree/swap.ts',
    replace: '    await disk.flush(tree);\n',
    by: '',
    tests: TREE,
  },
  {
    promise: 'the plan of a swap is durable before its first rename',
    file: 'src/runs/tree/journal.ts',
    replace: '  disk.syncFolder(root);\n',
    by: '',
    tests: TREE,
  },
  {
    promise: 'what the tree writes is synced',
    file: 'src/runs/tree/disk.ts',
    replace: '    fsyncSync(handle);\n',
    by: '',
    tests: TREE,
  },
  {
    promise: 'live files that made way have done so durably before others come',
    file: CONVERGE,
    replace: '  disk.syncFolder(before);\n  disk.syncFolder(root);\n',
    by: '',
    tests: TREE,
  },
  {
    promise: 'files that came in have done so durably before the swap is closed',
    file: CONVERGE,
    replace: '  disk.syncFolder(root);\n  disk.syncFolder(from);\n',
    by: '',
    tests: TREE,
  },
  {
    promise: 'files that were taken out again are so durably before the old ones come back',
    file: CONVERGE,
    replace: '  disk.syncFolder(staging);\n  disk.syncFolder(root);\n',
    by: '',
    tests: TREE,
  },
  {
    promise: 'the way back of a swap is over only when it is durable',
    file: CONVERGE,
    replace: 'foldersOf(plan.run).journal));\n  disk.syncFolder(root);\n',
    by: 'foldersOf(plan.run).journal));\n',
    tests: TREE,
  },
  {
    promise: 'a secret that goes into a file is synced before the change is made',
    file: 'src/mfa/delivery.ts',
    replace: '    await handle.sync();\n',
    by: '',
    tests: POWER,
  },
];
