import { type Advice, type Again, type NextCommand, partsOf } from '../../src/kernel/next.js';

/** Advice as text without any place: what the engine says, before it is known where the line works. */
export function adviceText(given: Advice): string {
  const parts = partsOf(given);
  return parts
    .map((part) => (typeof part === 'string' || parts.length === 1 ? wordsOf(part) : `\`${wordsOf(part)}\``))
    .join('');
}

function wordsOf(part: string | NextCommand | Again): string {
  if (typeof part === 'string') return part;
  return 'command' in part ? `potctl ${part.command.join(' ')}` : part.again.join(' ');
}
