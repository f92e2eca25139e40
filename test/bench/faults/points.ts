import { constants } from 'node:os';
import { sequence } from '../measure.js';
import type { ToolFault, ToolStart } from './tools.js';

export type Operation = 'create' | 'restore' | 'undo' | 'prune' | 'import';
export const OPERATIONS: readonly Operation[] = ['create', 'restore', 'undo', 'prune', 'import'];

/** How a call fails; `short`: it writes half, and says so. */
export type CallFault = 'ENOSPC' | 'EIO' | 'EACCES' | 'short';

/** One thing that goes wrong. */
export type Point = { readonly operation: Operation } & (ToolPoint | CallPoint);
export interface ToolPoint extends ToolStart {
  readonly kind: 'tool';
  readonly how: ToolFault;
}
export interface CallPoint {
  readonly kind: 'call';
  /** Program, call and name, separated by tabs. */
  readonly line: string;
  readonly nth: number;
  readonly how: CallFault;
}

/** What an operation did in a run in which nothing failed. */
export interface Inventory {
  readonly starts: readonly ToolStart[];
  /** How often each line came. */
  readonly calls: ReadonlyMap<string, number>;
}

const TOOL_FAULTS: readonly ToolFault[] = ['start', 'fail', 'kill', 'half'];
const CALL_FAULTS: Readonly<Record<string, readonly CallFault[]>> = {
  write: ['ENOSPC', 'EIO', 'short'],
  create: ['ENOSPC', 'EACCES', 'EIO'],
  mkdir: ['ENOSPC', 'EACCES'],
  rename: ['ENOSPC', 'EIO', 'EACCES'],
  link: ['ENOSPC', 'EIO'],
  symlink: ['ENOSPC', 'EIO'],
  open: ['EACCES', 'EIO'],
  unlink: ['EACCES', 'EIO'],
  rmdir: ['EACCES', 'EIO'],
  chmod: ['EACCES', 'EIO'],
  chown: ['EACCES', 'EIO'],
  fsync: ['EIO', 'ENOSPC'],
  close: ['EIO', 'ENOSPC'],
};

export const errnoOf = (how: CallFault): number => (how === 'short' ? -1 : constants.errno[how]);

/** Every start of a tool in each of the four ways, and every kind of call once, where and how as the seed says. */
export function pointsOf(operation: Operation, { starts, calls }: Inventory, seed: number): Point[] {
  const random = sequence(seed);
  const pick = (length: number): number => Math.floor(random.next().value * length);
  const ofTools = starts.flatMap((start) =>
    TOOL_FAULTS.map((how) => ({ operation, kind: 'tool', ...start, how }) as const),
  );
  const ofCalls = [...calls].sort().map(([line, count]) => {
    const faults = CALL_FAULTS[line.split('\t')[1] ?? ''] ?? ['EIO', 'EACCES'];
    return { operation, kind: 'call', line, nth: 1 + pick(count), how: faults[pick(faults.length)] ?? 'EIO' } as const;
  });
  return [...ofTools, ...ofCalls];
}

/** `count` of them, as the seed says, in an order that takes tools and calls of all operations in turn. */
export function choose(points: readonly Point[], count: number, seed: number): Point[] {
  const random = sequence(seed);
  const groups = new Map<string, Point[]>();
  for (const point of points) {
    const name = `${point.kind} ${point.operation}`;
    groups.set(name, [...(groups.get(name) ?? []), point]);
  }
  const chosen: Point[] = [];
  const open = [...groups.values()];
  for (let turn = 0; chosen.length < Math.min(count, points.length); turn += 1) {
    const group = open[turn % open.length] ?? [];
    const [point] = group.splice(Math.floor(random.next().value * group.length), 1);
    if (point !== undefined) chosen.push(point);
  }
  return chosen;
}

export function describe(point: Point): string {
  const what =
    point.kind === 'tool'
      ? `start ${point.nth} of ${point.tool}`
      : `${point.line.replaceAll('\t', ' ')} (${point.nth})`;
  return `${point.operation}: ${what}: ${point.how}`;
}
