import { sequence } from '../measure.js';

export type Operation = 'create' | 'restore' | 'undo';
export type Victim = 'potctl' | 'tool' | 'server';

export interface Point {
  readonly operation: Operation;
  readonly victim: Victim;
  /** From when the moment counts: the start of the operation, or the moment its tree begins to swap (the databases have just swapped). */
  readonly from: 'start' | 'swap';
  /** 0 = at once, 1 = when the operation, or its swap, usually ends. */
  readonly moment: number;
}

export const OPERATIONS: readonly Operation[] = ['create', 'restore', 'undo'];

type Turn = Pick<Point, 'victim' | 'from'>;
const POTCTL: Turn = { victim: 'potctl', from: 'start' };
const SWAPPING: Turn = { victim: 'potctl', from: 'swap' };
const TOOL: Turn = { victim: 'tool', from: 'start' };
const SERVER: Turn = { victim: 'server', from: 'start' };

/** Create has no swap, undo runs no tool. */
const TURNS: Readonly<Record<Operation, readonly Turn[]>> = {
  create: [POTCTL, TOOL, POTCTL, SERVER],
  restore: [POTCTL, SWAPPING, TOOL, SERVER],
  undo: [POTCTL, SWAPPING, POTCTL, SERVER],
};

/** The same points for the same seed: operations and victims in turn, moments at random. */
export function planPoints(count: number, seed: number, operations = OPERATIONS): Point[] {
  const random = sequence(seed);
  return Array.from({ length: count }, (_, n) => {
    const operation = operations[n % operations.length] ?? 'create';
    const turns = TURNS[operation];
    const turn = turns[Math.floor(n / operations.length) % turns.length] ?? POTCTL;
    return { operation, ...turn, moment: random.next().value };
  });
}
