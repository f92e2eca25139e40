import type { Facts, Proof, Scene, TourEvent } from '../../../src/demo/events.js';
import type { View } from '../../ui/view.js';

interface SceneText {
  /** Begins a numbered chapter. */
  readonly title?: string;
  readonly lines?: (facts: Facts, view: View) => readonly string[];
}

const SCENES: Readonly<Record<Scene, SceneText>> = {
  server: {
    title: 'A living application',
    lines: ({ version, host }) => [`PostgreSQL ${version}, private and throw-away, on a socket in ${host}.`],
  },
  application: {
    lines: ({ tables, rows, files, bytes }, { count, bytes: size }) => [
      `The 3dPot database "threedpot": ${tables} tables, ${count(Number(rows))} rows.`,
      `Its models in ./storage: ${count(Number(files))} files, ${size(Number(bytes))}.`,
    ],
  },
  backup: {
    title: 'Back it up while people work',
    lines: () => ['A program goes on writing: a session and its audit line, every few milliseconds.'],
  },
  'written-meanwhile': {
    lines: ({ written, included }, { count }) => [
      `The program wrote ${count(Number(written))} transactions; ${count(Number(included))} of them are in the backup's snapshot.`,
    ],
  },
  verify: { title: 'Is it good?' },
  list: { title: 'What is there?' },
  loss: { title: 'A bad day', lines: () => ['Tables dropped, rows gone, a column overwritten, models deleted:'] },
  plan: { title: 'What would a restore do?' },
  restore: {
    title: 'Bring it back',
    lines: () => ['At a terminal potctl asks for the name; a script gives it with --confirm.'],
  },
  proof: { title: 'Is it the same?', lines: () => ['Every row and every file, read again and compared:'] },
  undo: { title: 'Take the restore away again', lines: () => ['What a restore replaced is kept, so it has an undo.'] },
  undone: { lines: () => ['The state after the bad day, every row and every file:'] },
};

/** Draws the tour's events as they come: chapters, command lines, what they print, proofs. */
export function tourScreen(view: View): (event: TourEvent) => void {
  let chapter = 0;
  return (event) => {
    if (event.kind === 'note') return view.note(event.text);
    if (event.kind === 'output') return view.line(`  ${event.line}`);
    if (event.kind === 'command') return view.line(view.paint('strong', `$ ${event.line}`));
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
