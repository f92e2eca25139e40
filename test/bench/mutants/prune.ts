import type { Mutant } from './mutant.js';

const GROUPS = 'src/storage/directory/groups.ts';
const JOURNAL = 'src/runs/journal.ts';
const PLAN = 'src/backup/prune-plan.ts';
const REMOVAL = 'src/repository/removal.ts';
const RETENTION = 'src/backup/retention.ts';
const LIMITS = ['test/unit/prune-limits.test.ts'];
const LOST = ['test/unit/lost-lock.test.ts'];
const POWER = ['test/unit/power-failure.test.ts'];
const UNDO = ['test/unit/undo-time.test.ts'];

export const MUTANTS: readonly Mutant[] = [
  {
    promise: 'a backup is removed only while the lock is held',
    file: 'src/repository/on-storage.ts',
    replace: 'operator: deps.operator, assertHeld },',
    by: 'operator: deps.operator, assertHeld: async () => {} },',
    tests: LOST,
  },
  {
    promise: 'the lock is looked at before a backup is hidden',
    file: REMOVAL,
    replace: '  await deps.assertHeld();\n  await refuseRead(id);',
    by: '  await refuseRead(id);',
    tests: ['test/unit/removal.test.ts'],
  },
  {
    promise: 'the lock is looked at once more before a hidden backup is erased',
    file: REMOVAL,
    replace: '    await deps.assertHeld();\n  } catch',
    by: '  } catch',
    tests: ['test/unit/removal.test.ts'],
  },
  {
    promise: 'a prune stops at once where the lock was lost',
    file: 'src/backup/prune.ts',
    replace: '      await lease.assertHeld();\n',
    by: '',
    tests: LOST,
  },
  {
    promise: 'previous databases and trees are removed only while the lock is held',
    file: 'src/restore/previous/remove.ts',
    replace: '      await lease.assertHeld();\n',
    by: '',
    tests: UNDO,
  },
  {
    promise: 'a run begins only while the lock is held',
    file: JOURNAL,
    replace: '  await lease.assertHeld();\n  await writeRun(repository, current);\n  return',
    by: '  await writeRun(repository, current);\n  return',
    tests: LOST,
  },
  {
    promise: 'the state of a run is written only while the lock is held',
    file: JOURNAL,
    replace: '      await lease.assertHeld();\n',
    by: '',
    tests: LOST,
  },
  {
    promise: 'records apart are written only while both locks are held',
    file: 'src/repository/records-apart.ts',
    replace: '        await second.assertHeld();\n',
    by: '',
    tests: LOST,
  },
  {
    promise: 'a run is at work only while its own lock is held',
    file: 'src/repository/lease.ts',
    replace: 'holder.runId === runId && ',
    by: '',
    tests: ['test/unit/lease.test.ts'],
  },
  {
    promise: 'a lock is taken over only after its whole silence',
    file: 'src/repository/lease.ts',
    replace: 'since >= times.silenceMs',
    by: 'since >= times.silenceMs / 2',
    tests: ['test/unit/lease.test.ts'],
  },
  {
    promise: 'a silent reader holds its backup for ten silences',
    file: 'src/repository/readers.ts',
    replace: 'const SILENCES = 10;',
    by: 'const SILENCES = 1;',
    tests: ['test/unit/readers.test.ts'],
  },
  {
    promise: 'a backup is hidden durably before its manifest goes',
    file: GROUPS,
    replace: '      await syncPath(path.dirname(folder));\n',
    by: '',
    tests: POWER,
  },
  {
    promise: 'the manifest of a removed backup goes durably before its other bytes',
    file: GROUPS,
    replace: '  await syncPath(folder);\n  await besides();',
    by: '  await besides();',
    tests: POWER,
  },
  {
    promise: 'a backup exactly as old as the window is kept',
    file: RETENTION,
    replace: 'backup.takenAtMs >= begin',
    by: 'backup.takenAtMs > begin',
    tests: LIMITS,
  },
  {
    promise: 'a backup within the window is not the last one before it',
    file: RETENTION,
    replace: 'backup.takenAtMs < begin',
    by: 'backup.takenAtMs <= begin',
    tests: LIMITS,
  },
  {
    promise: 'a pin ends at its end',
    file: 'src/backup/pins.ts',
    replace: 'Date.parse(until) <= now.getTime()',
    by: 'Date.parse(until) < now.getTime()',
    tests: LIMITS,
  },
  {
    promise: 'removing exactly half of the backups needs no confirmation',
    file: PLAN,
    replace: 'going * 2 > there',
    by: 'going * 2 >= there',
    tests: LIMITS,
  },
  {
    promise: 'removing as many as --max-remove needs no confirmation',
    file: PLAN,
    replace: 'remove.length > maxRemove',
    by: 'remove.length >= maxRemove',
    tests: LIMITS,
  },
  {
    promise: 'a backup within the clock tolerance is not from the future',
    file: 'src/catalog/standing.ts',
    replace: 'now.getTime() + CLOCK_TOLERANCE_MS',
    by: 'now.getTime() + CLOCK_TOLERANCE_MS - 1',
    tests: LIMITS,
  },
  {
    promise: 'a clock within the tolerance is believed',
    file: 'src/catalog/standing.ts',
    replace: 'Math.abs(offMs) <= CLOCK_TOLERANCE_MS',
    by: 'Math.abs(offMs) < CLOCK_TOLERANCE_MS',
    tests: LIMITS,
  },
  {
    promise: 'undo_until is the end of the run plus the time that was promised',
    file: 'src/runs/finish.ts',
    replace: 'now.getTime() + record.keep_old_ms',
    by: 'now.getTime() + record.keep_old_ms + 1_000',
    tests: UNDO,
  },
  {
    promise: 'what a run has kept stays until undo_until',
    file: 'src/restore/previous/plan.ts',
    replace: 'now >= Date.parse(until)',
    by: 'now > Date.parse(until) - 1_000',
    tests: UNDO,
  },
];
