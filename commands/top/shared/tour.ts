import type { Facts, Proof, Scene, TourEvent } from '../../../src/demo/events.js';
import type { View } from '../../ui/view.js';

interface SceneText {
  /** Begins a numbered chapter. */
  readonly title?: string;
  readonly lines?: (facts: Facts, view: View) => readonly string[];
}

const SCENES: Readonly<Record<Scene, SceneText>> = {
  server: {
    title: 'An application in use',
    lines: ({ version, host }) => [`PostgreSQL ${version}: a private, temporary server on a socket in ${host}.`],
  },
  application: {
    lines: ({ tables, rows, files, bytes }, { count, bytes: size }) => [
      `The 3dPot database "threedpot": ${tables} tables, ${count(Number(rows))} rows.`,
      `Its model files in ./storage: ${count(Number(files))} files, ${size(Number(bytes))}.`,
    ],
  },
  backup: {
    title: 'Back it up while people work',
    lines: () => ['Meanwhile a program keeps writing: a session and its audit row every few milliseconds.'],
  },
  'written-meanwhile': {
    lines: ({ written, included }, { count }) => [
      `The program wrote ${count(Number(written))} transactions; ${count(Number(included))} of them are in the backup's snapshot.`,
    ],
  },
  verify: { title: 'Is the backup good?' },
  list: { title: 'Which backups are there?' },
  loss: { title: 'A bad day', lines: () => ['Tables are dropped, rows deleted, a column overwritten, files removed:'] },
  plan: { title: 'What would a restore do?' },
  restore: {
    title: 'Restore it',
    lines: () => ['At a terminal potctl asks you to type the name; a script passes it with --confirm.'],
  },
  proof: { title: 'Is everything back?', lines: () => ['Every row and every file is read again and compared:'] },
  undo: { title: 'Undo the restore', lines: () => ['A restore keeps what it replaced, so it can be undone.'] },
  undone: { lines: () => ['Every row and every file is as it was after the bad day:'] },
};

/** Draws the events of the tour as they happen: chapters, command lines, their output, comparisons. */
export function tourScreen(view: View): (event: TourEvent) => void {
  let chapter = 0;
  return (event) => {
    if (event.kind === 'note') return view.note(event.text);
    if (event.kind === 'output') return view.raw(`  ${event.line}`);
    if (event.kind === 'command') return view.raw(view.paint('strong', `$ ${event.line}`));
    if (event.kind === 'proofs') return drawProofs(event.proofs, view);
    const { title, lines } = SCENES[event.scene];
    if (title) chapter += 1;
    if (title) view.line();
    if (title) view.heading(`${chapter} · ${title}`);
    for (const line of lines?.(event.facts, view) ?? []) view.line(view.paint('dim', `  ${line}`));
  };
}

function drawProofs(proofs: readonly Proof[], view: View): void {
  const rows = proofs.map(({ subject, equal, expected, found, digest }) => [
    `  ${subject}`,
    view.count(expected),
    view.count(found),
    digest,
    equal ? view.paint('good', 'equal') : view.paint('bad', 'DIFFERENT'),
  ]);
  view.table(['  WHAT', 'EXPECTED', 'FOUND', 'DIGEST', 'RESULT'], rows);
}
