/**
 * Splits a command into its arguments as a shell would, including quotes, but without expansion or redirection.
 *
 * @returns the arguments, or a sentence that says what is wrong
 */
export function splitCommand(command: string): string[] | string {
  const argv: string[] = [];
  let current: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < command.length; at += 1) {
    const letter = command[at] ?? '';
    if (letter === '\\' && quote !== "'" && at + 1 < command.length) {
      at += 1;
      current = (current ?? '') + command[at];
    } else if (quote !== null && letter === quote) quote = null;
    else if (quote === null && (letter === '"' || letter === "'")) {
      quote = letter;
      current ??= '';
    } else if (quote === null && /\s/.test(letter)) {
      if (current !== null) argv.push(current);
      current = null;
    } else if (quote !== "'" && /[$`]/.test(letter)) return noShell(letter);
    else if (quote === null && /[|&;<>()]/.test(letter)) return noShell(letter);
    else current = (current ?? '') + letter;
  }
  if (quote !== null) return `the quote ${quote} is not closed`;
  if (current !== null) argv.push(current);
  return argv.length === 0 ? 'it is empty' : argv;
}

const noShell = (letter: string): string =>
  `'${letter}' does not work here, because no shell runs; to use a shell, write a list: [sh, -c, "…"]`;
